"""docker/compose.node.yml and what docs/devchain.md says of it: the contract suite's variables, commands that exist. No node is run."""

import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer.main
import typer.rich_utils
import yaml
from bittensor.settings import resolve_endpoint
from typer._click.exceptions import NoArgsIsHelpError

from neurons.cli.main import app
from tests.contract.conftest import NodeSettings

ROOT = Path(__file__).resolve().parents[2]
FILE = (ROOT / "docker" / "compose.node.yml").read_text(encoding="utf-8")
NODE: dict[str, Any] = yaml.safe_load(FILE)["services"]["node"]
PAGE = (ROOT / "docs" / "devchain.md").read_text(encoding="utf-8").partition("\n## Beside a real node\n")[2]
LINES = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
ASSIGNED = [dict(word.split("=", 1) for word in shlex.split(line) if word.startswith("VOICE_TEST_")) for line in LINES]
ALIASES = {str(field.validation_alias) for field in NodeSettings.model_fields.values()}


@cache
def command_line(name: str) -> Any:
    """All commands of a program, which take a second to be made. The SDK's changes typer's looks and statuses for every program."""
    if name == "voice":
        return typer.main.get_command(app)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(NoArgsIsHelpError, "exit_code", NoArgsIsHelpError.exit_code)
        for style in filter(str.isupper, vars(typer.rich_utils)):
            patch.setattr(typer.rich_utils, style, getattr(typer.rich_utils, style))
        from bittensor.cli.main import app as btcli
    return typer.main.get_command(btcli)


def test_the_image_is_pinned_and_the_node_confined() -> None:
    """By its digest; without a capability; heard on this host alone, since everybody knows its keys."""
    assert re.fullmatch(r"\$\{VOICE_NODE_IMAGE:-ghcr\.io/raofoundation/subtensor-localnet@sha256:[0-9a-f]{64}\}", NODE["image"])
    assert (NODE["cap_drop"], NODE["security_opt"]) == (["ALL"], ["no-new-privileges"])
    assert NODE["ports"] == ["127.0.0.1:${VOICE_NODE_PORT:-9944}:9944"]
    assert not {"volumes", "privileged", "network_mode", "pid"} & set(NODE)


def test_the_page_names_every_variable_of_the_suite_and_of_the_file() -> None:
    """And what holds without each of those that the suite has a value for."""
    rows = dict(re.findall(r"^\| `(VOICE_\w+)` \| .* \| (.*) \|$", PAGE, re.MULTILINE))

    assert set(rows) == ALIASES | set(re.findall(r"\$\{(\w+)", FILE))
    for field in NodeSettings.model_fields.values():
        if field.default is not None:
            assert str(field.default) in rows[str(field.validation_alias)]
    assert {default in rows[name] for name, default in re.findall(r"\$\{(VOICE_NODE_PORT):-(\w+)", FILE)} == {True}


@pytest.mark.parametrize("assigned", [each for each in ASSIGNED if each], ids=lambda each: "+".join(each))
def test_the_suite_reads_what_the_page_sets(assigned: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each name is a setting's; the network is where the file's node listens, and one that the SDK finds."""
    for name, value in assigned.items():
        monkeypatch.setenv(name, value)
    settings = NodeSettings()

    assert set(assigned) <= ALIASES
    assert settings.network is not None and settings.network in resolve_endpoint(settings.network)
    assert NODE["ports"][0].endswith(f":{urlsplit(settings.network).port}")
    assert {str(settings.netuid), settings.wallet or ""} >= set(assigned.values()) - {settings.network}


def test_local_is_where_the_node_listens() -> None:
    """The network `local` of the SDK, which the page's other commands name."""
    assert resolve_endpoint("local")[1] == "ws://127.0.0.1:9944"


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith(("voice ", "btcli "))])
def test_a_command_takes_what_it_is_given(line: str) -> None:
    """Ours, and the SDK's that is installed: the command line parses it, and nothing is run."""
    name, *words = shlex.split(line)
    command = command_line(name)
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    assert not hasattr(command, "commands"), f"{line}: no such command"
    assert not command.make_context(command.name, words).args


def test_other_lines_start_the_file_and_the_suite() -> None:
    """Each names a file that is there."""
    others = [line for line in LINES if not line.startswith(("voice ", "btcli "))]

    assert others
    for line in others:
        paths = [word for word in shlex.split(line) if word.endswith((".yml", ".py"))]
        assert len(paths) == 1 and (ROOT / paths[0]).is_file()
