"""The last row of a game day: the database is lost, comes back from a backup, and decides as before."""

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any

from neurons.devchain import operations
from neurons.devchain.faults import FaultKind, FaultPlan
from tests.gameday.arena import VALIDATOR, WORKERS, Arena
from tests.gameday.commands import Ended

_HEAD = "select state_hash from ledger where validator = $1 order by round desc limit 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRow:
    """The ledger's last hash and the weights that would be set, before the database was lost and after it came back."""

    ledger: str
    ledger_again: str
    weights: dict[str, int]
    weights_again: dict[str, int]
    without: str
    """What the doctor says of the empty database."""
    seconds: float
    """Of `voice backup restore`."""

    @property
    def is_same(self) -> bool:
        """Whether both are what they were, and somebody is paid."""
        return (self.ledger, self.weights) == (self.ledger_again, self.weights_again) and bool(self.ledger and self.weights)


def lose_and_restore(arena: Arena) -> RestoreRow:
    """The validator is stopped and the chain stands still meanwhile, so that nothing but the loss can change what is decided."""
    arena.stop(VALIDATOR)
    arena.beacon.end()
    operations.add_fault(arena.devchain, FaultPlan(kind=FaultKind.STALE))
    ledger, weights = _ledger(arena), _weights(arena)
    backup = json.loads(_well(arena.voice(WORKERS[0], "backup", "create", str(arena.folder / "backups"), "--json")).stdout)
    name = arena.database().partition("?")[0].rpartition("/")[2]
    for statement in (f"drop database {name} with (force)", f"create database {name}"):
        asyncio.run(arena.sql(arena.postgres.url, statement))
    without = {each["check"]: each["value"] for each in _findings(arena)}.get("schema", "")
    began = time.monotonic()
    _well(arena.voice(WORKERS[0], "backup", "restore", str(backup["file"]), "--force", "--yes", "--json"))
    seconds = round(time.monotonic() - began, 1)
    again, weights_again = _ledger(arena), _weights(arena)
    operations.clear_faults(arena.devchain)
    arena.start(VALIDATOR)
    return RestoreRow(
        ledger=ledger,
        ledger_again=again,
        weights=weights,
        weights_again=weights_again,
        without=without,
        seconds=seconds,
    )


def _ledger(arena: Arena) -> str:
    return str(asyncio.run(arena.sql(arena.database(), _HEAD, arena.hotkey(VALIDATOR))))


def _weights(arena: Arena) -> dict[str, int]:
    planned = json.loads(_well(arena.voice(VALIDATOR, "validator", "weights", "--dry-run", "--json")).stdout)
    return {str(uid): int(weight) for uid, weight in planned["vector"]}


def _findings(arena: Arena) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(arena.voice("api", "doctor", "api", "--json").stdout)["findings"]
    return found


def _well(ended: Ended) -> Ended:
    if ended.status != 0:
        raise RuntimeError(f"a command ended with {ended.status}: {ended.stderr.strip()[-500:]}")
    return ended
