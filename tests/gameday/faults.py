"""The faults of a game day: how each is made and taken away, and what the doctor and the alerts are to say of it."""

import asyncio
import json
import os
import signal
import subprocess
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import redis

from neurons.devchain import operations
from neurons.devchain.faults import FaultKind, FaultPlan
from neurons.doctor.catalogue import CheckName
from neurons.doctor.role import Role
from tests.gameday import alerts
from tests.gameday.arena import FOLLOWER, QUEUE, VALIDATOR, WORKERS, Arena

Act = Callable[[Arena], None]
_AHEAD_SECONDS = 300.0
_FEW_BYTES, _LARGE_BYTES, _LARGE = 1 << 16, 128 << 20, "large"
DISK_SIZE = "8g"
"""Of the workers' disk: nothing is taken from this machine's memory before it is written."""


class FaultName(StrEnum):
    """The faults, in the order in which they are made."""

    PARTED_LEDGER = "parted ledger"
    CERTIFICATE = "certificate with 3 days left"
    REDIS_FLUSHED = "Redis flushed"
    CLOCK = "clock + 5 min"
    CHAIN_FROZEN = "chain frozen"
    POSTGRESQL_DOWN = "PostgreSQL down"
    WORKER_GONE = "worker gone"
    WRONG_TRUST = "wrong trust"
    HUB_404 = "hub 404"
    VERSION_KEY = "wrong version key"
    DISK_FULL = "disk full"
    DEAD_BEACON = "dead beacon"


def _nothing(_arena: Arena) -> None:
    """Most faults leave nothing to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault. `asked` is the process by whose environment the doctor is asked, as `role`."""

    role: Role
    asked: str
    row: CheckName
    """The doctor's row that names it."""
    alert: str
    make: Act
    mend: Act
    follows: frozenset[CheckName] = frozenset()
    """Rows that are not well in consequence."""
    afterwards: Act = _nothing
    """Done once all is well again."""


def _told(arena: Arena, name: str, *arguments: str) -> None:
    """A command that has to end well."""
    ended = arena.voice(name, *arguments)
    if ended.status != 0:
        raise RuntimeError(f"voice {' '.join(arguments)}: {ended.stderr.strip()[-300:]}")


def _part(arena: Arena) -> None:
    """The follower's newest entry gets another hash: whatever it folds on it is another ledger."""
    statement = "update ledger set state_hash = repeat('0', 64) where round = (select max(round) from ledger)"
    asyncio.run(arena.sql(arena.environments[FOLLOWER]["DATABASE_URL"], statement))


def _join_again(arena: Arena) -> None:
    """As docs/validator.md says: stop, forget the own ledger, start, and fold again."""
    arena.stop(FOLLOWER)
    _told(arena, FOLLOWER, "validator", "ledger", "reset", "--yes")
    arena.start(FOLLOWER)


def retire_follower(arena: Arena) -> None:
    """The follower ends for good: it would part from a validator whose trust is made wrong, and rightly."""
    arena.stop(FOLLOWER)
    alerts.ask(arena.folder / "alerts", "validator", [arena.ports[VALIDATOR]])


def _flush(arena: Arena) -> None:
    """Between two requests of the model queue: it is stopped meanwhile, as the next one begins the memory of nonces anew."""
    arena.processes.running[QUEUE].send_signal(signal.SIGSTOP)
    with redis.Redis.from_url(arena.redis.url) as client:
        client.flushall()


def _shift_clock(arena: Arena) -> None:
    arena.clock.write_text(str(_AHEAD_SECONDS), encoding="utf-8")


def _freeze(arena: Arena) -> None:
    operations.add_fault(arena.devchain, FaultPlan(kind=FaultKind.STALE))


def _thaw(arena: Arena) -> None:
    operations.clear_faults(arena.devchain)


def _restart_trusting(arena: Arena, whom: str) -> None:
    arena.stop(VALIDATOR)
    arena.environments[VALIDATOR]["VOICE_TRUST"] = whom
    arena.start(VALIDATOR)


def _hub(arena: Arena, failures: Mapping[str, int]) -> None:
    body = json.dumps({"failures": failures}).encode()
    request = urllib.request.Request(f"{arena.hub_url}/control", body, method="PUT")  # noqa: S310  # loopback
    with urllib.request.urlopen(request, timeout=5):  # noqa: S310
        return


def _hub_back(arena: Arena) -> None:
    """And what was parked meanwhile is brought back."""
    _hub(arena, {})
    order = ("operator", "requeue", "--code", "2001", "--since", "1h", "--reason", "the hub is back")
    _told(arena, VALIDATOR, *order)


def _resize_disk(arena: Arena, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(arena.disk)], check=True, capture_output=True)


