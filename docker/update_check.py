"""An update of the stack that runs, for `make compose-check COMPOSE_ARGS=--update`: a release is taken over, and one that never gets well
is not. Images of this host stand for a registry's: each is what its digest says."""

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from release_check import targets
from stack import PROFILES, PROJECT, ROOT, CheckFailed, Stack, answers, console, execute
from update_node import Status

from neurons.release.record import ReleaseRecord, number_of, signed
from voice_api.db import migrate
from voice_api.db.database import release
from voice_api.keys import ServiceKey

_SECONDS = 600.0
_NEVER_WELL = 30
"""Seconds until a release that is never well gives way."""
_NEXT = 'FROM {image}\nLABEL org.opencontainers.image.version="{version}"\n'
_BROKEN = 'FROM {image}\nCMD ["false"]\n'


class _Host:
    """A checkout beside the stack, as an operator has it, with the stack's settings in its .env."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self._stack, self.folder = stack, folder
        self.key = ServiceKey.at(folder / "release.key")
        self.images: dict[str, str] = {}
        shutil.copytree(ROOT / "docker", folder / "docker")
        shutil.copy(ROOT / "docker-compose.yml", folder)
        own = {
            "COMPOSE_PROFILES": ",".join(PROFILES),
            "COMPOSE_PROJECT_NAME": PROJECT,
            "VOICE_RELEASE_KEY": self.key.address,
            "VOICE_RELEASE_URL": str(folder / "release.json"),
        }
        lines = [f"{name}={value}" for name, value in {**stack.environment, **own}.items()]
        (folder / ".env").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def publish(self, step: int, **dockerfiles: str) -> str:
        """Put the record of a next release where it is looked for; targets with a Dockerfile of their own are built by it."""
        major, minor, patch = number_of(release())
        version = f"{major}.{minor}.{patch + step}"
        for target in targets():
            self.images[target] = self._image(target, version, dockerfiles.get(target))
        record = ReleaseRecord(
            format=1,
            version=version,
            published_at=datetime.now(UTC).replace(microsecond=0),
            commit="0" * 40,
            schema_revision=migrate.head(),
            competition_hash="0" * 64,
            compose_sha256=sha256((self.folder / "docker-compose.yml").read_bytes()).hexdigest(),
            security=False,
            images=self.images,
            notes={},
            signer=self.key.address,
        )
        (self.folder / "release.json").write_text(signed(record, self.key.sign), encoding="utf-8")
        return version

    def _image(self, target: str, version: str, dockerfile: str | None) -> str:
        """An image of this host, by its digest."""
        name = f"localhost/voice-subnet/{target}"
        if not answers(self._stack.engine.name, "image", "inspect", name):
            name = "localhost/voice-subnet/worker"  # the one for cards: it is named here, and not run
        if dockerfile is not None:
            (self.folder / "Dockerfile").write_text(dockerfile.format(image=name, version=version), encoding="utf-8")
            file = ("--file", str(self.folder / "Dockerfile"))
            name = f"localhost/voice-check/{target}"
            execute((*self._stack.engine.build, "--pull=never", *file, "--tag", name, str(self.folder / "docker" / "systemd")))
        digest = execute((self._stack.engine.name, "image", "inspect", "--format", "{{.Digest}}", name)).strip()
        return f"{name}@{digest}"

    def update(self, *options: str) -> tuple[Status, str]:
        """Run the update as its timer does: its status, and its line."""
        files = ":".join(str(self.folder / name) for name in ("docker-compose.yml", "docker/compose.check.yml"))
        command = ("env", f"COMPOSE_FILE={files}", sys.executable, "docker/update.py", "--json", *options)
        done = subprocess.run(command, cwd=self.folder, stdout=subprocess.PIPE, text=True, timeout=_SECONDS, check=False)
        return Status(done.returncode), json.loads(done.stdout)["message"]


def check_update(stack: Stack, folder: Path) -> None:
    """The stack takes a release over once it is not held back, and comes back from one that is never well; raises CheckFailed."""
    if stack.engine.name != "podman":
        console.print("no update was tried: only podman knows images of this host by their digests")
        return
    host = _Host(stack, folder)
    version = host.publish(1, api=_NEXT, dispatcher=_NEXT)
    _expect(host.update(), Status.DONE, "is held back until")
    _expect(host.update("--now", "--dry-run"), Status.DONE, f"{version} may be taken over")
    _expect(host.update("--now"), Status.DONE, f"{version} runs")
    host.publish(2, api=_BROKEN)
    _expect(host.update("--now", "--wait", str(_NEVER_WELL)), Status.WENT_BACK, "not well: api")


def _expect(ended: tuple[Status, str], status: Status, words: str) -> None:
    console.print(f"update: {ended[1]}")
    if ended[0] is not status or words not in ended[1]:
        raise CheckFailed(f"the update ended with {ended[0].name}, not with {status.name}: {ended[1]}")
