"""What became of weights, from the chain's answer or from what it holds."""

from dataclasses import replace

import pytest

from neurons.chain.types import Applied, RateLimited, Refused, SealedCommit, SealedWeights, WeightsResult
from neurons.validator.weights.decision import WeightHistory
from neurons.validator.weights.outcome import answered, settled
from scoring.types import Block, Uid
from scoring.weights.plan import WeightPlan
from tests.builders.ledger import a_weight_attempt, a_weight_plan
from voice_api.db.states import Mechanism, RefusalClass, WeightOutcome
from voice_api.db.weights import WeightAttempt

LASTS = 30
ROW = {Uid(0): 21_845, Uid(2): 65_535}
OTHER = {Uid(2): 65_535}


def a_plan(**shares: float) -> WeightPlan:
    """A plan with these shares."""
    return a_weight_plan({int(name[1:]): share for name, share in shares.items()})


PLAN = a_plan(u0=0.25, u2=0.75)
SENT = a_weight_attempt(100, WeightOutcome.SENDING, plan=PLAN, error="no answer", id=1)
SEALED = replace(SENT, outcome=WeightOutcome.PENDING, error=None, mechanism=Mechanism.SEALED, reveal_round=99)


def a_view(block: int, row: dict[Uid, int] | None = None, *waiting: int, epoch: int = 9, sealing: bool = False) -> SealedWeights:
    """The chain at a block; what waits there was sealed in these blocks of epoch 9."""
    return SealedWeights(
        block=Block(block),
        epoch=epoch,
        reveal_period=1,
        sealing=sealing,
        waiting=tuple(SealedCommit(Block(each), 9, 77) for each in waiting),
        row=row or {},
    )


def known(*waiting: WeightAttempt, before: tuple[WeightAttempt, ...] = ()) -> WeightHistory:
    """Attempts whose end is not known, oldest first, and others that came before them."""
    attempts = (*reversed(waiting), *reversed(before))
    return WeightHistory(head=None, judged=None, attempts=attempts, waiting=waiting, planned=None)


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
        pytest.param(
            Refused("not_authorized", "NeuronNoValidatorPermit", "No permit."),
            {
                "outcome": WeightOutcome.FAILED,
                "error": "NeuronNoValidatorPermit: No permit. Stake more: the most stake gets the permits, at the next epoch.",
                "refusal": RefusalClass.PERMANENT,
            },
            id="refused",
        ),
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
    found = [(each.outcome, each.block, each.reveal_round) for each in settled(known(SENT), view, Block(last_update), LASTS)]
    assert found == ([] if end is None else [end])


def test_one_block_took_one_attempt() -> None:
    """Of two alike that were sent without an answer the later one; and none, where another attempt is known to be in that block."""
    later = replace(SENT, block=Block(104), id=2)
    found = settled(known(SENT, later), a_view(140, ROW), Block(105), LASTS)
    assert [(each.id, each.outcome) for each in found] == [(1, WeightOutcome.FAILED), (2, WeightOutcome.SET)]
    taken = replace(SENT, block=Block(105), outcome=WeightOutcome.SET, id=3)
    [only] = settled(known(SENT, before=(taken,)), a_view(140, ROW), Block(105), LASTS)
    assert only.outcome is WeightOutcome.FAILED


def test_what_was_sealed_before_the_last_that_is_known_is_found_where_it_waits() -> None:
    """The answer was lost, the node stood still, and the next ones were taken meanwhile: both wait on the chain."""
    known_one = replace(SEALED, block=Block(112), opens_in=10, id=2)
    history = replace(known(SENT, before=()), attempts=(known_one, SENT), waiting=(SENT, known_one))
    found = settled(history, a_view(125, {}, 102, 112, sealing=True), Block(112), LASTS)
    assert [(each.id, each.outcome, each.block) for each in found] == [(1, WeightOutcome.PENDING, 102)]


COUNTED = replace(SEALED, id=0, block=Block(50), outcome=WeightOutcome.APPLIED, applied_block=Block(80))
"""The same weights, which count since before."""
LOST, UNSEEN = (
    "the chain did not open them in their time",
    "nobody was seen to open them in their time; the same weights counted before",
)
NOWHERE = "no block took it (no answer)"
Known = tuple[WeightOutcome, int | None, str | None]


