"""The validator's ticks on a real PostgreSQL: what happens when the validator dies between any two steps."""

from typing import TYPE_CHECKING

import pytest

from neurons.chain.types import Refused
from scoring.types import Hotkey, Uid
from tests.builders.ledger import attempts_of
from voice_api.db.queue import EvaluationQueue
from voice_api.db.states import RoundState, WeightOutcome
from voice_api.errors import LeaseLost

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed


async def rest(stack: "ValidatorBed") -> None:
    """Tick until nothing is due."""
    while await stack.tick():
        pass


async def fold_one(stack: "ValidatorBed", first: int = 500_000, second: int = 600_000) -> None:
    """Open, judge, close and fold a round."""
    assert await stack.tick()
    await stack.judge(await stack.claim(), first)
    await stack.judge(await stack.claim(), second)
    assert await stack.tick()
    assert await stack.tick()


async def crowned(stack: "ValidatorBed") -> None:
    """Three rounds that fill the empty throne, from the bed's block on: h3 is king after round 4."""
    for block in (725, 1085, 1445):
        stack.chain.block = block
        await fold_one(stack)
    assert await stack.head() == (4, "h3@101")


async def test_a_round_goes_from_opening_to_weights_though_the_validator_restarts_at_each_step(stack: "ValidatorBed") -> None:
    """Each tick is a new validator; what it needs it reads, and what was done is not done again."""
    await crowned(stack)
    assert [await stack.tick() for _ in range(3)] == [False] * 3
    for _ in range(3):
        await stack.set_weights()
    [kept] = await attempts_of(stack.store.weights)
    assert kept.outcome is WeightOutcome.SET
    assert (await stack.head(), {line.hotkey: line.share for line in kept.plan.lines}[Hotkey("h3")]) == ((4, "h3@101"), 1.0)


async def test_weights_that_cannot_be_set_keep_no_round_from_opening(stack: "ValidatorBed") -> None:
    """The attempt is kept, and repeated after a while; the subnet goes on meanwhile."""
    await fold_one(stack)
    stack.chain.block, stack.chain.answers = 1085, [Refused("unknown", "NeuronNoValidatorPermit", "no permit")]
    await stack.set_weights()
    assert await stack.tick()
    latest = await stack.store.rounds.latest()
    assert latest is not None
    assert (latest.round, latest.state) == (3, RoundState.OPEN)
    for block in (1086, 1087):
        stack.chain.block = block
        await stack.set_weights()
    assert [kept.outcome for kept in await attempts_of(stack.store.weights)] == [WeightOutcome.SET, WeightOutcome.FAILED]


async def test_a_late_verdict_is_shut_out_and_costs_nobody_anything(stack: "ValidatorBed") -> None:
    """At its deadline a round closes over a running evaluation: that one is absent, and its worker's verdict is refused."""
    await crowned(stack)
    stack.chain.block = 1805
    await rest(stack)
    late = await stack.claim()
    await stack.judge(await stack.claim(), 500_000)
    stack.chain.block = 1800 + 1080
    assert await stack.tick()
    with pytest.raises(LeaseLost):
        await stack.judge(late, 0)
    await rest(stack)
    assert await stack.head() == (5, "h3@101")


async def test_parking_every_evaluation_changes_nothing(stack: "ValidatorBed") -> None:
    """A round in which our side failed everywhere is folded, and the king is who it was."""
    await crowned(stack)
    stack.chain.block = 1805
    await rest(stack)
    for _ in range(2):
        await EvaluationQueue(stack.pool).hand_back(await stack.claim(), None, "broken", None)
    await rest(stack)
    assert await stack.head() == (5, "h3@101")


async def test_a_slot_taken_over_between_fold_and_weights_earns_nothing(stack: "ValidatorBed") -> None:
    """The king's uid belongs to another hotkey by now: weights follow hotkeys, not uids."""
    await crowned(stack)
    stack.chain.miners = ("h2", "h9")
    await stack.set_weights()
    kept = await stack.store.weights.latest(WeightOutcome.SET)
    assert kept is not None
    assert Uid(3) not in kept.plan.vector
