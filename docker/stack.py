"""A container engine for `make compose-check`: finds one, runs the project's stack with it, takes it down without a trace."""

import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).resolve().parent.parent
PROJECT = "voice-check"
FILES = ("docker-compose.yml", "docker/compose.check.yml")
PROFILES = ("speech", "edge", "observe")
"""What the check runs beside the stack's processes."""
_COMMAND_SECONDS = 300.0
_GRACE_SECONDS = 20.0
_OWN_NAMES = ("VOICE_", "BT_", "HF_", "COMPOSE_", "DATABASE_URL", "REDIS_URL")
"""Settings that the stack reads from its own files and never from this shell."""

console = Console(highlight=False, soft_wrap=True)


class CheckFailed(Exception):
    """Something that did not happen, in one line."""


@dataclass(frozen=True, slots=True)
class Engine:
    """The program that runs containers on this host.

    Podman 4 refuses to start what depends on a container that has ended, as the migration has: there the order of starts is left
    out, and each process waits for what it needs, or ends and is started again.
    """

    name: str
    build: tuple[str, ...]
    compose: tuple[str, ...]
    up: tuple[str, ...] = ()


ENGINES = (
    Engine("docker", ("docker", "build"), ("docker", "compose")),
    Engine("podman", ("podman", "build", "--format", "docker"), ("podman-compose",), ("--no-deps",)),
)


def find_engine(works: Callable[..., bool]) -> Engine:
    """The first engine that answers, with its compose; raises CheckFailed."""
    for engine in ENGINES:
        if works(engine.name, "info") and works(*engine.compose, "version"):
            return engine
    raise CheckFailed("neither docker (with its compose plugin) nor podman (with podman-compose) works here: install one of them")


def answers(*command: str) -> bool:
    """Whether a command is there and succeeds."""
    try:
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


@dataclass(frozen=True, slots=True)
class Stack:
    """The compose project; `environment` fills in the files' variables."""

    engine: Engine
    environment: Mapping[str, str]
    project: str = PROJECT
    files: tuple[str, ...] = FILES
    """By their paths in the repository."""

    def compose(self, *arguments: str, profiles: tuple[str, ...] = PROFILES) -> str:
        """Run a compose command on the project, with some of its profiles; raises CheckFailed."""
        files = (part for file in self.files for part in ("--file", str(ROOT / file)))
        named = ("--project-name", self.project, *files, *(part for profile in profiles for part in ("--profile", profile)))
        return execute((*self.engine.compose, *named, *arguments), self.environment)

    def up(self, *arguments: str) -> None:
        """Start services, all of them where none is named; raises CheckFailed."""
        self.compose("up", "--detach", "--no-build", *self.engine.up, *arguments)

    def run(self, service: str, *command: str, profile: str) -> str:
        """Run a command in a new container of a service, beside what is up, and return what it printed; raises CheckFailed."""
        return self.compose("run", "--rm", "--no-deps", "-T", service, *command, profiles=(profile,))

    def containers(self) -> list[str]:
        """The names of the project's containers, ended ones too."""
        label = f"label=com.docker.compose.project={self.project}"
        listed = execute((self.engine.name, "ps", "--all", "--filter", label, "--format", "{{.Names}}"), self.environment)
        return sorted(listed.split())

    def one(self, service: str) -> str:
        """The first container of a service; raises CheckFailed where there is none."""
        for name in self.containers():
            if re.search(rf"[_-]{service}[_-]\d+$", name):
                return name
        raise CheckFailed(f"there is no container of {service}")

    def addresses(self, container: str) -> list[str]:
        """The addresses of a container that is up, on every network."""
        listed = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
        return execute((self.engine.name, "inspect", "--format", listed, container), self.environment).split()

    def execute_in(self, container: str, *command: str) -> str:
        """Run a command in a container that is up, as its user; raises CheckFailed."""
        return execute((self.engine.name, "exec", container, *command), self.environment)

    def execute_once(self, image: str, *command: str) -> str:
        """Run a command in a new container of an image, with a file system that its user's rights alone protect; raises CheckFailed."""
        return execute((self.engine.name, "run", "--rm", "--network", "none", image, *command), self.environment)

    def is_well(self, container: str) -> bool:
        """Whether a container's health check passes. Podman runs checks only where systemd tells it when, so it is told here."""
        if self.engine.name == "podman":
            return answers("podman", "healthcheck", "run", container)
        status = execute(("docker", "inspect", "--format", "{{.State.Health.Status}}", container), self.environment)
        return status.strip() == "healthy"

    def save_logs(self, folder: Path) -> None:
        """Keep what each container printed."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in self.containers():
            with (folder / f"{name}.log").open("wb") as log:
                subprocess.run((self.engine.name, "logs", name), stdout=log, stderr=log, timeout=60, check=False)

    def down(self) -> None:
        """Take everything down, volumes too; raises CheckFailed if something is left.

        The containers go first and by their label: podman-compose forgets those that `--scale` added.
        """
        containers = self.containers()
        if containers:
            execute((self.engine.name, "stop", "-t", "10", *containers), self.environment)
            execute((self.engine.name, "rm", "--force", *containers), self.environment)
        self.compose("down", "--volumes")
        left = self.containers()
        if left:
            raise CheckFailed(f"containers are left: {', '.join(left)}")


def until(what: str, seconds: float, holds: Callable[[], bool]) -> None:
    """Wait until something holds; raises CheckFailed when it takes too long."""
    started = time.monotonic()
    while not holds():
        if time.monotonic() - started > seconds:
            raise CheckFailed(f"{what}: not within {seconds:.0f} s")
        time.sleep(1.0)
    console.print(f"{what}: after {time.monotonic() - started:.0f} s")


def execute(command: tuple[str, ...], environment: Mapping[str, str] | None = None, limit: float = _COMMAND_SECONDS) -> str:
    """Run a command to its end and return what it printed; raises CheckFailed with the end of it."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(_OWN_NAMES)}  # noqa: TID251 - a child's
    given = {**own, **(environment or {})}
    with subprocess.Popen(command, cwd=ROOT, env=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            printed, complaint = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired as exc:
            _end(process)
            raise CheckFailed(f"{' '.join(command[:3])} … did not end within {limit:.0f} s") from exc
        except KeyboardInterrupt:
            _end(process)
            raise
    if process.returncode != 0:
        raise CheckFailed(f"{shlex.join(command)} failed ({process.returncode}):\n{(printed + complaint)[-3000:]}")
    return printed


def _end(process: subprocess.Popen[str]) -> None:
    """Ask a command to end, so that it can clean up, and force it if it does not."""
    process.terminate()
    try:
        process.communicate(timeout=_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
