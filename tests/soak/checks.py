"""What must hold after a soak, whatever the node did: on the chain, in the ledgers, in the processes."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from neurons.devchain.events import Entry, Weighted
from neurons.devchain.node import Node
from scoring.types import Hotkey, RoundNumber, Uid, Weight
from scoring.weights import WeightPlan, WeightsInvalid, guard, to_u16
from tests.soak.arena import Arena
from voice_api.db.ledger import Ledger
from voice_api.db.ledger_records import LedgerEntry
from voice_api.db.pool import Pool
from voice_api.db.weights import Weights

_PAGE = 500
GROWTH_MIB = 8.0
"""More than this from the first third of a run to its end is a leak."""

Vector = tuple[tuple[int, int], ...]


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
    """Where the ledgers are not the same, the first of it."""
    (first, reference), *others = found.items()
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


async def planned(pool: Pool, hotkey: Hotkey) -> tuple[set[Vector], Mapping[str, int]]:
    """Every vector that a validator kept an attempt of, as the chain would hold it, and how its attempts ended."""
    vectors: set[Vector] = set()
    outcomes: dict[str, int] = {}
    before: int | None = None
    while page := await Weights(pool, hotkey).page(before, _PAGE):
        before = page[-1].id
        for attempt in page:
            vectors.add(tuple((int(uid), value) for uid, value in to_u16(WeightPlan.from_json(attempt.plan).vector)))
            outcomes[attempt.outcome.value] = outcomes.get(attempt.outcome.value, 0) + 1
    return vectors, dict(sorted(outcomes.items()))


def weighted(arena: Arena) -> Sequence[tuple[Entry, Weighted, Hotkey, set[Uid]]]:
    """Every vector on the chain, who set it, and which uids were taken then."""
    with closing(Node(arena.devchain, _for_ever)) as node:
        head = max((entry.block for entry in node.events(0, node.head())), default=0)
        found = []
        for entry in node.events(0, head):
            if isinstance(entry.event, Weighted):
                neurons = node.state(entry.block).neurons
                taken = {Uid(neuron.uid) for neuron in neurons}
                found.append((entry, entry.event, neurons[entry.event.uid].hotkey, taken))
    return found


def invalid(entry: Entry, event: Weighted, taken: set[Uid], vectors: set[Vector]) -> str | None:
    """What is wrong with a vector on the chain: it passes the last gate once more, and is one that was planned."""
    total = sum(event.values)
    shares = {Uid(uid): Weight(value / total) for uid, value in zip(event.targets, event.values, strict=True) if total}
    try:
        guard(shares, taken)
    except WeightsInvalid as exc:
        return f"block {entry.block}: {exc}"
    if tuple(zip(event.targets, event.values, strict=True)) not in vectors:
        return f"block {entry.block}: uid {event.uid} planned no such vector"
    return None


def memory(samples: Sequence[float]) -> Memory:
    """Of samples taken at equal times; the first third is warming up."""
    steady = np.asarray(samples[len(samples) // 3 :])
    if len(steady) < 2:
        return Memory(float(max(samples, default=0.0)), 0.0)
    slope = float(np.polyfit(np.arange(len(steady)), steady, 1)[0])
    return Memory(float(steady.max()), slope * (len(steady) - 1))


def _for_ever() -> float:
    """A time after every event."""
    return 1e11
