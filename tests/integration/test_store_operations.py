"""What an operator may do, on a real PostgreSQL: what changes, what is refused, and what is noted."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scoring.errors import Code, PlatformError
from scoring.types import RoundNumber, SubmissionId
from tests.integration.event_replay import replayed
from voice_api.db.database import Pool
from voice_api.db.evaluations import Claim, Verdict
from voice_api.db.operations import Operations
from voice_api.db.queue import EvaluationQueue
from voice_api.db.rounds import Rounds
from voice_api.db.states import EvaluationState, ParkedWhy, QueueName
from voice_api.errors import LeaseLost

OpenRound = Callable[..., Awaitable[list[SubmissionId]]]
LEASE = timedelta(minutes=15)
WHO: dict[str, Any] = {"actor": "operator", "reason": "because"}
LONG_AGO, SOON = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def queue(pool: Pool) -> EvaluationQueue:
    """The queue that operators act upon."""
    return EvaluationQueue(pool)


@pytest.fixture
def operations(pool: Pool) -> Operations:
    """The verbs under test."""
    return Operations(pool)


async def take(queue: EvaluationQueue, host: str = "host-1") -> Claim:
    """Claim what must be there."""
    claim = await queue.claim(QueueName.CPU, "w1", LEASE, host)
    assert claim is not None
    return claim


async def stand(queue: EvaluationQueue) -> list[tuple[EvaluationState, ParkedWhy | None]]:
    """Where all evaluations stand, oldest first."""
    return [(evaluation.state, evaluation.parked_why) for evaluation in await queue.page()]


async def noted(pool: Pool) -> list[tuple[str, str, str, str]]:
    """The operator's actions."""
    async with pool.connection() as connection:
        rows = await connection.fetch("select actor, verb, target, reason from operator_actions order by id")
    return [tuple(row) for row in rows]


QUEUED = (EvaluationState.QUEUED, None)
PARKED = (EvaluationState.PARKED, ParkedWhy.OPERATOR)


async def test_requeue_gives_a_fresh_budget(
    pool: Pool, queue: EvaluationQueue, operations: Operations, open_round: OpenRound
) -> None:
    """What got stuck is due at once, without failures, and the deed is noted as an action and an event."""
    await open_round()
    claim = await take(queue)
    await queue.hand_back(claim, Code.HUB_UNAVAILABLE, "away", None)
    await operations.requeue(claim.evaluation_id, **WHO)
    evaluation = await queue.get(claim.evaluation_id)
    assert (evaluation.state, evaluation.failures, evaluation.code, evaluation.parked_why, evaluation.finished_at) == (
        EvaluationState.QUEUED,
        0,
        None,
        None,
        None,
    )
    assert (await take(queue)).attempt == 2
    assert await noted(pool) == [("operator", "requeue", str(claim.evaluation_id), "because")]
    async with pool.connection() as connection:
        row = await connection.fetchrow(
            "select actor, from_state, detail from events where to_state = 'queued' order by id desc limit 1"
        )
    assert tuple(row) == ("operator", "parked", "because")


async def test_requeue_does_not_hurry_the_confirmation_of_a_refusal(
    open_round: OpenRound, queue: EvaluationQueue, operations: Operations, pool: Pool
) -> None:
    """Two refusals of the hub count only a while apart: the second one is not asked for at once. Any other pause ends."""
    await open_round()
    claim = await take(queue)
    await queue.hand_back(claim, Code.REPO_NOT_PUBLIC, "refused", timedelta(minutes=10), cause="refused in round 1")
    for verbs in (
        [operations.requeue],
        [operations.requeue],
        [operations.park, operations.release],
        [operations.park, operations.requeue],
    ):
        for verb in verbs:
            await verb(claim.evaluation_id, **WHO)
        assert await queue.claim(QueueName.CPU, "w1", LEASE, "host-1") is None
    async with pool.connection() as connection:
        await connection.execute("update evaluations set due_at = now()")
    again = await take(queue)
    await queue.hand_back(again, Code.HUB_UNAVAILABLE, "away", timedelta(minutes=10))
    await operations.requeue(again.evaluation_id, **WHO)
    assert (await take(queue)).evaluation_id == again.evaluation_id