def _fill_disk(arena: Arena) -> None:
    """Something large is written, and the disk has no more room than for what is on it."""
    with (arena.disk / _LARGE).open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, _LARGE_BYTES)
    found = sum(file.stat().st_blocks * 512 for file in arena.disk.rglob("*") if file.is_file())
    _resize_disk(arena, str(found + _FEW_BYTES))


def _clear_disk(arena: Arena) -> None:
    (arena.disk / _LARGE).unlink()
    _resize_disk(arena, DISK_SIZE)


def _rule(name: str, value: int) -> Act:
    def act(arena: Arena) -> None:
        operations.change(arena.devchain, name, value)

    return act


FAULTS: Mapping[FaultName, Fault] = {
    FaultName.PARTED_LEDGER: Fault(
        role=Role.VALIDATOR,
        asked=FOLLOWER,
        row=CheckName.LEDGER,
        alert="LedgersPart",
        make=_part,
        mend=_join_again,
        afterwards=retire_follower,
    ),
    FaultName.CERTIFICATE: Fault(
        role=Role.WORKER,
        asked=WORKERS[0],
        row=CheckName.CERTIFICATE,
        alert="CertificateEndsSoon",
        make=lambda arena: arena.certify(WORKERS[0], timedelta(days=3)),
        mend=lambda arena: arena.certify(WORKERS[0], timedelta(days=90)),
    ),
    FaultName.REDIS_FLUSHED: Fault(
        role=Role.API,
        asked="api",
        row=CheckName.NONCES,
        alert="RedisWasEmptied",
        make=_flush,
        mend=lambda arena: arena.processes.running[QUEUE].send_signal(signal.SIGCONT),
    ),
    FaultName.CLOCK: Fault(
        role=Role.VALIDATOR,
        asked=VALIDATOR,
        row=CheckName.CLOCK,
        alert="ClockIsWrong",
        make=_shift_clock,
        mend=lambda arena: arena.clock.unlink(),
        follows=frozenset({CheckName.DATABASE_CLOCK}),
    ),
    FaultName.CHAIN_FROZEN: Fault(
        role=Role.VALIDATOR, asked=VALIDATOR, row=CheckName.CHAIN, alert="ChainStandsStill", make=_freeze, mend=_thaw
    ),
    FaultName.POSTGRESQL_DOWN: Fault(
        role=Role.API,
        asked="api",
        row=CheckName.DATABASE,
        alert="PostgresqlIsAway",
        make=Arena.crash_postgres,
        mend=Arena.start_postgres,
    ),
    FaultName.WORKER_GONE: Fault(
        role=Role.API,
        asked="api",
        row=CheckName.WORKERS,
        alert="WorkerIsGone",
        make=lambda arena: arena.workers.kill(WORKERS[1]),
        mend=lambda arena: arena.start(WORKERS[1]),
    ),
    FaultName.WRONG_TRUST: Fault(
        role=Role.VALIDATOR,
        asked=VALIDATOR,
        row=CheckName.TRUST,
        alert="NothingCounts",
        make=lambda arena: _restart_trusting(arena, arena.stranger),
        mend=lambda arena: _restart_trusting(arena, arena.hotkey(VALIDATOR)),
        follows=frozenset({CheckName.RECEIPTS, CheckName.WEIGHTS, CheckName.BURN}),
    ),
    FaultName.HUB_404: Fault(
        role=Role.WORKER,
        asked=WORKERS[0],
        row=CheckName.HUB,
        alert="HubIsAway",
        make=lambda arena: _hub(arena, {"404": -1}),
        mend=_hub_back,
        follows=frozenset({CheckName.PARKED}),
    ),
    FaultName.VERSION_KEY: Fault(
        role=Role.VALIDATOR,
        asked=VALIDATOR,
        row=CheckName.VERSION_KEY,
        alert="NoWeightsAreSet",
        make=_rule("weights_version", 7),
        mend=_rule("weights_version", 0),
        follows=frozenset({CheckName.WEIGHTS}),
    ),
    FaultName.DISK_FULL: Fault(
        role=Role.WORKER,
        asked=WORKERS[0],
        row=CheckName.DISK,
        alert="DiskIsFull",
        make=_fill_disk,
        mend=_clear_disk,
        follows=frozenset({CheckName.SANDBOX, CheckName.PARKED}),
    ),
    FaultName.DEAD_BEACON: Fault(
        role=Role.VALIDATOR,
        asked=VALIDATOR,
        row=CheckName.SEALED_WEIGHTS,
        alert="SealedWeightsExpire",
        make=_rule("commit_reveal_weights_enabled", 1),
        mend=lambda arena: arena.beacon.begin(arena.devchain, arena.database()),
    ),
}
