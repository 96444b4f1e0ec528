"""A whole service that can be hurt: embedded PostgreSQL and Redis, hub, API, two dispatchers and workers, each a real process."""

import asyncio
import json
import os
import signal
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path

import bittensor as bt
import psutil
import redis
from rq import Queue
from rq.serializers import JSONSerializer

from neurons.chain import wallets
from neurons.localnet.services import EmbeddedService, pick_port, start_postgres, start_redis
from neurons.validator import certification
from tests.builders.processes import Processes, Workers
from tests.chaos.faults import Fault, Planned
from voice_api.db import migrate
from voice_api.db.states import QueueName
from voice_api.dispatch.wakeups import JOB
from voice_api.keys import ServiceKey

LEASE_SECONDS = 3.0
_DISPATCH_SECONDS = 0.4
_RETRY_FIRST_SECONDS = 0.2
_CLOCK_SECONDS = 2 * 3600.0
_FAILING_ANSWERS = 4
_LIES = ("404", "416", "empty", "page", "short", "other")
_DUPLICATES = 20
_CERTIFIED = timedelta(days=1)
_DOWN_SECONDS = 0.3
_LAST_WORDS = 160


@dataclass(slots=True)
class Arena:
    """Everything that runs; `ended_alone` counts processes that ended though nobody had hurt them, by kind and last words."""

    folder: Path
    postgres: EmbeddedService
    redis: EmbeddedService
    processes: Processes
    workers: Workers
    api_url: str
    hub_url: str
    wallet: bt.Wallet
    environment: Mapping[str, str]
    frozen: dict[str, float] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    ended_alone: Counter[str] = field(default_factory=Counter)

    @property
    def store(self) -> Path:
        """The folder of audio and receipts."""
        return self.folder / "store"

    @property
    def api_hotkey(self) -> str:
        """Whom the API answers as, who certifies workers, and who may write."""
        return str(self.wallet.hotkey.ss58_address)

    def inflict(self, planned: Planned) -> None:
        """Let it happen, now. What dies stays dead until `heal`."""
        match planned.fault:
            case Fault.KILL_WORKER | Fault.END_WORKER | Fault.FREEZE_WORKER | Fault.CLOCK_JUMP:
                self._hurt_worker(planned)
            case Fault.KILL_API:
                self._kill("api")
            case Fault.KILL_DISPATCHER:
                self._kill(f"dispatcher-{1 + int(2 * planned.draw)}")
            case Fault.FLUSH_REDIS | Fault.RESTART_REDIS | Fault.DUPLICATES:
                self._disturb_redis(planned.fault)
            case Fault.RESTART_POSTGRES:
                self._crash_postgres()
            case Fault.HUB_429 | Fault.HUB_503 | Fault.HUB_CUT | Fault.HUB_LIES:
                self._fail_hub(planned.fault)

    def heal(self) -> None:
        """What a supervisor does: start again what has ended, and let go on what was stopped for long enough."""
        now = time.monotonic()
        for name, until in list(self.frozen.items()):
            if now >= until:
                self.workers.signal(name, signal.SIGCONT)
                del self.frozen[name]
        for name in self.processes.dead():
            self._note(name)
            self.start(name)
        for name in self.workers.names:
            if not self.workers.alive(name):
                self.frozen.pop(name, None)
                self._note(name)
                self.workers.start(name)

    def let_go(self) -> None:
        """No fault is left: nobody is stopped, the hub is well."""
        for name in self.frozen:
            self.frozen[name] = 0.0
        self._control({})
        self.heal()

    def start(self, name: str) -> None:
        """Start one of the processes that are not workers."""
        port = self.api_url.rpartition(":")[2]
        commands = {
            "hub": ["dev", "hub", "--root", str(self.folder / "hub"), "--port", self.hub_url.rpartition(":")[2]],
            "api": ["api", "--host", "127.0.0.1", "--port", port],
        }
        if name in commands:
            self.processes.start(name, "neurons.cli", commands[name], self.environment)
        else:
            self.processes.start(name, "tests.chaos.chaos_dispatcher", [], self.environment)

    def _note(self, name: str) -> None:
        if name not in self.ended:
            log = (self.folder / "logs" / f"{name}.log").read_text(errors="replace").strip().splitlines()
            self.ended_alone[f"{name.partition('-')[0]}: {log[-1][:_LAST_WORDS] if log else ''}"] += 1
        self.ended.discard(name)

    def _kill(self, name: str) -> None:
        self.ended.add(name)
        self.processes.kill(name)

    def _hurt_worker(self, planned: Planned) -> None:
        names = [name for name in self.workers.names if name not in self.frozen]
        if not names:
            return
        name = names[int(planned.draw * len(names))]
        match planned.fault:
            case Fault.KILL_WORKER:
                self.ended.add(name)
                self.workers.kill(name)
            case Fault.END_WORKER:
                self.ended.add(name)
                self.workers.signal(name, signal.SIGTERM)
            case Fault.FREEZE_WORKER:
                self.workers.signal(name, signal.SIGSTOP)
                self.frozen[name] = time.monotonic() + LEASE_SECONDS + 1.5
            case _:
                (self.folder / f"{name}.clock").write_text(str(_CLOCK_SECONDS * (2 * planned.draw - 1)))

    def _disturb_redis(self, fault: Fault) -> None:
        if fault is Fault.RESTART_REDIS:
            self.redis.stop()
            time.sleep(_DOWN_SECONDS)
            self.redis = start_redis(self.folder / "redis")
            return
        with redis.Redis.from_url(self.redis.url) as client:
            if fault is Fault.FLUSH_REDIS:
                client.flushall()
                return
            queue = Queue("cpu", connection=client, serializer=JSONSerializer)
            for _ in range(_DUPLICATES):
                queue.enqueue_call(JOB, args=("cpu",), timeout=-1)

    def _crash_postgres(self) -> None:
        """As after a crash: connections are cut in the middle of their transactions, and it recovers from its log."""
        pid = int((self.folder / "postgres" / "postmaster.pid").read_text().split()[0])
        with suppress(psutil.NoSuchProcess):
            server = psutil.Process(pid)
            server.send_signal(signal.SIGQUIT)
            server.wait(10)
        time.sleep(_DOWN_SECONDS)
        self.postgres = start_postgres(self.folder / "postgres")

    def _fail_hub(self, fault: Fault) -> None:
        if fault is Fault.HUB_LIES:
            self._control(dict.fromkeys(_LIES, 1), only="/resolve/")
            return
        kind = {Fault.HUB_429: "429", Fault.HUB_503: "503", Fault.HUB_CUT: "cut"}[fault]
        self._control({kind: _FAILING_ANSWERS})

    def _control(self, failures: Mapping[str, int], only: str = "") -> None:
        body = json.dumps({"failures": failures, "only": only}).encode()
        request = urllib.request.Request(f"{self.hub_url}/control", body, method="PUT")  # noqa: S310  # loopback
        with urllib.request.urlopen(request, timeout=5):  # noqa: S310
            return