async def test_requeue_takes_a_running_one_away(
    queue: EvaluationQueue, operations: Operations, open_round: OpenRound, verdict: Callable[..., Verdict]
) -> None:
    """Whoever held it can write nothing any more; another worker gets it."""
    await open_round()
    stale = await take(queue)
    await operations.requeue(stale.evaluation_id, **WHO)
    with pytest.raises(LeaseLost):
        await queue.finish(stale, verdict())
    assert (await take(queue, "host-2")).evaluation_id == stale.evaluation_id


async def test_requeue_ends_a_pause(queue: EvaluationQueue, operations: Operations, open_round: OpenRound) -> None:
    """What waits out a pause is due at once."""
    await open_round()
    claim = await take(queue)
    await queue.hand_back(claim, Code.HUB_UNAVAILABLE, "away", timedelta(hours=1))
    await operations.requeue(claim.evaluation_id, **WHO)
    assert (await take(queue)).failures == 0


async def test_requeue_by_host(queue: EvaluationQueue, operations: Operations, open_round: OpenRound) -> None:
    """What runs on a dead host or got stuck there is queued again, nothing of another host and nothing outside the window."""
    await open_round(submissions=4)
    stuck, running, elsewhere = await take(queue), await take(queue), await take(queue, "host-2")
    await queue.hand_back(stuck, Code.SANDBOX_UNAVAILABLE, "", None)
    before = datetime.now(UTC) - timedelta(hours=1)
    assert await operations.requeue_by_host("host-1", LONG_AGO, before, **WHO) == ()
    found = await operations.requeue_by_host("host-1", before, SOON, **WHO)
    assert found == (stuck.evaluation_id, running.evaluation_id)
    assert (await queue.get(elsewhere.evaluation_id)).state is EvaluationState.RUNNING


async def test_requeue_by_code(queue: EvaluationQueue, operations: Operations, open_round: OpenRound) -> None:
    """What got stuck or waits because of one code is due again; other codes, and what an operator parked, stay."""
    await open_round(submissions=4)
    stuck, waiting, other, parked = [await take(queue) for _ in range(4)]
    await queue.hand_back(stuck, Code.HUB_UNAVAILABLE, "", None)
    await queue.hand_back(waiting, Code.HUB_UNAVAILABLE, "", timedelta(hours=1))
    await queue.hand_back(other, Code.WORKER_ERROR, "", None)
    await operations.park(parked.evaluation_id, **WHO)
    assert await operations.requeue_by_code(Code.HUB_UNAVAILABLE, LONG_AGO, LONG_AGO, **WHO) == ()
    found = await operations.requeue_by_code(Code.HUB_UNAVAILABLE, LONG_AGO, SOON, **WHO)
    assert found == (stuck.evaluation_id, waiting.evaluation_id)
    assert await queue.due_counts() == {QueueName.CPU: 2, QueueName.GPU: 0}


async def test_park_and_release(
    pool: Pool, queue: EvaluationQueue, operations: Operations, open_round: OpenRound, verdict: Callable[..., Verdict]
) -> None:
    """A parked one is neither claimed nor finished by who held it; released it is due."""
    await open_round()
    claim = await take(queue)
    await operations.park(claim.evaluation_id, **WHO)
    assert await stand(queue) == [PARKED]
    with pytest.raises(LeaseLost):
        await queue.finish(claim, verdict())
    assert await queue.claim(QueueName.CPU, "w1", LEASE) is None
    await operations.release(claim.evaluation_id, **WHO)
    assert await stand(queue) == [QUEUED]
    assert [verb for _, verb, *_ in await noted(pool)] == ["park", "release"]
    assert await replayed(pool) == ()


async def test_drained_host_gets_nothing(
    pool: Pool, queue: EvaluationQueue, operations: Operations, open_round: OpenRound, verdict: Callable[..., Verdict]
) -> None:
    """A drained host ends what it holds and gets nothing new, until it is let work again; other hosts are served."""
    await open_round(submissions=3)
    held = await take(queue, "host-1")
    await operations.drain("host-1", **WHO)
    assert await queue.claim(QueueName.CPU, "w1", LEASE, "host-1") is None
    await queue.finish(held, verdict())
    await take(queue, "host-2")
    await operations.undrain("host-1", **WHO)
    await take(queue, "host-1")
    assert [(verb, target) for _, verb, target, _ in await noted(pool)] == [("drain", "host-1"), ("undrain", "host-1")]