@pytest.mark.parametrize(
    ("view", "opens_in", "before", "end"),
    [
        pytest.param(a_view(99, ROW), None, (), None, id="an older block than theirs"),
        pytest.param(
            a_view(120, {}, 100), None, (), (WeightOutcome.PENDING, None, None), id="they wait: their epoch is known now"
        ),
        pytest.param(a_view(120, {}, 100), 10, (), None, id="they wait, and nothing is new"),
        pytest.param(
            a_view(120, ROW, epoch=11), None, (), (WeightOutcome.APPLIED, 120, None), id="they count, others did before"
        ),
        pytest.param(a_view(120, OTHER), 10, (), (WeightOutcome.EXPIRED, None, LOST), id="others count"),
        pytest.param(
            a_view(120, ROW, epoch=10),
            10,
            (COUNTED,),
            (WeightOutcome.APPLIED, 120, None),
            id="opened in time, the same as before",
        ),
        pytest.param(
            a_view(120, ROW, epoch=11),
            10,
            (COUNTED,),
            (WeightOutcome.EXPIRED, None, UNSEEN),
            id="the same as before, and too late",
        ),
        pytest.param(
            a_view(120, ROW, epoch=10),
            None,
            (COUNTED,),
            (WeightOutcome.EXPIRED, None, UNSEEN),
            id="never seen, the same as before",
        ),
        pytest.param(
            a_view(120, ROW, epoch=11),
            10,
            (COUNTED, replace(COUNTED, id=-1, plan=a_plan(u2=1.0))),
            (WeightOutcome.EXPIRED, None, UNSEEN),
            id="the last that counted decides",
        ),
    ],
)
def test_sealed_weights_wait_until_they_were_opened_or_are_lost(
    view: SealedWeights, opens_in: int | None, before: tuple[WeightAttempt, ...], end: Known | None
) -> None:
    """That the same weights count is no proof where they counted before: they must have left the queue in their epoch."""
    history = known(replace(SEALED, opens_in=opens_in), before=before)
    found = [(each.outcome, each.applied_block, each.error) for each in settled(history, view, Block(100), LASTS)]
    assert found == ([] if end is None else [end])


def test_of_two_alike_that_waited_only_one_is_known_to_have_been_opened() -> None:
    """Nobody looked while they were due; the weights changed, so somebody opened one of them."""
    history = known(SEALED, replace(SEALED, block=Block(110), id=2))
    found = settled(history, a_view(200, ROW, epoch=15), Block(110), LASTS)
    assert [(each.id, each.outcome) for each in found] == [(1, WeightOutcome.APPLIED), (2, WeightOutcome.EXPIRED)]


def test_weights_without_an_answer_are_not_called_set_by_what_counted_before() -> None:
    """Where weights are sealed, something was taken, and it waits no longer: nobody knows that it was opened."""
    history = known(SENT, before=(COUNTED,))
    [end] = settled(history, a_view(110, ROW, sealing=True), Block(101), LASTS)
    assert (end.outcome, end.block, end.mechanism, end.error) == (WeightOutcome.EXPIRED, 101, Mechanism.SEALED, UNSEEN)


@pytest.mark.parametrize(
    ("last_update", "end"),
    [
        pytest.param(130, (WeightOutcome.EXPIRED, 130, LOST), id="taken in the last block that could hold it"),
        pytest.param(131, (WeightOutcome.FAILED, 100, NOWHERE), id="what was taken came later"),
        pytest.param(99, (WeightOutcome.FAILED, 100, NOWHERE), id="what was taken came before"),
    ],
)
def test_sealed_weights_that_nobody_saw_waiting_were_taken_all_the_same(last_update: int, end: tuple[object, ...]) -> None:
    """A validator that could not look for an epoch learns from the block of the last update that the chain had its weights."""
    [found] = settled(known(SENT), a_view(140, OTHER, sealing=True), Block(last_update), LASTS)
    assert (found.outcome, found.block, found.error) == end


def test_sealed_weights_that_a_later_vector_replaced_before_anybody_looked_are_not_called_lost_by_the_chain() -> None:
    """Whether they counted in between nobody saw, and the row says so."""
    later = replace(SEALED, block=Block(110), plan=a_plan(u2=1.0), id=2)
    first, second = settled(known(SEALED, later), a_view(130, OTHER), Block(110), LASTS)
    assert (first.outcome, first.error) == (WeightOutcome.EXPIRED, "never seen to count: a later vector counts already")
    assert second.outcome is WeightOutcome.APPLIED
