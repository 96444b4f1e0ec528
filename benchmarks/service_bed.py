"""What the service is measured on: servers, databases of a size, and an API on each."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit, urlunsplit

import bittensor as bt
import psutil

from benchmarks.service_client import fetch, get
from benchmarks.service_data import fill
from neurons.chain import wallets
from neurons.localnet.services import pick_port, start_postgres, start_redis
from tests.builders.processes import Processes
from voice_api.db import migrate
from voice_api.db.database import connection_to

MIB = 2**20
_START_SECONDS = 60.0
_PLENTY = "1000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRow:
    """One measured thing, its baseline, and how one stands to the other."""

    what: str
    ours: str
    baseline: str
    ratio: float | None
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bed:
    """Servers, and what runs on them."""

    folder: Path
    postgres: str
    redis: str
    processes: Processes
    wallet: bt.Wallet

    @property
    def hotkey(self) -> str:
        """Address of the API's own hotkey, which may also write."""
        return str(self.wallet.hotkey.ss58_address)

    def database(self, name: str, server: str | None = None) -> str:
        """A database's URL, on PostgreSQL itself or by another way to it."""
        return urlunsplit(urlsplit(server or self.postgres)._replace(path=f"/{name}"))

    def shared(self, database: str) -> dict[str, str]:
        """Environment of every process of the service."""
        rates = {
            "VOICE_RATE_PER_MINUTE": _PLENTY,
            "VOICE_RATE_ADDRESS_PER_MINUTE": _PLENTY,
            "VOICE_ADDRESS_CONNECTIONS": "0",
        }
        return {
            "DATABASE_URL": self.database(database),
            "REDIS_URL": self.redis,
            "VOICE_API_HOTKEY": self.hotkey,
            "VOICE_API_WRITERS": self.hotkey,
            **rates,
        }

    @classmethod
    @contextmanager
    def standing(cls, prefix: str) -> Iterator["Bed"]:
        """One with servers of its own in a temporary folder, for as long as the context lasts."""
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix=prefix)))
            (folder / "logs").mkdir()
            postgres, redis = start_postgres(folder / "postgres", durable=False), start_redis(folder / "redis")
            stack.callback(postgres.stop)
            stack.callback(redis.stop)
            processes = Processes(folder / "logs")
            stack.callback(processes.stop)
            wallet = wallets.create("bench", "default", folder / "wallets")
            yield cls(folder=folder, postgres=postgres.url, redis=redis.url, processes=processes, wallet=wallet)

    async def make(self, name: str, submissions: int, samples: int) -> None:
        """A database at the newest schema, filled to a size."""
        async with connection_to(self.postgres) as connection:
            await connection.execute(f"create database {name}")
        await migrate.upgrade(self.database(name))
        if submissions:
            async with connection_to(self.database(name)) as connection:
                await fill(connection, submissions, samples)

    async def serve(self, name: str, database: str, numbers: int = 0) -> int:
        """Start an API on a database, and wait until it is ready; its port. It shows its numbers on the port that is named, if any."""
        port = pick_port(None)
        environment = {**self.shared(database), "VOICE_METRICS_PORT": str(numbers)}
        self.processes.start(name, "neurons.cli", ["api", "--port", str(port)], environment)
        await _ready(port, "/healthz")
        return port

    async def serve_bare(self, database: str, head: str) -> int:
        """Start the baseline, whose answers begin as told."""
        port = pick_port(None)
        environment = {"DATABASE_URL": self.database(database), "BENCH_HEAD": head}
        self.processes.start("bare", "benchmarks.service_bare", [str(port)], environment)
        await _ready(port, "/v1/leaderboard?limit=1")
        return port


async def _ready(port: int, path: str) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        try:
            await fetch(port, get(path))
        except OSError:
            await asyncio.sleep(0.1)
        else:
            return
    raise RuntimeError(f"nothing answers on port {port}")


def in_ms(seconds: float) -> str:
    """A time as the table shows it."""
    return f"{1000 * seconds:.1f} ms"


def resident(bed: Bed, name: str) -> float:
    """MiB that a process holds."""
    return float(psutil.Process(bed.processes.running[name].pid).memory_info().rss / MIB)


def cpu_seconds(process: psutil.Process) -> float:
    """Processor time of a process so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


def postgres_seconds(bed: Bed) -> float:
    """Processor time of the embedded PostgreSQL so far, of those of its processes that live."""
    postmaster = psutil.Process(int((bed.folder / "postgres" / "postmaster.pid").read_text().split()[0]))
    return sum(map(cpu_seconds, (postmaster, *postmaster.children())))
