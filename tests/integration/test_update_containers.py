"""An update with a real container engine and a real registry: small containers in the place of the stack's."""

import hashlib
import importlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

DOCKER = Path(__file__).resolve().parents[2] / "docker"
BASE = "python:3.11-slim-bookworm"
PROJECT = "voice-update-test"
TOOLS = ("podman", "podman-compose", "docker-registry")
VOICE = """#!/bin/sh
# Stands for `voice`: what an update asks it for, and a process that is as well as its image says.
case "$1 $2" in
"release verify") exec cat ;;
"upgrade check"|"doctor "*) echo '{"findings": []}' ;;
"backup create") echo '{"file": "/backups/voice-now.zip"}' ;;
"well ") [ "$HEALTH" = well ] ;;
"run ") trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done ;;
esac
"""
DOCKERFILE = f"""FROM {BASE}
ARG HEALTH VERSION
ENV HEALTH=$HEALTH VERSION=$VERSION
COPY --chmod=755 voice /usr/local/bin/voice
HEALTHCHECK CMD ["voice", "well"]
CMD ["voice", "run"]
"""
COMPOSE = """name: {project}
services:
  api: {{ image: '${{VOICE_IMAGE_API:-{first}}}' }}
  backup: {{ image: '${{VOICE_IMAGE_API:-{first}}}' }}
  validator: {{ image: '${{VOICE_IMAGE_VALIDATOR:-{first}}}' }}
  worker: {{ image: '${{VOICE_IMAGE_VALIDATOR:-{first}}}' }}
  migrate: {{ image: '${{VOICE_IMAGE_API:-{first}}}', command: [voice, doctor], healthcheck: {{ disable: true }} }}
"""
_SECONDS = 120.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def call(*command: str, cwd: Path | None = None) -> str:
    """Run a command to its end: what it printed."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=_SECONDS, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr[-2000:]}"
    return done.stdout


@dataclass
class Bed:
    """A stack of small containers, a registry with its images, and what updates it."""

    folder: Path
    registry: str
    update: ModuleType
    engine: Any

    def publish(self, version: str, health: str) -> str:
        """Put an image into the registry, keep none here, and put a record of it where the update looks: its reference by its digest.

        The stand-in of `voice release verify` believes every record.
        """
        name = f"{self.registry}/voice:{version}"
        said = ("--build-arg", f"HEALTH={health}", "--build-arg", f"VERSION={version}")
        call("podman", "build", "--pull=never", "--format", "docker", *said, "--tag", name, str(self.folder))
        call("podman", "push", "--quiet", "--digestfile", str(self.folder / "digest"), name)
        call("podman", "image", "rm", "--force", name)
        image = f"{self.registry}/voice@{(self.folder / 'digest').read_text().strip()}"
        compose = self.folder / "docker-compose.yml"
        record = {
            "version": version,
            "images": {"api": image, "validator": image},
            "compose_sha256": hashlib.sha256(compose.read_bytes()).hexdigest() if compose.exists() else "",
        }
        (self.folder / "release.json").write_text(json.dumps(record))
        return image

    def run(self, patience: float) -> tuple[str, str]:
        """One run of the update: how it ended, and its line."""
        modules = importlib.import_module("update_node")
        node = modules.Node(
            engine=self.engine,
            compose=self.folder / "docker-compose.yml",
            env=self.folder / ".env",
            folder=self.folder / "updates",
            fetch=self.update.fetch,
            now=lambda: datetime.now(UTC),
            pause=lambda _: time.sleep(0.5),
            told=lambda _: None,
            patience=patience,
        )
        try:
            return "DONE", self.update.update(node, self.update.Wanted())
        except modules.Stopped as end:
            return end.status.name, str(end)

    def running(self) -> dict[str, list[str]]:
        """The digests of the images that run, by service."""
        found: dict[str, list[str]] = {}
        for each in self.engine.containers():
            if each.is_running:
                digest = call("podman", "inspect", "--format", "{{.ImageDigest}}", each.name).strip()
                found.setdefault(each.service, []).append(digest)
        return found


@pytest.fixture
def bed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bed]:
    """A stack that runs a first image, and two workers of it."""
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        pytest.skip(f"not here: {', '.join(missing)}")
    if subprocess.run(("podman", "image", "exists", BASE), check=False).returncode:
        pytest.skip(f"there is no image {BASE} here")
    monkeypatch.syspath_prepend(DOCKER)
    (tmp_path / "voice").write_text(VOICE)
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    (tmp_path / ".env").write_text(f"VOICE_RELEASE_URL={tmp_path}/release.json\nVOICE_RELEASE_KEY=5Key\n")
    with registry(tmp_path) as address:
        let_in_the_clear(monkeypatch, tmp_path, address)
        host_engine = importlib.import_module("update_engine").HostEngine
        engine = host_engine(name="podman", composes=("podman-compose",), started=("--no-deps",), root=tmp_path, project=PROJECT)
        bed = Bed(tmp_path, address, importlib.import_module("update"), engine)
        first = bed.publish("9.0.0", "well")
        call("podman", "pull", "--quiet", first)
        (tmp_path / "docker-compose.yml").write_text(COMPOSE.format(project=PROJECT, first=first))
        try:
            call("podman-compose", "up", "--detach", "--no-build", "--scale", "worker=2", cwd=tmp_path)
            yield bed
        finally:
            clean_up(bed)


def clean_up(bed: Bed) -> None:
    """Take down what the test brought up, by its label: podman-compose forgets what `--scale` added."""
    names = [each.name for each in bed.engine.containers()]
    images = [
        line for line in call("podman", "images", "--format", "{{.ID}} {{.Repository}}").splitlines() if bed.registry in line
    ]
    for command in (
        ("podman", "rm", "--force", "--time", "1", *names),
        ("podman-compose", "down"),
        ("podman", "image", "rm", "--force", *(line.split()[0] for line in images)),
    ):
        subprocess.run(command, cwd=bed.folder, capture_output=True, timeout=_SECONDS, check=False)


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """A registry on this machine: its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    settings = {
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(folder / "registry")}},
        "http": {"addr": address},
        "log": {"level": "error"},
    }
    (folder / "registry.yml").write_text(json.dumps(settings))
    with subprocess.Popen(
        ("docker-registry", "serve", str(folder / "registry.yml")), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            until(lambda: httpx.get(f"http://{address}/v2/", trust_env=False).is_success)
            yield address
        finally:
            process.terminate()


def until(holds: Callable[[], bool]) -> None:
    """Wait until a server answers."""
    for _ in range(100):
        try:
            if holds():
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    pytest.fail("the registry does not answer")


def let_in_the_clear(monkeypatch: pytest.MonkeyPatch, folder: Path, address: str) -> None:
    """Let podman ask this registry without TLS, and nobody else otherwise than before."""
    own = os.environ.get("CONTAINERS_REGISTRIES_CONF", "/etc/containers/registries.conf")
    text = Path(own).read_text() if Path(own).exists() else ""
    (folder / "registries.conf").write_text(f'{text}\n[[registry]]\nlocation = "{address}"\ninsecure = true\n')
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(folder / "registries.conf"))


def test_a_release_is_taken_over_and_one_that_does_not_hold_is_not(bed: Bed) -> None:
    """Images come from the registry by their digests; the broken one's give way to the former, and two workers stay two."""
    second = bed.publish("9.1.0", "well")
    outcome, line = bed.run(30.0)
    assert (outcome, line.startswith("9.1.0 runs")) == ("DONE", True), line
    digest = second.partition("@")[2]
    taken = {"api": [digest], "backup": [digest], "validator": [digest], "worker": [digest, digest]}
    assert bed.running() == taken
    assert f"VOICE_IMAGE_API={second}\n" in (bed.folder / ".env").read_text()

    bed.publish("9.2.0", "ill")
    outcome, line = bed.run(3.0)
    assert (outcome, "not well: api, backup, validator, worker" in line, "The former release runs again" in line) == (
        "WENT_BACK",
        True,
        True,
    ), line
    assert bed.running() == taken
