"""docs/operations.md, "One GPU host and two CPU hosts from nothing": its commands in their order, on a development network.

Hosts are folders of this machine. Where compose would run a container, that container's own command runs with the folder's files: logins
and certificates are made, the door is real. Where a worker would start, its host's URLs are gone through, and it shows itself in the
database; tests/e2e/test_second_host.py has workers that judge. `scp` copies. What the page asks of a running API is only read.
"""

import asyncio
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from neurons.chain import wallets
from neurons.cli.main import app
from neurons.localnet.services import EmbeddedService
from tests.builders.door import IS_HERE, MISSING, PORTS, ROOT, Door, door
from voice_api.db import roles
from voice_api.db.database import Pool, connection_to, open_pool
from voice_api.db.processes import LIVE, Workers
from voice_api.db.states import QueueName
from voice_api.errors import DatabaseUnavailable
from voice_api.keys import read_certificate
from voice_api.runtime import reachable

pytestmark = pytest.mark.skipif(not IS_HERE, reason=MISSING)

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("\n## One GPU host and two CPU hosts from nothing\n")[2].partition("\n## ")[0]
MAIN, FILES = "main", ("docker", "docker-compose.yml", "compose.worker.yml")
PIECE = re.compile(r"^(?:On the (main) host|On `([\w-]+)`)|^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def steps() -> list[tuple[str, str]]:
    """Each line with its host; what stands below the last heading is the main host's again."""
    found, host = [], MAIN
    for main, other, lines in PIECE.findall(SECTION.replace("\n### ", "\nOn the main host\n### ")):
        host = main or other or host
        found += [(host, line) for line in lines.splitlines()]
    return found


@dataclass
class Hosts:
    """The hosts' folders, and what stands in for their containers."""

    place: Path
    database_url: str
    servers: tuple[str, str]
    stack: ExitStack
    monkeypatch: pytest.MonkeyPatch
    opened: Door | None = None
    started: list[str] = field(default_factory=list)

    async def run(self, host: str, line: str) -> None:
        """Do what a line does; AssertionError for one that nobody here knows."""
        match shlex.split(line):
            case ["python", "docker/make_secrets.py" | "docker/hosts.py", *_]:
                here = line.replace("python ", f"{sys.executable} ", 1).replace("main.example.org", "localhost")
                self._shell(host, here)
            case ["printf" | "rm", *_]:
                self._shell(host, line)
            case ["scp", file, target]:
                shutil.copy(self.place / host / file, self.place / target.partition(":")[0])
            case ["docker", "compose", *words]:
                await self._compose(host, words)
            case ["voice", "operator", *_]:
                pass
            case _:
                raise AssertionError(f"nobody knows what {line} does on {host}")

    async def _compose(self, host: str, words: list[str]) -> None:
        match words:
            case ["run", "--rm", "certify", "voice", *command]:
                await asyncio.to_thread(self._certify, command)
            case ["up", "--build", "--detach"] if host == MAIN:
                await self._open()
            case ["up", "--build", "--detach", "worker"]:
                await self._work(host, QueueName.CPU)
            case ["--profile=gpu", "up", "--build", "--detach", "gpu-worker"]:
                await self._work(host, QueueName.GPU)
            case ["up", "--detach", "--force-recreate", "door"]:
                assert self.opened is not None
                self.opened.reload()
            case ["exec", "worker" | "gpu-worker", "voice", "doctor", "worker"]:
                pass
            case _:
                raise AssertionError(f"nobody knows what docker compose {words} does on {host}")

    def _shell(self, host: str, line: str) -> None:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line],
            cwd=self.place / host,
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.place)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"

    def _certify(self, command: list[str]) -> None:
        secrets = self.place / MAIN / "secrets"
        self.monkeypatch.setenv("BT_WALLET", "validator")
        self.monkeypatch.setenv("BT_WALLET_PATH", str(secrets / "wallets"))
        self.monkeypatch.setenv("VOICE_REVOCATIONS", str(secrets / "revocations.json"))
        app([word.replace("/hosts/", f"{secrets}/hosts/") for word in command], standalone_mode=False)

    async def _open(self) -> None:
        """Make the logins as `migrate` does, and open the door."""
        secrets = self.place / MAIN / "secrets"
        await roles.apply(self.database_url)
        urls = sorted(secrets.glob("hosts/*/database_url"))
        await roles.ensure_logins(self.database_url, [roles.Login.of(url.read_text(encoding="ascii")) for url in urls])
        self.opened = self.stack.enter_context(door(self.place, secrets, *self.servers))

    async def _work(self, host: str, queue: QueueName) -> None:
        """Come in as the worker of a host does, and show itself."""
        database, redis = self.urls(host)
        await reachable.check(database, redis)
        async with open_pool(database, size=1) as pool:
            await Workers(pool).heartbeat(f"{host}-worker", host, queue)
        signed = read_certificate(self.place / host / "secrets" / "host" / "service.cert.json")
        assert signed.host == host
        self.started.append(host)

    def urls(self, host: str) -> tuple[str, str]:
        """What the host was given, where its container's paths, the door's ports and the database are those of here."""
        assert self.opened is not None
        secrets, database = self.place / host / "secrets", urlsplit(self.database_url).path
        found = {}
        for name, port in PORTS.items():
            text = (secrets / name).read_text(encoding="ascii").replace("/host/", f"{secrets}/host/")
            found[name] = text.replace(port, f":{self.opened.ports[name]}/").replace("/voice?", f"{database}?")
        return found["database_url"], found["redis_url"]


