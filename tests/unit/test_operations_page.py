"""Every command of the runbook exists, with the options and arguments that it is given there."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from neurons.cli.main import app
from scoring.errors import Code

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
LINES = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
COMPOSE_VERBS = {"build", "pull", "up", "stop", "exec", "run", "cp", "logs", "ps"}
SECTIONS = [
    "A job is stuck",
    "A host is dead",
    "The model hub is away",
    "Restoring the database",
    "Renewing certificates",
    "Draining for an upgrade",
    "Backups",
    "Upgrades and going back",
    "Reading the numbers",
]


OTHERS = {
    ("SITE=voice.example.org", "caddy"),
    ("VOICE_ALERTMANAGER=./alertmanager.yml", "docker"),
    ("amtool", "check-config"),
    ("cp", "docker/alertmanager.example.yml"),
    ("cp", "token"),
    ("docker", "network"),
    ("docker", "system"),
    ("python", "docker/make_secrets.py"),
    ("timedatectl",),
}
"""Commands of the host with which a proxy, alerts or a clock are looked at or set up."""


def test_every_line_is_a_command_that_is_checked() -> None:
    """Ours, or compose's; and those of the host that are named here."""
    assert LINES
    others = [line for line in LINES if not line.startswith(("voice ", "docker compose "))]
    assert {tuple(line.split()[:2]) for line in others} == OTHERS


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("voice ")])
def test_a_command_of_ours_takes_what_it_is_given(line: str) -> None:
    """The command line parses it; nothing is run."""
    command: Any = typer.main.get_command(app)
    words = shlex.split(line)[1:]
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    assert getattr(command, "invoke_without_command", not hasattr(command, "commands")), f"{line}: no such command"
    context = command.make_context(command.name, words)
    assert not context.args


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("docker compose ")])
def test_a_command_of_compose_names_services_that_exist(line: str) -> None:
    """After its verb and options come services, or one and what it runs."""
    verb, *rest = [word for word in shlex.split(line)[2:] if not word.startswith("-") and "=" not in word]
    assert verb in COMPOSE_VERBS
    if verb == "cp":
        rest = [rest[0].partition(":")[0]]
    named = rest[:1] if verb in ("exec", "run") else rest
    assert [name for name in named if name not in SERVICES] == []


VIEWS = ("near-copies", "stuck", "workers")


def test_the_images_that_are_named_by_digest_are_those_that_are_built() -> None:
    """Each service that runs an image of ours stands in the example, with the image that it runs."""
    [block] = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(services:.*?)```", PAGE, re.DOTALL)]
    named = {name: service["image"].partition("@")[0].rpartition("/")[2] for name, service in block["services"].items()}
    assert named == {name: service["build"]["target"] for name, service in SERVICES.items() if "build" in service}


def test_an_order_says_why() -> None:
    """An operator copies these lines."""
    orders = [line for line in LINES if line.startswith("voice operator ") and line.split()[2] not in VIEWS]
    assert orders
    assert [line for line in orders if "--reason" not in line] == []


def test_the_codes_that_it_names_are_codes() -> None:
    """And those that are requeued by code are ours."""
    for number in re.findall(r"--code (\d{4})", PAGE):
        assert 2000 <= Code(int(number)) < 3000
    assert int(re.findall(r"ends, code (\d{4})", PAGE)[0]) == Code.CERTIFICATE_INVALID


@pytest.mark.parametrize("section", SECTIONS)
def test_what_may_happen_has_its_section(section: str) -> None:
    """With commands in it."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    assert "```sh\n" in text


def test_every_setting_and_number_that_it_names_exists() -> None:
    """Settings stand in the example; numbers are those of the processes."""
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    files = (path for folder in ("voice_api", "neurons", "workers") for path in (ROOT / folder).rglob("*.py"))
    sources = "".join(path.read_text(encoding="utf-8") for path in files)
    assert [name for name in re.findall(r"VOICE_[A-Z_]+", PAGE) if f"\n{name}=" not in example] == []
    assert [name for name in re.findall(r"`(voice_\w+)`", PAGE) if f'"{name.removesuffix("_total")}"' not in sources] == []
