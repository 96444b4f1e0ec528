"""What became of weights, from the chain's answer or from what it holds."""

from dataclasses import replace

import pytest

from neurons.chain.types import Applied, RateLimited, Refused, SealedCommit, SealedWeights, WeightsResult
from neurons.validator.weights.setter import answered, settled
from scoring.types import Block, Uid
from scoring.weights.plan import WeightPlan
from tests.builders.ledger import a_weight_attempt, a_weight_plan
from voice_api.db.states import Mechanism, WeightOutcome

LASTS = 30
ROW = {Uid(0): 21_845, Uid(2): 65_535}
OTHER = {Uid(2): 65_535}


def a_plan(**shares: float) -> WeightPlan:
    """A plan with these shares."""
    return a_weight_plan({int(name[1:]): share for name, share in shares.items()})


PLAN = a_plan(u0=0.25, u2=0.75)
SENT = a_weight_attempt(100, WeightOutcome.SENDING, plan=PLAN, error="no answer", id=1)
SEALED = replace(SENT, outcome=WeightOutcome.PENDING, error=None, mechanism=Mechanism.SEALED, reveal_round=99)


def a_view(block: int, row: dict[Uid, int] | None = None, *waiting: int) -> SealedWeights:
    """The chain at a block; what waits there was sealed in these blocks."""
    return SealedWeights(
        block=Block(block),
        epoch=9,
        reveal_period=1,
        waiting=tuple(SealedCommit(Block(each), 9, 77) for each in waiting),
        row=row or {},
    )


@pytest.mark.parametrize(
    ("result", "end"),
    [
        pytest.param(Applied(Block(102)), {"outcome": WeightOutcome.SET, "block": 102, "error": None}, id="set"),
        pytest.param(
            Applied(Block(102), 99),
            {"outcome": WeightOutcome.PENDING, "block": 102, "error": None, "mechanism": Mechanism.SEALED, "reveal_round": 99},
            id="sealed",
        ),
        pytest.param(
            RateLimited(7, "too soon"),
            {"outcome": WeightOutcome.RATE_LIMITED, "error": "too soon", "next_block": 107},
            id="too soon",
        ),
        pytest.param(
            RateLimited(None, "too soon"), {"outcome": WeightOutcome.RATE_LIMITED, "error": "too soon"}, id="nobody knows how"
        ),
        pytest.param(Refused("x", "NoPermit", "no"), {"outcome": WeightOutcome.FAILED, "error": "NoPermit: no"}, id="refused"),
    ],
)
def test_an_answer_ends_an_attempt(result: WeightsResult, end: dict[str, object]) -> None:
    """What came too soon is neither set nor failed."""
    assert answered(SENT, result) == replace(SENT, **end)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("view", "last_update", "end"),
    [
        pytest.param(a_view(110, ROW), 50, None, id="nothing new, and still possible"),
        pytest.param(a_view(130, ROW), 50, None, id="the last block that could hold it"),
        pytest.param(a_view(131, ROW), 50, (WeightOutcome.FAILED, 100, None), id="no block can hold it any more"),
        pytest.param(a_view(110, ROW), 101, (WeightOutcome.SET, 101, None), id="taken"),
        pytest.param(a_view(110, {}, 101), 101, (WeightOutcome.PENDING, 101, 77), id="taken, and sealed"),
        pytest.param(a_view(110, OTHER), 101, None, id="something else was taken"),
        pytest.param(a_view(131, OTHER), 101, (WeightOutcome.FAILED, 100, None), id="something else, and too late"),
    ],
)
def test_what_was_sent_without_an_answer_is_what_the_chain_shows(
    view: SealedWeights, last_update: int, end: tuple[WeightOutcome, int, int | None] | None
) -> None:
    """Taken in the block of the last update, sealed or in the open; or in none, once it could be in none."""
    found = [
        (each.outcome, each.block, each.reveal_round) for each in settled([SENT], view, Block(last_update), frozenset(), LASTS)
    ]
    assert found == ([] if end is None else [end])


def test_one_block_took_one_attempt() -> None:
    """Of two alike that were sent without an answer the later one; and none, where another attempt is known to be in that block."""
    later = replace(SENT, block=Block(104), id=2)
    found = settled([SENT, later], a_view(140, ROW), Block(105), frozenset(), LASTS)
    assert [(each.id, each.outcome) for each in found] == [(1, WeightOutcome.FAILED), (2, WeightOutcome.SET)]
    [only] = settled([SENT], a_view(140, ROW), Block(105), frozenset({Block(105)}), LASTS)
    assert only.outcome is WeightOutcome.FAILED


@pytest.mark.parametrize(
    ("view", "end"),
    [
        pytest.param(a_view(120, {}, 100), None, id="it waits"),
        pytest.param(a_view(120, ROW), (WeightOutcome.APPLIED, 120, None), id="it counts"),
        pytest.param(
            a_view(120, OTHER), (WeightOutcome.EXPIRED, None, "the chain did not open them in their time"), id="it is lost"
        ),
    ],
)
def test_sealed_weights_wait_until_they_count_or_are_lost(
    view: SealedWeights, end: tuple[WeightOutcome, int | None, str | None] | None
) -> None:
    """As the chain shows it."""
    found = [(each.outcome, each.applied_block, each.error) for each in settled([SEALED], view, Block(100), frozenset(), LASTS)]
    assert found == ([] if end is None else [end])


def test_sealed_weights_that_a_later_vector_replaced_before_anybody_looked_are_not_called_lost_by_the_chain() -> None:
    """Whether they counted in between nobody saw, and the row says so."""
    later = replace(SEALED, block=Block(110), plan=a_plan(u2=1.0), id=2)
    first, second = settled([SEALED, later], a_view(130, OTHER), Block(110), frozenset(), LASTS)
    assert (first.outcome, first.error) == (WeightOutcome.EXPIRED, "never seen to count: a later vector counts already")
    assert second.outcome is WeightOutcome.APPLIED
