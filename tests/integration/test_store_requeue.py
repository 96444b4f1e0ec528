"""What an operator's requeue gives, on a real PostgreSQL: a fresh budget, and a place in an open round only."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from scoring.errors import Code, PlatformError
from scoring.types import RoundNumber, SubmissionId
from tests.integration.event_replay import replayed
from voice_api.db.database import Pool
from voice_api.db.evaluations import Claim
from voice_api.db.operations import Operations, Watch
from voice_api.db.queue import EvaluationQueue, RetryBudget
from voice_api.db.rounds import Rounds
from voice_api.db.states import EvaluationState, ParkedWhy, QueueName

OpenRound = Callable[..., Awaitable[list[SubmissionId]]]
Verb = Callable[[Operations, Claim], Awaitable[object]]
LEASE, AT_ONCE = timedelta(minutes=15), timedelta(0)
WHO: dict[str, Any] = {"actor": "operator", "reason": "because"}
DAILY = 3


@pytest.fixture
def queue(pool: Pool) -> EvaluationQueue:
    """A queue where three failures of a day are enough."""
    return EvaluationQueue(pool, RetryBudget(per_day=DAILY))


@pytest.fixture
def operations(pool: Pool) -> Operations:
    """The verbs under test."""
    return Operations(pool)


async def take(queue: EvaluationQueue, lease: timedelta = LEASE) -> Claim:
    """Claim what must be there."""
    claim = await queue.claim(QueueName.CPU, "w1", lease, "host-1")
    assert claim is not None
    return claim


async def fail(queue: EvaluationQueue) -> EvaluationState:
    """Take the next one, fail it by our fault, and say where it stands then."""
    return await queue.hand_back(await take(queue), Code.HUB_UNAVAILABLE, "away", AT_ONCE)


async def expire(queue: EvaluationQueue) -> EvaluationState:
    """As `fail`, by falling silent."""
    claim = await take(queue, -LEASE)
    await queue.expire_leases(budget=100)
    return (await queue.get(claim.evaluation_id)).state


@pytest.mark.parametrize("lose", [pytest.param(fail, id="handed back"), pytest.param(expire, id="lease expired")])
async def test_requeue_gives_the_day_a_fresh_budget_too(
    pool: Pool, queue: EvaluationQueue, operations: Operations, open_round: OpenRound, lose: Callable[..., Awaitable[Any]]
) -> None:
    """What used up its day may fail as often again, and whoever watches sees so; then it is parked again."""
    await open_round()
    used_up = [EvaluationState.QUEUED] * (DAILY - 1) + [EvaluationState.PARKED]
    for _ in range(2):
        assert [await lose(queue) for _ in range(DAILY)] == used_up
        (evaluation,) = await queue.page()
        assert evaluation.parked_why is ParkedWhy.BUDGET
        assert await Watch(pool).failures_today() == DAILY
        await operations.requeue(evaluation.id, **WHO)
        assert await Watch(pool).failures_today() == 0


async def test_requeue_of_what_waits_or_runs_gives_a_fresh_budget(
    queue: EvaluationQueue, operations: Operations, open_round: OpenRound
) -> None:
    """Not only what got stuck starts anew."""
    await open_round()
    for _ in range(DAILY - 1):
        await fail(queue)
    (waiting,) = await queue.page()
    await operations.requeue(waiting.id, **WHO)
    for _ in range(DAILY - 1):
        assert await fail(queue) is EvaluationState.QUEUED
    await operations.requeue((await take(queue)).evaluation_id, **WHO)
    assert await fail(queue) is EvaluationState.QUEUED


async def test_release_gives_no_fresh_budget(queue: EvaluationQueue, operations: Operations, open_round: OpenRound) -> None:
    """What was only set aside for a while keeps what it had failed."""
    await open_round()
    for _ in range(DAILY - 1):
        await fail(queue)
    claim = await take(queue)
    await operations.park(claim.evaluation_id, **WHO)
    await operations.release(claim.evaluation_id, **WHO)
    assert (await queue.get(claim.evaluation_id)).failures == DAILY - 1
    assert await fail(queue) is EvaluationState.PARKED


async def somebody_waits(connection: Any) -> None:
    """Until another connection waits for a lock."""
    async with asyncio.timeout(30):
        while not await connection.fetchval("select exists (select from pg_locks where not granted)"):  # noqa: ASYNC110 - another process tells no event
            await asyncio.sleep(0.005)


BACK: dict[str, Verb] = {
    "requeue": lambda operations, claim: operations.requeue(claim.evaluation_id, **WHO),
    "release": lambda operations, claim: operations.release(claim.evaluation_id, **WHO),
    "unquarantine": lambda operations, claim: operations.unquarantine(claim.submission_id, **WHO),
}


@pytest.mark.parametrize("verb", [pytest.param(verb, id=name) for name, verb in BACK.items()])
async def test_a_round_that_closes_meanwhile_leaves_nothing_queued(
    pool: Pool, queue: EvaluationQueue, operations: Operations, open_round: OpenRound, verb: Verb
) -> None:
    """What an operator brings back while its round closes is parked by the closing, or refused."""
    await open_round()
    claim = await take(queue)
    await operations.quarantine(claim.submission_id, **WHO)
    await queue.hand_back(claim, None, "", AT_ONCE, drained=True)
    if verb is not BACK["unquarantine"]:
        await operations.unquarantine(claim.submission_id, **WHO)
        await operations.park(claim.evaluation_id, **WHO)
    async with pool.transaction() as connection:
        await connection.execute("select from evaluations for update")
        order = asyncio.ensure_future(verb(operations, claim))
        await somebody_waits(connection)
        closing = asyncio.ensure_future(Rounds(pool).close(RoundNumber(3)))
        await asyncio.wait([closing], timeout=0.2)
    await order
    assert await closing
    (left,) = await queue.page()
    assert (left.state, left.parked_why) == (EvaluationState.PARKED, ParkedWhy.ROUND_CLOSED)
    assert await replayed(pool) == ()


async def test_nothing_comes_back_into_a_closed_round(
    pool: Pool, queue: EvaluationQueue, operations: Operations, open_round: OpenRound
) -> None:
    """Neither one by one nor with its submission, and the refusal says why."""
    await open_round()
    claim = await take(queue)
    await operations.park(claim.evaluation_id, **WHO)
    await operations.quarantine(claim.submission_id, **WHO)
    await Rounds(pool).close(RoundNumber(3))
    for verb in (operations.requeue, operations.release):
        with pytest.raises(PlatformError, match="its round 3 is closed") as refusal:
            await verb(claim.evaluation_id, **WHO)
        assert refusal.value.code is Code.STATE_CONFLICT
    await operations.unquarantine(claim.submission_id, **WHO)
    assert (await queue.get(claim.evaluation_id)).state is EvaluationState.PARKED
