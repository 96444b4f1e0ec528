"""An evaluation that another queue's workers are to judge, on a real PostgreSQL: moved once, and never lost or doubled by it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from scoring.types import RoundNumber, SubmissionId
from tests.integration.event_replay import replayed
from voice_api.db.database import Pool
from voice_api.db.evaluations import Claim, Evaluation, Verdict
from voice_api.db.operations import Operations
from voice_api.db.queue import EvaluationQueue
from voice_api.db.rounds import Rounds
from voice_api.db.states import EvaluationState, ParkedWhy, QueueName
from voice_api.db.submissions import Submissions
from voice_api.errors import LeaseLost

OpenRound = Callable[..., Awaitable[list[SubmissionId]]]
LEASE, EXPIRED = timedelta(minutes=15), timedelta(seconds=-1)
CPU, GPU = QueueName.CPU, QueueName.GPU
WHO: dict[str, Any] = {"actor": "o", "reason": "r"}


@pytest.fixture
def queue(pool: Pool) -> EvaluationQueue:
    """The queue under test."""
    return EvaluationQueue(pool)


async def take(queue: EvaluationQueue, name: QueueName, lease: timedelta = LEASE) -> Claim:
    """Claim what must be there."""
    claim = await queue.claim(name, f"{name} worker", lease)
    assert claim is not None
    return claim


async def move(queue: EvaluationQueue, claim: Claim, to: QueueName = GPU) -> EvaluationState:
    """To the queue of a track of cards, or to another."""
    return await queue.move(claim, "vits", "large", to)


async def stands(pool: Pool, submission: SubmissionId) -> Evaluation:
    """The one evaluation of a submission."""
    (evaluation,) = await Submissions(pool).evaluations(submission)
    return evaluation


async def test_the_other_queue_goes_on_with_it(
    pool: Pool, queue: EvaluationQueue, open_round: OpenRound, verdict: Callable[..., Verdict]
) -> None:
    """The workers of its new queue alone take it, in the order of before; no failure was counted, and its family is known at once."""
    first, second = await open_round(3, submissions=2)
    claims = [await take(queue, CPU), await take(queue, CPU)]
    for claim in reversed(claims):
        assert (claim.moved, await move(queue, claim)) == (False, EvaluationState.QUEUED)
    assert (await queue.due_counts(), await queue.claim(CPU, "w", LEASE)) == ({CPU: 0, GPU: 2}, None)
    waiting = await stands(pool, first)
    assert (waiting.queue, waiting.track, waiting.failures, waiting.code) == (GPU, "large", 0, None)
    assert (await Submissions(pool).get(first)).family == "vits"
    again = [await take(queue, GPU), await take(queue, GPU)]
    assert [(claim.submission_id, claim.moved, claim.failures) for claim in again] == [(first, True, 0), (second, True, 0)]
    for claim in again:
        await queue.finish(claim, verdict(family="vits", track="large"))
    assert [result.state for result in await Rounds(pool).results(RoundNumber(3))] == [EvaluationState.SCORED] * 2
    assert await replayed(pool) == ()


async def test_it_is_moved_once(pool: Pool, queue: EvaluationQueue, open_round: OpenRound) -> None:
    """Of many that would move it one does, and nobody moves it back: its new claim goes on as if none had tried."""
    (key,) = await open_round()
    claim = await take(queue, CPU)
    outcomes = await asyncio.gather(*(move(queue, claim) for _ in range(8)), return_exceptions=True)
    assert (outcomes.count(EvaluationState.QUEUED), [type(one) for one in outcomes].count(LeaseLost)) == (1, 7)
    held = await take(queue, GPU)
    with pytest.raises(LeaseLost):
        await move(queue, held, CPU)
    await queue.renew(held, LEASE, "speak", 1, 2)
    found = await stands(pool, key)
    assert (found.queue, found.state, found.attempt) == (GPU, EvaluationState.RUNNING, 2)


async def test_a_worker_that_dies_before_it_moves_it_loses_nothing(
    pool: Pool, queue: EvaluationQueue, open_round: OpenRound
) -> None:
    """Its lease runs out, and the next one of the same queue may move it; one that comes back late moves nothing."""
    (key,) = await open_round()
    dead = await take(queue, CPU, EXPIRED)
    assert await queue.expire_leases(budget=3) == 1
    with pytest.raises(LeaseLost):
        await move(queue, dead)
    assert await move(queue, await take(queue, CPU)) is EvaluationState.QUEUED
    await take(queue, GPU, EXPIRED)
    assert await queue.expire_leases(budget=3) == 1
    waiting = await stands(pool, key)
    assert (waiting.queue, waiting.state, waiting.failures) == (GPU, EvaluationState.QUEUED, 2)
    assert await replayed(pool) == ()


async def test_of_a_closed_round_nothing_is_moved(pool: Pool, queue: EvaluationQueue, open_round: OpenRound) -> None:
    """The round shut its workers out."""
    (key,) = await open_round(3)
    claim = await take(queue, CPU)
    await Rounds(pool).close(RoundNumber(3))
    with pytest.raises(LeaseLost):
        await move(queue, claim)
    found = await stands(pool, key)
    assert (found.queue, found.parked_why) == (CPU, ParkedWhy.ROUND_CLOSED)


async def test_what_an_operator_set_aside_meanwhile_is_parked(pool: Pool, queue: EvaluationQueue, open_round: OpenRound) -> None:
    """It waits for the operator in its right queue, and is judged there after its release."""
    (key,) = await open_round()
    claim = await take(queue, CPU)
    await Operations(pool).quarantine(key, **WHO)
    assert await move(queue, claim) is EvaluationState.PARKED
    assert (await stands(pool, key)).parked_why is ParkedWhy.OPERATOR
    await Operations(pool).unquarantine(key, **WHO)
    assert (await take(queue, GPU)).submission_id == key
    assert await replayed(pool) == ()


async def test_a_fresh_budget_lets_it_be_moved_again(pool: Pool, queue: EvaluationQueue, open_round: OpenRound) -> None:
    """Where releases differed it may have gone the wrong way: after their upgrade the operator requeues it."""
    (key,) = await open_round()
    await move(queue, await take(queue, CPU))
    await Operations(pool).requeue((await stands(pool, key)).id, **WHO)
    again = await take(queue, GPU)
    assert (again.moved, await move(queue, again, CPU)) == (False, EvaluationState.QUEUED)
    assert (await take(queue, CPU)).submission_id == key


async def test_what_others_are_to_judge_keeps_no_round_open(
    pool: Pool, queue: EvaluationQueue, open_round: OpenRound, verdict: Callable[..., Verdict]
) -> None:
    """A validator that follows a track counts what waits without it; of which nobody knows the track it counts."""
    await open_round(3, submissions=2)
    rounds, claim = Rounds(pool), await take(queue, CPU)
    assert await rounds.pending(RoundNumber(3), {"small"}) == 2
    await move(queue, claim)
    assert [await rounds.pending(RoundNumber(3), tracks) for tracks in ({"small"}, {"small", "large"})] == [1, 2]
    await queue.finish(await take(queue, CPU), verdict())
    assert await rounds.pending(RoundNumber(3), {"small"}) == 0