@pytest.fixture
def hosts(
    server_folder: Path,
    postgres: EmbeddedService,
    redis_server: EmbeddedService,
    database_url: str,
    alone_on_the_server: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Hosts]:
    """Three folders with a copy of the repository's files, and a validator's wallet on the first one's user."""
    place = server_folder / "guide"
    for host in (MAIN, "cpu-2", "gpu-1"):
        (place / host).mkdir(parents=True)
        shutil.copytree(ROOT / "docker", place / host / "docker", ignore=shutil.ignore_patterns("__pycache__"))
    wallets.create("validator", "default", place / ".bittensor" / "wallets")
    with ExitStack() as stack:
        yield Hosts(place, database_url, (postgres.url, redis_server.url), stack, monkeypatch)
    asyncio.run(_forget(database_url))
    shutil.rmtree(place)


async def _forget(url: str) -> None:
    async with connection_to(url) as connection:
        for host in ("cpu-2", "gpu-1"):
            await connection.execute(f'drop role if exists "worker-{host}"')


async def test_every_command_of_it_in_its_order(hosts: Hosts, pool: Pool) -> None:
    """Three hosts from nothing; one is renewed, drained and shut out, and the other still comes in."""
    for host, line in steps():
        await hosts.run(host, line)
    assert hosts.started == ["cpu-2", "gpu-1"]
    seen = {worker.host: worker.queue for worker in await Workers(pool).live(LIVE)}
    assert seen == {"cpu-2": QueueName.CPU, "gpu-1": QueueName.GPU}
    with pytest.raises(DatabaseUnavailable, match="this host's certificate was revoked"):
        await reachable.check(*hosts.urls("cpu-2"))
    await reachable.check(*hosts.urls("gpu-1"))
    assert not list((hosts.place / "gpu-1" / "secrets").rglob("ca.key"))
    assert not (hosts.place / MAIN / "gpu-1.tar").exists()


def test_the_files_of_settings_that_it_shows_are_read() -> None:
    """The files that COMPOSE_FILE names are there; of the settings those that the files must be told, and what they may be told."""
    shown = [
        dict(line.split("=", 1) for line in block.splitlines()) for block in re.findall(r"```ini\n(.*?)```", SECTION, re.DOTALL)
    ]
    assert [list(lines) for lines in shown] == [
        ["COMPOSE_FILE", "VOICE_DOOR", "VOICE_STORE", "VOICE_STORE_ENDPOINT"],
        ["COMPOSE_FILE", "VOICE_HOST", "VOICE_STORE", "VOICE_STORE_ENDPOINT"],
    ]
    for lines in shown:
        files = lines["COMPOSE_FILE"].split(":")
        text = "".join((ROOT / file).read_text(encoding="utf-8") for file in files)
        assert all(f"${{{name}" in text for name in lines if name != "COMPOSE_FILE")
        services = [yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))["services"] for file in files]
        assert any("worker" in each for each in services)
