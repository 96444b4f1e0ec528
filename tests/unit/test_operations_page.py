"""Every command of the runbook exists, with the options and arguments that it is given there."""

import re
import shlex
from importlib import import_module
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
OVERLAY: dict[str, Any] = yaml.safe_load((ROOT / "docker" / "compose.hosts.yml").read_text(encoding="utf-8"))["services"]
COMPOSE_VERBS = {"build", "pull", "up", "stop", "exec", "run", "cp", "logs", "ps"}
SECTIONS = [
    "A job is stuck",
    "A host is dead",
    "The model hub is away",
    "Restoring the database",
    "Renewing certificates",
    "Draining for an upgrade",
    "Backups",
    "Updates",
    "Upgrades and going back",
    "Reading the numbers",
]


OTHERS = {
    ("SITE=voice.example.org", "caddy"),
    ("VOICE_ALERTMANAGER=./alertmanager.yml", "docker"),
    ("VOICE_TORCH_INDEX=https://wheels.example.org/cpu", "docker"),
    ("amtool", "check-config"),
    ("cp", "docker/alertmanager.example.yml"),
    ("cp", "token"),
    ("cp", "docker/systemd/voice-update.service"),
    ("docker", "network"),
    ("docker", "system"),
    ("printf", "%s"),
    ("python", "docker/hosts.py"),
    ("python", "docker/make_secrets.py"),
    ("rm", "cpu-2.tar"),
    ("rm", "secrets/hosts/cpu-2/host/host.crt"),
    ("scp", "cpu-2.tar"),
    ("scp", "gpu-1.tar"),
    ("python3", "docker/update.py"),
    ("systemctl", "disable"),
    ("systemctl", "enable"),
    ("timedatectl",),
}
"""Commands of the host with which a proxy, alerts, updates or a clock are looked at or set up."""


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
    assert [name for name in named if name not in {**SERVICES, **OVERLAY}] == []


VIEWS = ("near-copies", "stuck", "workers")


def test_each_end_of_an_update_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every exit status stands in the table, and no other."""
    monkeypatch.syspath_prepend(ROOT / "docker")
    table = PAGE.partition("| exit status | what it means |")[2].partition("\n\n")[0]
    assert [int(number) for number in re.findall(r"^\| (\d) \|", table, re.MULTILINE)] == list(
        import_module("update_node").Status
    )


def test_the_units_run_what_there_is() -> None:
    """The service runs the script of the checkout that the page names, and the timer starts that service."""
    service, timer = (
        (ROOT / "docker" / "systemd" / f"voice-update.{kind}").read_text(encoding="utf-8") for kind in ("service", "timer")
    )
    [folder] = re.findall(r"^WorkingDirectory=(.+)$", service, re.MULTILINE)
    [script] = re.findall(r"^ExecStart=/usr/bin/python3 (\S+)$", service, re.MULTILINE)
    assert (ROOT / script).is_file()
    assert f"(they name `{folder}` as the checkout)" in PAGE
    assert "OnCalendar=hourly" in timer and "WantedBy=timers.target" in timer


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
