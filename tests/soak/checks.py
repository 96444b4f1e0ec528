"""What must hold after a soak, whatever the node did: on the chain, in the ledgers, in the processes."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from neurons.devchain.events import Revealed, Sealed, Weighted
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


@dataclass(frozen=True, slots=True)
class Given:
    """A vector that counts on the chain from a block on: who set it (or sealed it), and which uids were taken then."""

    block: int
    hotkey: Hotkey
    vector: Vector
    taken: frozenset[Uid]


@dataclass(frozen=True, slots=True)
class History:
    """All vectors that came to count, and how many were sealed."""

    given: Sequence[Given]
    sealed: int


def history(arena: Arena) -> History:
    """What validators did to the chain, from its first block."""
    with closing(Node(arena.devchain, _for_ever)) as node:
        entries = node.events(0, node.head())
        given = []
        for entry in entries:
            event = entry.event
            if isinstance(event, Weighted | Revealed):
                neurons = node.state(entry.block).neurons
                hotkey = event.hotkey if isinstance(event, Revealed) else neurons[event.uid].hotkey
                vector = tuple(zip(event.targets, event.values, strict=True))
                given.append(Given(entry.block, hotkey, vector, frozenset(Uid(neuron.uid) for neuron in neurons)))
        return History(given, sum(isinstance(entry.event, Sealed) for entry in entries))


def invalid(given: Given, vectors: set[Vector]) -> str | None:
    """What is wrong with a vector on the chain: it passes the last gate once more, and is one that was planned."""
    total = sum(value for _, value in given.vector)
    shares = {Uid(uid): Weight(value / total) for uid, value in given.vector if total}
    try:
        guard(shares, set(given.taken))
    except WeightsInvalid as exc:
        return f"block {given.block}: {exc}"
    return None if given.vector in vectors else f"block {given.block}: {given.hotkey} planned no such vector"


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
