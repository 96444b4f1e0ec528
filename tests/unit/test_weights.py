"""Who earns what, and what never reaches the chain."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring import weights
from scoring.ledger import Record, State
from scoring.types import Block, Entrant, Hotkey, Uid, Weight, entrant
from scoring.weights import Snapshot, WeightPlan, WeightsInvalid

SHARES = (0.65, 0.14, 0.10, 0.07, 0.04)


def named(number: int) -> Entrant:
    """Submission `number` is of h<number>, committed at block `number`."""
    return entrant(Hotkey(f"h{number}"), Block(number))


def a_record(number: int, score: float = 0.5, **overrides: object) -> Record:
    """Submission `number` of hotkey h<number>: 100 groups that all score `score`."""
    micro = round(score * 1_000_000)
    record = Record(named(number), Hotkey(f"h{number}"), Block(number), "00", None, 100, 100 * micro, 100 * micro * micro)
    return replace(record, **overrides)  # type: ignore[arg-type]


def a_snapshot(*records: Record, king: int | None = 1, uids: Mapping[str, int] | None = None) -> Snapshot:
    """Hotkey h<n> holds uid n, the owner uid 0."""
    known = {record.hotkey: int(record.hotkey[1:]) for record in records} if uids is None else uids
    return Snapshot(
        ledger_hash="ab",
        state=State(king=None if king is None else named(king), records=records),
        block=Block(100),
        owner=Uid(0),
        uids={Hotkey(hotkey): Uid(uid) for hotkey, uid in known.items()},
        registered_at={Hotkey(hotkey): Block(0) for hotkey in known},
        shares=SHARES,
        tail_floor=0.2,
        tie_band=0.01,
        tie_speed=0.25,
        competition_hash="cd",
    )


def test_king_and_tail_get_fixed_shares_and_the_rest_burns() -> None:
    """Three places held: 0.65, 0.14, 0.10; the unearned 0.11 goes to the owner's uid, with its reason."""
    plan = weights.plan(a_snapshot(a_record(1, 0.8), a_record(2, 0.4), a_record(3, 0.6)))
    assert plan.vector == {1: 0.65, 3: 0.14, 2: 0.10, 0: pytest.approx(0.11)}
    assert plan.burn == pytest.approx(0.11)


def test_a_full_table_burns_nothing() -> None:
    """Five places held: no share is left."""
    plan = weights.plan(a_snapshot(*(a_record(n, 0.9 - n / 10) for n in range(1, 7))))
    assert plan.burn == 0.0
    assert plan.vector == {1: 0.65, 2: 0.14, 3: 0.10, 4: 0.07, 5: 0.04}


def test_below_the_floor_earns_nothing() -> None:
    """A mean of 0.21 whose lower bound is below 0.2 is no tail place."""
    groups = [0] * 50 + [420_000] * 50
    shaky = a_record(2, total=sum(groups), squares=sum(g * g for g in groups))
    assert weights.plan(a_snapshot(a_record(1, 0.8), shaky)).vector == {1: 0.65, 0: pytest.approx(0.35)}


def test_without_a_king_everything_burns() -> None:
    """Nobody earned anything: one explicit target, the owner."""
    assert weights.plan(a_snapshot(a_record(1), king=None)).vector == {0: 1.0}


def test_an_unregistered_king_gets_nothing_and_costs_the_others_nothing() -> None:
    """A hotkey that left never gets a weight; its share burns until the next fold, and the tail keeps what it earned."""
    plan = weights.plan(a_snapshot(a_record(1, 0.9), a_record(2, 0.8), uids={"h2": 2}))
    assert plan.vector == {2: 0.14, 0: pytest.approx(0.86)}


@given(st.lists(st.floats(0.0, 1.0), min_size=0, max_size=12), st.randoms())
def test_any_field_gives_a_valid_vector_whatever_its_order(scores: list[float], shuffle: object) -> None:
    """Finite, not negative, sums to 1, and the same for a permuted field."""
    records = [a_record(n, score) for n, score in enumerate(scores, 1)]
    plan = weights.plan(a_snapshot(*records))
    assert sum(plan.vector.values()) == pytest.approx(1.0)
    shuffle.shuffle(records)  # type: ignore[attr-defined]
    assert weights.plan(a_snapshot(*records)).vector == plan.vector


@pytest.mark.parametrize(
    ("vector", "why"),
    [
        pytest.param({}, "at least one", id="empty"),
        pytest.param({1: float("nan")}, "finite", id="NaN"),
        pytest.param({1: 1.5, 2: -0.5}, "negative", id="negative"),
        pytest.param({1: 0.5}, "sum to 1", id="half"),
        pytest.param({9: 1.0}, "registered", id="unregistered"),
    ],
)
def test_the_guard_stops_what_must_never_be_set(vector: dict[Uid, Weight], why: str) -> None:
    """The last gate names what is wrong."""
    with pytest.raises(WeightsInvalid, match=why):
        weights.guard(vector, {Uid(0), Uid(1), Uid(2)})


def test_the_same_snapshot_gives_the_same_plan() -> None:
    """A plan is a value: equal snapshots, equal hashes, equal plans."""
    first, second = (a_snapshot(a_record(1, 0.8), a_record(2, 0.4)) for _ in range(2))
    assert isinstance(weights.plan(first), WeightPlan)
    assert (first.hash, weights.plan(first)) == (second.hash, weights.plan(second))
