"""What must hold after a soak, whatever the node did: in the ledgers, in the processes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scoring.types import RoundNumber
from tests.soak.arena import Arena
from voice_api.db.database import Pool
from voice_api.db.ledger import Ledger, LedgerEntry

_PAGE = 500
GROWTH_MIB = 8.0
"""More than this from the first third of a run to its end is a leak."""


@dataclass(frozen=True, slots=True)
class Memory:
    """A process's resident memory (MiB) in its last two thirds: at most, and how much of it a line through it gained."""

    peak: float
    growth: float


async def ledgers(pool: Pool, arena: Arena) -> Mapping[str, Sequence[LedgerEntry]]:
    """Each validator's whole ledger."""
    found = {}
    for name in arena.validators:
        ledger, entries = Ledger(pool, arena.hotkey(name)), list[LedgerEntry]()
        while page := await ledger.page(entries[-1].round if entries else None, _PAGE):
            entries += page
        found[name] = entries
    return found


def differences(found: Mapping[str, Sequence[LedgerEntry]]) -> list[str]:
    """Where the ledgers are not the same up to the shortest one's end, the first of it."""
    ends = min(entries[-1].round for entries in found.values())
    (first, reference), *others = ((name, [entry for entry in entries if entry.round <= ends]) for name, entries in found.items())
    known = {entry.round: entry for entry in reference}
    wrong = []
    for name, entries in others:
        rounds: set[RoundNumber] = {entry.round for entry in entries} ^ set(known)
        if rounds:
            wrong.append(f"{name} and {first} do not both have round {min(rounds)}")
        differ = [entry.round for entry in entries if entry.round in known and entry.state_hash != known[entry.round].state_hash]
        if differ:
            wrong.append(f"{name} and {first} differ from round {min(differ)} on")
    return wrong


def memory(samples: Sequence[float]) -> Memory:
    """Of samples taken at equal times; the first third is warming up."""
    steady = np.asarray(samples[len(samples) // 3 :])
    if len(steady) < 2:
        return Memory(float(max(samples, default=0.0)), 0.0)
    slope = float(np.polyfit(np.arange(len(steady)), steady, 1)[0])
    return Memory(float(steady.max()), slope * (len(steady) - 1))
