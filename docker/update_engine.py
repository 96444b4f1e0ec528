"""What an update asks of a host's container engine: docker with its compose plugin, or podman with podman-compose. Needs Python only."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

_SECONDS = 900.0
_PULL_SECONDS = 3600.0
_ANSWER_SECONDS = 60.0
_TOO_LATE = 124
"""The status of a command that did not end, as `timeout` has it."""
_NOT_THERE = 127
_TMP = "/tmp"  # noqa: S108 - of a container


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that ended: its status, what it printed, and what it complained of."""

    status: int
    printed: str
    complaint: str

    @property
    def why(self) -> str:
        """The last line of its complaint, which says what was wrong; for a message of one line."""
        lines = (self.complaint.strip() or self.printed.strip() or f"status {self.status}").splitlines()
        return lines[-1].strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container of the stack."""

    name: str
    service: str
    is_running: bool
    is_well: bool
    """It runs, and its health check, where it has one, passes."""


class Engine(Protocol):
    """Runs containers on this host. `images` are the variables by which the compose file names them."""

    def pull(self, image: str) -> Ended:
        """Fetch an image by its digest, unless it is here."""
        ...

    def once(self, image: str, command: tuple[str, ...], given: bytes, environment: Mapping[str, str]) -> Ended:
        """Run a command in a new container of an image that reaches nothing: no network, no file of the host."""
        ...

    def compose(self, *arguments: str, images: Mapping[str, str]) -> Ended:
        """Run a command of compose on the stack."""
        ...

    def up(self, *arguments: str, images: Mapping[str, str]) -> Ended:
        """Start services as the compose file has them, in the background, building nothing."""
        ...

    def execute(self, container: str, *command: str) -> Ended:
        """Run a command in a container that is up."""
        ...

    def containers(self) -> list[Container]:
        """The stack's containers, those that have ended, too; none of a command that is run beside it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HostEngine:
    """An engine of this host. Compose reads the files that it finds in `root`, or those that COMPOSE_FILE names."""

    name: str
    composes: tuple[str, ...]
    started: tuple[str, ...]
    """What `up` takes besides: podman 4 starts nothing that depends on a container which has ended, as the migration has."""
    root: Path
    project: str

    def pull(self, image: str) -> Ended:
        """Fetch an image by its digest; one that is here is what it is."""
        here = self._run((self.name, "image", "inspect", image))
        return here if here.status == 0 else self._run((self.name, "pull", "--quiet", image), limit=_PULL_SECONDS)

    def once(self, image: str, command: tuple[str, ...], given: bytes, environment: Mapping[str, str]) -> Ended:
        """Run a command in a new container of an image that reaches nothing: no network, no file of the host.

        Of an image that is here: one that would be fetched by a name alone would be whatever a registry says.
        """
        confined = (
            "--pull",
            "never",
            "--network",
            "none",
            "--read-only",
            "--cap-drop",
            "ALL",
            "--security-opt",
            "no-new-privileges",
            "--tmpfs",
            _TMP,
        )
        told = [word for name, value in environment.items() for word in ("--env", f"{name}={value}")]
        return self._run((self.name, "run", "--rm", "--interactive", *confined, *told, image, *command), given)

    def compose(self, *arguments: str, images: Mapping[str, str]) -> Ended:
        """Run a command of compose on the stack."""
        return self._run((*self.composes, *arguments), environment=images)

    def up(self, *arguments: str, images: Mapping[str, str]) -> Ended:
        """Start services as the compose file has them, in the background, building nothing."""
        return self.compose("up", "--detach", "--no-build", *self.started, *arguments, images=images)

    def execute(self, container: str, *command: str) -> Ended:
        """Run a command in a container that is up."""
        return self._run((self.name, "exec", container, *command))

    def containers(self) -> list[Container]:
        """The stack's containers, those that have ended, too; none of a command that is run beside it."""
        label = f"label=com.docker.compose.project={self.project}"
        names = self._run((self.name, "ps", "--all", "--filter", label, "--format", "{{.Names}}")).printed.split()
        found = self._run((self.name, "inspect", "--type", "container", *sorted(names))) if names else None
        if found is None or found.status:  # one that was just removed is looked for again the next time
            return []
        shown: list[dict[str, Any]] = json.loads(found.printed)
        return [self._seen(each) for each in shown if each["Config"]["Labels"].get("com.docker.compose.oneoff") != "True"]

    def answers(self) -> bool:
        """Whether the engine is there and works, with its compose."""
        asked = ((self.name, "info"), (*self.composes, "version"))
        return all(self._run(command, limit=_ANSWER_SECONDS).status == 0 for command in asked)

    def _seen(self, shown: Mapping[str, Any]) -> Container:
        name, state, config = shown["Name"].lstrip("/"), shown["State"], shown["Config"]
        is_running = state["Status"] == "running"
        return Container(
            name=name,
            service=config["Labels"]["com.docker.compose.service"],
            is_running=is_running,
            is_well=is_running and (not _is_checked(config) or self._is_healthy(name, state)),
        )

    def _is_healthy(self, name: str, state: Mapping[str, Any]) -> bool:
        """Docker looks by itself; podman looks only where systemd tells it when, so it is told here."""
        if self.name == "podman":
            return self._run(("podman", "healthcheck", "run", name)).status == 0
        return bool(state.get("Health", {}).get("Status") == "healthy")

    def _run(
        self,
        command: tuple[str, ...],
        given: bytes = b"",
        environment: Mapping[str, str] | None = None,
        limit: float = _SECONDS,
    ) -> Ended:
        own = {name: value for name, value in os.environ.items() if not name.startswith("VOICE_IMAGE_")}  # noqa: TID251 - a child's
        try:
            done = subprocess.run(
                command,
                input=given,
                cwd=self.root,
                env={**own, **(environment or {})},
                capture_output=True,
                timeout=limit,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Ended(_TOO_LATE, "", f"`{' '.join(command[:3])}` did not end within {limit:.0f} s")
        except OSError as exc:
            return Ended(_NOT_THERE, "", f"{command[0]}: {exc.strerror}")
        return Ended(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def find(root: Path, project: str) -> HostEngine | None:
    """The first engine of this host that answers, with its compose; None for none."""
    engines = (
        HostEngine(name="docker", composes=("docker", "compose"), started=(), root=root, project=project),
        HostEngine(name="podman", composes=("podman-compose",), started=("--no-deps",), root=root, project=project),
    )
    return next((engine for engine in engines if engine.answers()), None)


def _is_checked(config: Mapping[str, Any]) -> bool:
    check = (config.get("Healthcheck") or {}).get("Test") or ["NONE"]
    return bool(check[0] != "NONE")
