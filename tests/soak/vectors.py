"""The vectors of a soak: what came to the chain, what validators planned, and what they believe became of it."""

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from neurons.devchain.events import Revealed, Sealed, Weighted
from neurons.devchain.node import Node
from scoring.types import Hotkey, Uid, Weight
from scoring.weights.plan import WeightsInvalid, guard
from tests.builders.ledger import attempts_of
from tests.soak.arena import Arena
from voice_api.db.database import Pool
from voice_api.db.states import WeightOutcome
from voice_api.db.weights import WeightAttempt, Weights

_PAGE = 500
_TAKEN = (WeightOutcome.SET, WeightOutcome.PENDING, WeightOutcome.APPLIED, WeightOutcome.EXPIRED)
"""What a validator says of an attempt that the chain took."""

Vector = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Given:
    """A vector that counts on the chain from a block on: whose, which uids were taken then, and where it had been sealed, if it was."""

    block: int
    hotkey: Hotkey
    vector: Vector
    taken: frozenset[Uid]
    sealed_in: int | None = None


@dataclass(frozen=True, slots=True)
class History:
    """All vectors that came to count, in their order, and which hotkey sealed one in which block."""

    given: Sequence[Given]
    sealed: frozenset[tuple[Hotkey, int]]


def history(arena: Arena) -> History:
    """What validators did to the chain, from its first block."""
    with closing(Node(arena.devchain, lambda: 1e11)) as node:
        entries = node.events(0, node.head())
        given = []
        for entry in entries:
            event = entry.event
            if isinstance(event, Weighted | Revealed):
                neurons = node.state(entry.block).neurons
                taken = frozenset(Uid(neuron.uid) for neuron in neurons)
                vector = tuple(zip(event.targets, event.values, strict=True))
                opened = (event.hotkey, event.sealed_in) if isinstance(event, Revealed) else (neurons[event.uid].hotkey, None)
                given.append(Given(entry.block, opened[0], vector, taken, opened[1]))
        sealed = {(entry.event.hotkey, int(entry.block)) for entry in entries if isinstance(entry.event, Sealed)}
        return History(given, frozenset(sealed))


def takers(arena: Arena, after: int) -> set[Hotkey]:
    """Whose weights, plain or sealed, the chain took after a block."""
    with closing(Node(arena.devchain, time.time)) as node:
        events = [entry.event for entry in node.events(after, node.head())]
        return {Hotkey(event.origin.signer) for event in events if isinstance(event, Weighted | Sealed)}


async def attempts(pool: Pool, hotkey: Hotkey) -> list[WeightAttempt]:
    """All that a validator kept, the newest first."""
    found: list[WeightAttempt] = []
    while page := await attempts_of(Weights(pool, hotkey), found[-1].id if found else None, _PAGE):
        found += page
    return found


def planned(attempt: WeightAttempt) -> Vector:
    """An attempt's vector as the chain would hold it."""
    return tuple((int(uid), value) for uid, value in attempt.row.items())


def invalid(given: Given, vectors: set[Vector]) -> str | None:
    """What is wrong with a vector on the chain: it passes the last gate once more, and is one that was planned."""
    total = sum(value for _, value in given.vector)
    shares = {Uid(uid): Weight(value / total) for uid, value in given.vector if total}
    try:
        guard(shares, set(given.taken))
    except WeightsInvalid as exc:
        return f"block {given.block}: {exc}"
    return None if given.vector in vectors else f"block {given.block}: {given.hotkey} planned no such vector"


def mistaken(seen: History, hotkey: Hotkey, kept: Sequence[WeightAttempt]) -> list[str]:
    """Where a validator is wrong about what became of its weights.

    Of one that is still being sent it need not know yet; sealed ones that counted for a moment, until its next ones did, or that are
    the same as those of before and were opened while it did not look, may be taken for expired. So may the last plain ones, where
    their answer was lost and sealing had begun when it looked.
    """
    mine = [given for given in seen.given if given.hotkey == hotkey]
    sealed = {block for whose, block in seen.sealed if whose == hotkey}
    wrong = [
        f"attempt {attempt.id} of block {attempt.block} is not {attempt.outcome}"
        for attempt in kept
        if attempt.outcome in _TAKEN and not _is_so(attempt, mine, sealed)
    ]
    known = {attempt.block for attempt in kept if attempt.outcome in _TAKEN}
    unknown = sorted(({given.block for given in mine if given.sealed_in is None} | sealed) - known)
    if len(unknown) > sum(attempt.outcome is WeightOutcome.SENDING for attempt in kept):
        wrong.append(f"it does not know that the chain took its weights of blocks {unknown}")
    return wrong


def _is_so(attempt: WeightAttempt, mine: Sequence[Given], sealed: set[int]) -> bool:
    vector = planned(attempt)
    match attempt.outcome:
        case WeightOutcome.SET:
            return any((given.block, given.vector, given.sealed_in) == (attempt.block, vector, None) for given in mine)
        case WeightOutcome.APPLIED:
            return any(given.vector == vector and given.block <= (attempt.applied_block or 0) for given in mine)
        case WeightOutcome.EXPIRED:
            plain = max((given.block for given in mine if given.sealed_in is None), default=None)
            if attempt.block == plain:
                return bool(sealed) and min(sealed) > plain
            counted_before = any(given.vector == vector for given in mine[:-1])
            return attempt.block in sealed and (mine[-1].sealed_in != attempt.block or counted_before)
        case _:
            return attempt.block in sealed