@contextmanager
def running(folder: Path, rules: str, workers: int, sample_seconds: float) -> Iterator[Arena]:
    """Start everything, and leave no process behind, whatever happens. The folder's path is short and plain.

    `rules` are a competition as a TOML text; every other worker has a card.
    """
    (folder / "competition.toml").write_text(rules, encoding="utf-8")
    postgres, store = start_postgres(folder / "postgres"), start_redis(folder / "redis")
    (folder / "logs").mkdir()
    processes = Processes(folder / "logs")
    arena: Arena | None = None
    try:
        asyncio.run(migrate.upgrade(postgres.url))
        wallet = wallets.create("validator", "default", folder / "wallets")
        api, hub = (f"http://127.0.0.1:{pick_port(None)}" for _ in range(2))
        environment = _environment(postgres, store, wallet)
        names = [f"worker-{number}" for number in range(1, workers + 1)]
        common = {**environment, "HF_ENDPOINT": hub, "CHAOS_SAMPLE_SECONDS": str(sample_seconds)}
        environments = {
            name: _worker(folder, name, wallet, common, queue) for name, queue in zip(names, cycle(QueueName), strict=False)
        }
        (folder / "hub").mkdir()
        hatchery = Workers(processes, environments)
        arena = Arena(folder, postgres, store, processes, hatchery, api, hub, wallet, environment)
        for name in ("hub", "api", "dispatcher-1", "dispatcher-2"):
            arena.start(name)
        for name in names:
            hatchery.start(name)
        yield arena
    finally:
        if arena is not None:
            arena.workers.stop()
            postgres, store = arena.postgres, arena.redis
        processes.stop()
        store.stop()
        postgres.stop()


def _environment(postgres: EmbeddedService, store: EmbeddedService, wallet: bt.Wallet) -> Mapping[str, str]:
    hotkey = str(wallet.hotkey.ss58_address)
    return {
        "DATABASE_URL": postgres.url,
        "REDIS_URL": store.url,
        "VOICE_API_HOTKEY": hotkey,
        "VOICE_API_WRITERS": hotkey,
        "VOICE_RATE_PER_MINUTE": "100000",
        "VOICE_RATE_ADDRESS_PER_MINUTE": "100000",
        "VOICE_DISPATCH_SECONDS": str(_DISPATCH_SECONDS),
        "VOICE_LOG_FORMAT": "json",
    }


def _worker(folder: Path, name: str, wallet: bt.Wallet, environment: Mapping[str, str], queue: QueueName) -> Mapping[str, str]:
    data = folder / name
    key, certificate = data / "service.key", data / "service.cert.json"
    began = datetime.now(UTC) - _CERTIFIED / 2  # a clock that is hours off is still inside
    signed = certification.certify(wallet, ServiceKey.at(key).address, name, _CERTIFIED, began)
    certification.write(certificate, signed.to_json())
    own = {
        "PATH": os.environ.get("PATH", os.defpath),
        "VOICE_HOST": name,
        "VOICE_DATA": str(data),
        "VOICE_SERVICE_KEY": str(key),
        "VOICE_CERTIFICATE": str(certificate),
        "VOICE_STORE": str(folder / "store"),
        "VOICE_COMPETITION": str(folder / "competition.toml"),
        "VOICE_QUEUE": queue.value,
        "VOICE_LEASE_SECONDS": str(LEASE_SECONDS),
        "VOICE_RETRY_FIRST_SECONDS": str(_RETRY_FIRST_SECONDS),
        "CHAOS_LOG": str(folder / "logs" / f"{name}.log"),
        "CHAOS_CLOCK": str(folder / f"{name}.clock"),
    }
    return {**environment, **own}
