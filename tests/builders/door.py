"""The main host's door, run for real before a PostgreSQL and a Redis of this machine, with what docker/hosts.py makes."""

import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import yaml
from redis import Redis

from neurons.localnet.services import pick_port
from voice_api.runtime.process_end import die_with_parent

ROOT = Path(__file__).parents[2]
PROGRAM = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
"""None where Debian's package `haproxy` is not installed."""
MISSING = "Debian's package haproxy is not installed, or openssl"
IS_HERE = PROGRAM is not None and shutil.which("openssl") is not None
PORTS = {"database_url": ":5433/", "redis_url": ":6380/"}
_START_SECONDS = 10.0
_STOP_SECONDS = 5.0


def hosts_script(*arguments: str, folder: Path) -> str:
    """What `docker/hosts.py` prints; CalledProcessError where it fails."""
    command = [sys.executable, str(ROOT / "docker" / "hosts.py"), *arguments, "--folder", str(folder)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def redis_user() -> list[str]:
    """What the user of other hosts may do in Redis, as docker/compose.hosts.yml says it, for `ACL SETUSER`."""
    [command] = yaml.safe_load((ROOT / "docker" / "compose.hosts.yml").read_text(encoding="utf-8"))["services"]["redis"][
        "command"
    ]
    found = re.search(r"user hosts on >%s (.*?)\\n'", command)
    assert found is not None
    return found[1].replace("%%", "%").split()


@contextmanager
def hosts_in_redis(url: str, secrets: Path) -> Iterator[None]:
    """Let Redis know the user for as long as the context lasts."""
    password = (secrets / "redis_hosts_password").read_text(encoding="ascii")
    with Redis.from_url(url) as redis:
        redis.execute_command("ACL", "SETUSER", "hosts", "reset", "on", f">{password}", *redis_user())
        try:
            yield
        finally:
            redis.execute_command("ACL", "DELUSER", "hosts")


@dataclass(frozen=True, slots=True)
class Door:
    """A running one: the secrets of its host, its ports by what they lead to, its process, its log."""

    secrets: Path
    ports: dict[str, int]
    process: "subprocess.Popen[bytes]"
    log: Path

    def url(self, host: str, name: str, database: str = "voice") -> str:
        """`database_url` or `redis_url` of a host that was added, where its container's paths and the published ports are those of here."""
        place = self.secrets / "hosts" / host
        text = (place / name).read_text(encoding="ascii").replace("/host/", f"{place}/host/")
        return text.replace(PORTS[name], f":{self.ports[name]}/").replace("/voice?", f"/{database}?")

    def reload(self) -> None:
        """Let it read the list of revoked certificates again; its earlier connections end, as with a start of the container anew."""
        told = len(re.findall("Loading success", self.log.read_text(encoding="utf-8")))
        self.process.send_signal(signal.SIGUSR2)
        deadline = time.monotonic() + _START_SECONDS
        while len(re.findall("Loading success", self.log.read_text(encoding="utf-8"))) == told:
            if time.monotonic() > deadline:
                raise AssertionError(self.log.read_text(encoding="utf-8"))
            time.sleep(0.02)


@contextmanager
def door(folder: Path, secrets: Path, postgres: str, redis: str) -> Iterator[Door]:
    """Run the configuration of docker/door.cfg for as long as the context lasts, with ports and addresses of this machine."""
    assert PROGRAM is not None
    ports, log = {name: pick_port(None) for name in PORTS}, folder / "door.log"
    [host] = parse_qs(urlsplit(postgres).query)["host"]
    config = (ROOT / "docker" / "door.cfg").read_text(encoding="utf-8")
    for was, here in (
        ("/run/door/", f"{secrets}/door/"),
        ("bind :5433 ", f"bind 127.0.0.1:{ports['database_url']} "),
        ("bind :6380 ", f"bind 127.0.0.1:{ports['redis_url']} "),
        ("postgres:5432 resolvers engine init-addr last,libc,none", f"unix@{host}/.s.PGSQL.5432"),
        ("redis:6379 resolvers engine init-addr last,libc,none", f"unix@{redis.removeprefix('unix://').partition('?')[0]}"),
    ):
        assert was in config
        config = config.replace(was, here)
    (folder / "door.cfg").write_text(config + "\nglobal\n    hard-stop-after 1ms\n", encoding="utf-8")
    with log.open("wb") as output:
        command = [PROGRAM, "-W", "-db", "-f", str(folder / "door.cfg")]
        process = subprocess.Popen(command, stdout=output, stderr=output, preexec_fn=die_with_parent)
    try:
        _await(ports, process, log)
        with hosts_in_redis(redis, secrets):
            yield Door(secrets, ports, process, log)
    finally:
        process.terminate()
        process.wait(_STOP_SECONDS)


def _await(ports: dict[str, int], process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if all(_listens(port) for port in ports.values()):
            return
        time.sleep(0.02)
    raise AssertionError(f"the door did not open: {log.read_text(encoding='utf-8')}")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
