"""A ledger's entries and attempts to set weights: whole records, of which a test names what matters to it; and a ledger played again."""

from collections.abc import Iterable, Iterator
from typing import Any

from neurons.validator.ledger import Receipts, replay_entry
from scoring.competition import Schedule
from scoring.ranking.state import Inputs, State, chain_hash
from scoring.types import Block, Entrant, Hotkey, Micro, RoundNumber, Uid, Weight
from scoring.weights.plan import Snapshot, TrackPay, WeightPlan
from tests.builders.ranking import SMALL, a_state
from voice_api.db.ledger import LedgerEntry
from voice_api.db.states import WeightOutcome
from voice_api.db.weights import WeightAttempt, Weights


def some_inputs(**overrides: Any) -> Inputs:
    """A round in which nothing counted and nobody left."""
    fields: dict[str, Any] = {"start": Block(0), "block": None, "competition_hash": "c0" * 32}
    return Inputs(**{**fields, "counted": {}, "distrusted": {}, "gone": {}, **overrides})


def a_ledger_entry(number: int = 1, *, king: str | None = None, **overrides: Any) -> LedgerEntry:
    """A round's entry, with the hash of its state unless another is given; `king` is that of the track "small"."""
    fields: dict[str, Any] = {} if king is None else {"king": Entrant(king)}
    state = overrides.pop("state", a_state(round=RoundNumber(number), **fields))
    previous = overrides.pop("previous", "")
    rest: dict[str, Any] = {"state_hash": chain_hash(previous, state), "inputs": some_inputs()}
    return LedgerEntry(**{"round": RoundNumber(number), "previous": previous, "state": state, **rest, **overrides})


def replay_chain(entries: Iterable[LedgerEntry], receipts: Receipts, schedule: Schedule) -> Iterator[LedgerEntry]:
    """Each entry computed again, from the first one on, by nothing but inputs and receipts; LedgerInvalid at the first that differs."""
    head: LedgerEntry | None = None
    for entry in entries:
        head = replay_entry(head, entry, receipts, schedule)
        yield head


def a_track_pay(track: str = SMALL, **overrides: Any) -> TrackPay:
    """A track that has all of the emission, of which its king has .65, and credits of .05 the rest."""
    fields: dict[str, Any] = {"track": track, "share": 1.0, "king": 0.65, "full_credit": Micro(50_000)}
    return TrackPay(**{**fields, **overrides})


def a_snapshot(**overrides: Any) -> Snapshot:
    """The owner's hotkey alone, at block 1, and an empty ledger."""
    owner = Hotkey("owner")
    fields: dict[str, Any] = {
        "ledger_hash": "b" * 64,
        "state": State(),
        "block": Block(1),
        "owner": Uid(0),
        "uids": {owner: Uid(0)},
        "registered_at": {owner: Block(0)},
        "pays": (a_track_pay(),),
        "competition_hash": "c0" * 32,
    }
    return Snapshot(**{**fields, **overrides})


def a_weight_plan(vector: dict[int, float] | None = None) -> WeightPlan:
    """Everything to uid 0, unless other shares are given."""
    shares = {0: 1.0} if vector is None else vector
    return WeightPlan("aa" * 32, {Uid(uid): Weight(share) for uid, share in shares.items()}, (), Weight(0.0))


async def attempts_of(weights: Weights, before: int | None = None, limit: int = 50) -> tuple[WeightAttempt, ...]:
    """A page of a validator's attempts, all of which can be read."""
    found = await weights.page(before, limit)
    readable = tuple(attempt for attempt in found if isinstance(attempt, WeightAttempt))
    assert readable == found
    return readable


def a_weight_attempt(block: int = 10, outcome: WeightOutcome = WeightOutcome.SET, **overrides: Any) -> WeightAttempt:
    """An attempt at a block."""
    fields: dict[str, Any] = {"snapshot_hash": "a" * 64, "plan_input": a_snapshot(), "plan": a_weight_plan()}
    return WeightAttempt(**{"block": Block(block), "outcome": outcome, **fields, **overrides})
