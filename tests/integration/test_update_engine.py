"""What an update asks docker and podman for, word by word; the engines are programs that write down what they are asked."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

DOCKER = Path(__file__).resolve().parents[2] / "docker"
IMAGE = f"registry.example.org/voice/api@sha256:{'1a' * 32}"


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """docker/update_engine.py as a module."""
    monkeypatch.syspath_prepend(DOCKER)
    return importlib.import_module("update_engine")


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, str], None]:
    """Put a program on the path that writes down what it is asked, and then does what a line of shell says."""

    def put(name: str, does: str) -> None:
        file = tmp_path / name
        file.write_text(f'#!/bin/sh\necho "{name} $@" >> {tmp_path}/asked\n{does}\n')
        file.chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return put


def asked(folder: Path) -> list[str]:
    """What was asked so far."""
    return (folder / "asked").read_text().splitlines()


def container(name: str, service: str, status: str, health: str | None, **labels: str) -> dict[str, Any]:
    """A container as `inspect` shows it."""
    check = {} if health is None else {"Healthcheck": {"Test": ["CMD", "true"]}}
    known = {"com.docker.compose.service": service, **labels}
    state = {"Status": status, **({} if health is None else {"Health": {"Status": health}})}
    return {"Name": f"/{name}", "Config": {"Labels": known, **check}, "State": state}


def test_containers_are_seen_as_docker_shows_them(
    engine: ModuleType, program: Callable[[str, str], None], tmp_path: Path
) -> None:
    """Well is what runs and whose check passes; a command that is run beside the stack is none of it."""
    oneoff = {"com.docker.compose.oneoff": "True"}
    shown = [
        container("s-api-1", "api", "running", "healthy"),
        container("s-worker-1", "worker", "running", "starting"),
        container("s-worker-2", "worker", "restarting", "unhealthy"),
        container("s-redis-1", "redis", "running", None),
        container("s-migrate-1", "migrate", "exited", None),
        container("s-api-run-1", "api", "running", "healthy", **oneoff),
    ]
    (tmp_path / "shown").write_text(json.dumps(shown))
    program("docker", f'case "$1" in ps) echo b; echo a;; inspect) cat {tmp_path}/shown;; esac')
    host = engine.HostEngine(name="docker", composes=("docker", "compose"), started=(), root=tmp_path, project="s")
    found = {each.name: (each.service, each.is_running, each.is_well) for each in host.containers()}
    assert found == {
        "s-api-1": ("api", True, True),
        "s-worker-1": ("worker", True, False),
        "s-worker-2": ("worker", False, False),
        "s-redis-1": ("redis", True, True),
        "s-migrate-1": ("migrate", False, False),
    }
    assert asked(tmp_path) == [
        "docker ps --all --filter label=com.docker.compose.project=s --format {{.Names}}",
        "docker inspect --type container a b",
    ]


def test_podman_is_told_to_look(engine: ModuleType, program: Callable[[str, str], None], tmp_path: Path) -> None:
    """It runs a check only where somebody says when."""
    (tmp_path / "shown").write_text(json.dumps([container(name, name, "running", "") for name in ("api", "worker")]))
    program("podman", f'case "$1 $3" in ps*) echo api worker;; inspect*) cat {tmp_path}/shown;; "healthcheck api") exit 1;; esac')
    host = engine.HostEngine(name="podman", composes=("podman-compose",), started=("--no-deps",), root=tmp_path, project="s")
    assert {each.name: each.is_well for each in host.containers()} == {"api": False, "worker": True}


def test_a_record_is_checked_where_nothing_can_be_reached(
    engine: ModuleType, program: Callable[[str, str], None], tmp_path: Path
) -> None:
    """No network, no file of the host, no right, and an image that is here; the record comes by standard input."""
    program("docker", "cat")
    host = engine.HostEngine(name="docker", composes=("docker", "compose"), started=(), root=tmp_path, project="s")
    ended = host.once(IMAGE, ("voice", "release", "verify", "-"), b"record", {"VOICE_RELEASE_KEY": "5Key"})
    assert (ended.status, ended.printed) == (0, "record")
    confined = "--pull never --network none --read-only --cap-drop ALL --security-opt no-new-privileges --tmpfs /tmp"
    assert asked(tmp_path) == [
        f"docker run --rm --interactive {confined} --env VOICE_RELEASE_KEY=5Key {IMAGE} voice release verify -"
    ]


@pytest.mark.parametrize(
    ("here", "commands"),
    [
        pytest.param("true", ["image inspect"], id="it is here"),
        pytest.param("false", ["image inspect", "pull --quiet"], id="it is not"),
    ],
)
def test_an_image_that_is_here_is_not_fetched(
    engine: ModuleType, program: Callable[[str, str], None], tmp_path: Path, here: str, commands: list[str]
) -> None:
    """A digest is one content."""
    program("docker", f'[ "$1" = pull ] || {here}')
    host = engine.HostEngine(name="docker", composes=("docker", "compose"), started=(), root=tmp_path, project="s")
    assert host.pull(IMAGE).status == 0
    assert asked(tmp_path) == [f"docker {command} {IMAGE}" for command in commands]


def test_compose_is_told_the_images_and_no_others(
    engine: ModuleType, program: Callable[[str, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What this shell names is not the stack's; a failure's last line says why, and what is missing or late is a failure, too."""
    monkeypatch.setenv("VOICE_IMAGE_API", "of the shell")
    monkeypatch.setenv("VOICE_IMAGE_WORKER", "of the shell")
    program("docker", 'echo "$VOICE_IMAGE_API,$VOICE_IMAGE_WORKER"; echo first >&2; echo last >&2; exit 3')
    host = engine.HostEngine(name="docker", composes=("docker", "compose"), started=(), root=tmp_path, project="s")
    ended = host.up("api", images={"VOICE_IMAGE_API": IMAGE})
    assert (ended.status, ended.printed, ended.why) == (3, f"{IMAGE},\n", "last")
    assert asked(tmp_path) == ["docker compose up --detach --no-build api"]
    gone = engine.HostEngine(name="nowhere", composes=("nowhere",), started=(), root=tmp_path, project="s")
    assert (gone.execute("a", "b").status, gone.execute("a", "b").why) == (127, "nowhere: No such file or directory")


@pytest.mark.parametrize(
    ("docker", "found"),
    [
        pytest.param("exit 0", "docker", id="both"),
        pytest.param('[ "$1" = info ]', "podman", id="docker without its plugin"),
        pytest.param("exit 1", "podman", id="no docker daemon"),
    ],
)
def test_the_first_engine_that_answers_is_taken(
    engine: ModuleType, program: Callable[[str, str], None], tmp_path: Path, docker: str, found: str
) -> None:
    """With its compose."""
    program("docker", docker)
    program("podman", "exit 0")
    program("podman-compose", "exit 0")
    assert engine.find(tmp_path, "s").name == found


def test_a_host_without_an_engine_has_none(
    engine: ModuleType, program: Callable[[str, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where podman is there without its compose."""
    program("podman", "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert engine.find(tmp_path, "s") is None
