"""The node of a game day: PostgreSQL, Redis, hub, API, dispatcher, workers, model queue and two validators, each a real process."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from neurons.chain import wallets
from neurons.chain.adapter import Chain
from neurons.chain.types import included_in
from neurons.devchain import operations
from neurons.devchain.genesis import RAO
from neurons.devchain.substrate import DevSubstrate
from neurons.localnet import models, repositories
from neurons.localnet.network import COMPETITION, HOTKEY, worker_identity
from neurons.localnet.services import EmbeddedService, pick_port, start_postgres, start_redis
from neurons.miner.model_check import commitment_of
from scoring.model.fingerprint import fingerprint
from scoring.progress import NO_PROGRESS
from scoring.types import Hotkey
from tests.builders.processes import Processes, Workers
from tests.gameday.beacon import LivingBeacon
from tests.gameday.commands import Commands, Ended
from voice_api.db import migrate
from voice_api.db.database import connection_to

NETUID, BLOCK_SECONDS = 1, 0.2
VALIDATOR, FOLLOWER, QUEUE, API, DISPATCHER, HUB = "validator", "follower", "model-queue", "api", "dispatcher", "hub"
WORKERS = ("worker-1", "worker-2")
MINERS = ("miner-1", "miner-2")
_SCRAPED = (API, DISPATCHER, QUEUE, VALIDATOR, FOLLOWER, *WORKERS)
_DATABASE, _OTHER_DATABASE = "voice", "follower"
_CHAIN_SECONDS = timedelta(seconds=10)
_STOP_SECONDS = 15.0
_SAMPLE_SECONDS = 0.05


@dataclass(slots=True)
class Arena:
    """Everything that runs, and how to touch it."""

    folder: Path
    processes: Processes
    commands: Commands
    postgres: EmbeddedService
    redis: EmbeddedService
    ports: Mapping[str, int]
    """Of numbers, by process; `-` before the name: where it serves."""
    stranger: Hotkey
    environments: dict[str, dict[str, str]] = field(default_factory=dict)
    beacon: LivingBeacon = field(default_factory=LivingBeacon)
    crew: Workers | None = None
    """The workers; None before they are equipped."""

    @property
    def devchain(self) -> Path:
        """The chain's file."""
        return self.folder / "devchain.sqlite"

    @property
    def clock(self) -> Path:
        """The seconds by which the validator's host is ahead."""
        return self.folder / "clock"

    @property
    def disk(self) -> Path:
        """What the workers write to: a disk of its own where one can be mounted."""
        return self.folder / "disk"

    @property
    def api_url(self) -> str:
        """The API's address."""
        return f"http://127.0.0.1:{self.ports[f'-{API}']}"

    @property
    def hub_url(self) -> str:
        """The hub's address."""
        return f"http://127.0.0.1:{self.ports[f'-{HUB}']}"

    @property
    def workers(self) -> Workers:
        """The workers, once they are equipped."""
        assert self.crew is not None
        return self.crew

    def voice(self, name: str, *arguments: str) -> Ended:
        """Run a command of ours in the environment of one of the processes."""
        return self.commands(self.environments[name], *arguments)

    def hotkey(self, name: str) -> Hotkey:
        """Of a wallet."""
        return Hotkey(wallets.load(name, HOTKEY, self.folder / "wallets").hotkey.ss58_address)

    def database(self, name: str = _DATABASE) -> str:
        """The URL of a database of this server."""
        return urlsplit(self.postgres.url)._replace(path=f"/{name}").geturl()

    def start(self, name: str, **changes: str) -> None:
        """Start a process; `changes` are of its environment."""
        if name in WORKERS:
            self.workers.start(name)
            return
        commands = {
            HUB: ["dev", "hub", "--root", str(self.folder / "hub"), "--port", str(self.ports[f"-{HUB}"])],
            API: ["api", "--host", "127.0.0.1", "--port", str(self.ports[f"-{API}"])],
            DISPATCHER: ["dispatcher"],
            QUEUE: ["queue", "run", "--wallet", QUEUE],
            VALIDATOR: ["validator", "run", "--wallet", VALIDATOR],
            FOLLOWER: ["validator", "run", "--wallet", FOLLOWER],
        }
        has_clock = name in (VALIDATOR, FOLLOWER, QUEUE)
        module = "tests.gameday.shifted" if has_clock else "neurons.cli"
        self.processes.start(name, module, commands[name], {**self.environments[name], **changes})

    def stop(self, name: str) -> None:
        """End a process politely, else by force."""
        process = self.processes.running.pop(name)
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def crash_postgres(self) -> None:
        """End the server as an operator does who is in a hurry: connections are cut in the middle of what they do."""
        pid = int((self.folder / "postgres" / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        server = psutil.Process(pid)
        server.send_signal(signal.SIGINT)
        server.wait(_STOP_SECONDS)

    def start_postgres(self) -> None:
        """Start it again, on what it had."""
        self.postgres = start_postgres(self.folder / "postgres", durable=False)

    def certify(self, worker: str, lasts: timedelta) -> None:
        """Give a worker a certificate of the validator's."""
        keys = wallets.load(VALIDATOR, HOTKEY, self.folder / "wallets")
        self.environments[worker] |= worker_identity(self.disk / worker, worker, keys, lasts)

    def folds(self, name: str) -> int:
        """How many rounds a validator has folded."""
        statement = "select count(*) from ledger where validator = $1"
        return int(str(asyncio.run(self.sql(self.environments[name]["DATABASE_URL"], statement, self.hotkey(name)))))

    async def sql(self, database: str, statement: str, *values: object) -> object:
        """The one value of a statement's first row, None for none."""
        async with connection_to(database) as connection:
            return await connection.fetchval(statement, *values)


@contextmanager
def running(folder: Path) -> Iterator[Arena]:
    """Start everything in a folder whose path is short and plain, the workers' data below `disk`; no process is left, whatever happens."""
    (folder / "logs").mkdir()
    processes = Processes(folder / "logs")
    postgres, redis = start_postgres(folder / "postgres", durable=False), start_redis(folder / "redis")
    arena: Arena | None = None
    try:
        wallet_folder = folder / "wallets"
        for name in ("owner", "stranger", VALIDATOR, FOLLOWER, QUEUE, *MINERS):
            wallets.create(name, HOTKEY, wallet_folder)
        ports = {name: pick_port(None) for name in (*_SCRAPED, f"-{API}", f"-{HUB}")}
        stranger = Hotkey(wallets.load("stranger", HOTKEY, wallet_folder).hotkey.ss58_address)
        commands = Commands(folder / "commands", processes)
        arena = Arena(folder, processes, commands, postgres, redis, ports, stranger)
        asyncio.run(_databases(arena))
        _settle(arena)
        _equip(arena)
        commands.open()
        arena.crew = Workers(processes, {name: arena.environments[name] for name in WORKERS})
        for name in (HUB, API, DISPATCHER, *WORKERS, QUEUE, VALIDATOR, FOLLOWER):
            arena.start(name)
        yield arena
    finally:
        if arena is not None:
            arena.beacon.end()
        if arena is not None and arena.crew is not None:
            arena.crew.stop()
        processes.stop()
        redis.stop()
        (postgres if arena is None else arena.postgres).stop()


async def _databases(arena: Arena) -> None:
    for name in (_DATABASE, _OTHER_DATABASE):
        await arena.sql(arena.postgres.url, f"create database {name}")
        await migrate.upgrade(arena.database(name))


def _settle(arena: Arena) -> None:
    """The chain with its owner, both validators and the miners, whose models are published and committed."""
    owner = wallets.load("owner", HOTKEY, arena.folder / "wallets")
    operations.create(
        arena.devchain,
        netuid=NETUID,
        block_seconds=BLOCK_SECONDS,
        owner_coldkey=owner.coldkeypub.ss58_address,
        owner_hotkey=Hotkey(owner.hotkey.ss58_address),
    )
    for name, stake in ((VALIDATOR, 1_000 * RAO), (FOLLOWER, 100 * RAO), *((name, 0) for name in MINERS)):
        coldkey = wallets.load(name, HOTKEY, arena.folder / "wallets").coldkeypub.ss58_address
        if stake:
            operations.faucet(arena.devchain, coldkey, stake)
        operations.register(arena.devchain, arena.hotkey(name), coldkey, stake)
    asyncio.run(_commit(arena))


async def _commit(arena: Arena) -> None:
    async with Chain(DevSubstrate(arena.devchain), NETUID, _CHAIN_SECONDS) as chain:
        for number, name in enumerate(MINERS):
            model = models.write_espeak(arena.folder / "models" / name, "worse", louder=1.0 + number / 50)
            repo = f"{name}/voice"
            revision = repositories.publish(arena.folder / "hub", repo, model)
            wallet = wallets.load(name, HOTKEY, arena.folder / "wallets")
            content = fingerprint(model, NO_PROGRESS).content
            included_in(await chain.commit(wallet, commitment_of(content, repo, revision, wallet)))


def _equip(arena: Arena) -> None:
    """The environment of each process."""
    competition = arena.folder / "competition.toml"
    competition.write_text(COMPETITION.read_text(encoding="utf-8"), encoding="utf-8")
    bare = {"HOME": str(arena.folder), "VOICE_CONFIG": os.devnull, "VOICE_COMPETITION": str(competition)}
    bare["GAMEDAY_CLOCK"] = str(arena.clock)
    database = {"DATABASE_URL": arena.database(), "REDIS_URL": arena.redis.url}
    chain = {
        "BT_NETWORK": "dev",
        "VOICE_NETUID": str(NETUID),
        "VOICE_DEVCHAIN": str(arena.devchain),
        "BT_WALLET_PATH": str(arena.folder / "wallets"),
        "BT_WALLET_HOTKEY": HOTKEY,
        "VOICE_PAUSE_SECONDS": str(BLOCK_SECONDS),
    }
    signing = {"VOICE_API_URL": arena.api_url, "VOICE_API_HOTKEY": arena.hotkey(VALIDATOR)}
    serving = {
        "VOICE_API_WRITERS": arena.hotkey(QUEUE),
        "VOICE_API_OPERATORS": arena.hotkey(VALIDATOR),
        "HF_ENDPOINT": arena.hub_url,
        "VOICE_STORE": str(arena.disk / "store"),
        "VOICE_RATE_PER_MINUTE": "0",
        "VOICE_RATE_ADDRESS_PER_MINUTE": "0",
        "VOICE_ADDRESS_CONNECTIONS": "0",
        "VOICE_API_DATABASE_SECONDS": "0.5",
    }
    validating = {**chain, **signing, "DATABASE_URL": arena.database(), "VOICE_REVOCATIONS": str(arena.folder / "revocations")}
    following = {
        "DATABASE_URL": arena.database(_OTHER_DATABASE),
        "VOICE_FOLLOW_URL": arena.api_url,
        "VOICE_TRUST": arena.hotkey(VALIDATOR),
        "VOICE_AUDIT_RATE": "0",
        "BT_WALLET": FOLLOWER,
    }
    arena.environments |= {
        HUB: {},
        API: {**database, **signing, **serving},
        DISPATCHER: {**database},
        QUEUE: {**chain, **signing},
        VALIDATOR: {**validating, "BT_WALLET": VALIDATOR},
        FOLLOWER: {**validating, **following},
    }
    for name in WORKERS:
        arena.environments[name] = {
            **database,
            "VOICE_HOST": name,
            "HF_ENDPOINT": arena.hub_url,
            "VOICE_DATA": str(arena.disk / name),
            "VOICE_STORE": str(arena.disk / "store"),
            "VOICE_RETRY_FIRST_SECONDS": "2",
            "VOICE_CACHE_BYTES": "1",  # each evaluation asks the hub
            "PATH": os.environ.get("PATH", os.defpath),  # for a child alone
            "CHAOS_SAMPLE_SECONDS": str(_SAMPLE_SECONDS),
            "CHAOS_LOG": str(arena.folder / "logs" / f"{name}.log"),
            "CHAOS_CLOCK": str(arena.folder / f"{name}.clock"),
        }
        arena.certify(name, timedelta(days=90))
    for name, own in arena.environments.items():
        port = {"VOICE_METRICS_PORT": str(arena.ports[name])} if name in arena.ports else {}
        arena.environments[name] = {**bare, **own, **port}