async def test_stuck_lists_what_waits_for_an_operator(
    pool: Pool, queue: EvaluationQueue, operations: Operations, open_round: OpenRound
) -> None:
    """Stuck is what used up its budget or was parked by hand, page by page; not what waits for its repository, nor a closed round's."""
    await open_round(submissions=4)
    over, by_hand, not_public, _ = [await take(queue) for _ in range(4)]
    await queue.hand_back(over, Code.HUB_UNAVAILABLE, "away", None)
    await operations.park(by_hand.evaluation_id, **WHO)
    await queue.hand_back(not_public, Code.REPO_NOT_PUBLIC, "not yet", None)
    first, second = await operations.stuck()
    assert (first.evaluation_id, first.parked_why, first.code, first.failures, first.host) == (
        over.evaluation_id,
        ParkedWhy.BUDGET,
        Code.HUB_UNAVAILABLE,
        1,
        "host-1",
    )
    assert (second.evaluation_id, second.parked_why, second.reason) == (by_hand.evaluation_id, ParkedWhy.OPERATOR, "because")
    assert await operations.stuck(after=first.evaluation_id, limit=1) == (second,)
    await Rounds(pool).close(RoundNumber(3))
    assert await operations.stuck() == ()


@pytest.mark.parametrize(
    ("verb", "target", "code"),
    [
        pytest.param("requeue", 99, Code.NOT_FOUND, id="requeue what is not there"),
        pytest.param("park", 99, Code.NOT_FOUND, id="park what is not there"),
        pytest.param("release", 1, Code.STATE_CONFLICT, id="release what nobody parked"),
        pytest.param("quarantine", 99, Code.NOT_FOUND, id="quarantine what is not there"),
        pytest.param("unquarantine", 1, Code.STATE_CONFLICT, id="unquarantine what was not set aside"),
        pytest.param("unban", "nobody", Code.STATE_CONFLICT, id="unban who is not banned"),
        pytest.param("undrain", "nowhere", Code.STATE_CONFLICT, id="undrain what is not drained"),
    ],
)
async def test_refusals(
    pool: Pool,
    queue: EvaluationQueue,
    operations: Operations,
    open_round: OpenRound,
    verb: str,
    target: int | str,
    code: Code,
) -> None:
    """What is not there, or stands otherwise, is refused with a code, and nothing is noted."""
    assert await open_round() == [1]
    assert (await take(queue)).evaluation_id == 1
    with pytest.raises(PlatformError) as refusal:
        await getattr(operations, verb)(target, **WHO)
    assert refusal.value.code is code
    assert await noted(pool) == []


async def test_verdicts_and_closed_rounds_are_final(
    pool: Pool, queue: EvaluationQueue, operations: Operations, open_round: OpenRound, verdict: Callable[..., Verdict]
) -> None:
    """No operator changes a verdict, nor brings back what a closed round left."""
    await open_round(submissions=2)
    scored, left = await take(queue), await take(queue)
    await queue.finish(scored, verdict())
    for verb in (operations.requeue, operations.park, operations.release):
        with pytest.raises(PlatformError, match="is scored"):
            await verb(scored.evaluation_id, **WHO)
    await Rounds(pool).close(RoundNumber(3))
    with pytest.raises(PlatformError, match="its round 3 is closed"):
        await operations.requeue(left.evaluation_id, **WHO)


@pytest.mark.parametrize("verb", [pytest.param(name, id=name) for name in ("ban", "drain")])
async def test_twice_is_a_conflict(operations: Operations, verb: str) -> None:
    """What is done already is said so, so that the first reason stays."""
    await getattr(operations, verb)("it", **WHO)
    with pytest.raises(PlatformError, match="already"):
        await getattr(operations, verb)("it", **WHO)
