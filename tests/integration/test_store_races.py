"""Workers, dispatcher, operators and the validator all at once: whoever comes first, the rows stay true."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from scoring.errors import Code, PlatformError
from scoring.types import Hotkey, RoundNumber, SubmissionId
from tests.integration.event_replay import replayed
from voice_api.db.database import Pool, sql
from voice_api.db.evaluations import Verdict
from voice_api.db.operations import Operations
from voice_api.db.queue import EvaluationQueue, RetryBudget
from voice_api.db.rounds import Rounds
from voice_api.db.states import EvaluationState, QueueName, SubmissionState
from voice_api.db.submissions import NewSubmission, Submissions
from voice_api.errors import LeaseLost

LEASE, AT_ONCE = timedelta(minutes=15), timedelta(0)
WHO: dict[str, Any] = {"actor": "o", "reason": "r"}
SUBMISSIONS, ROUNDS = 12, 3
MOVED = "the track small is judged by _pu workers"


async def work(pool: Pool, draw: Random, verdict: Verdict) -> None:
    """A worker: claims until nothing is due; finishes, hands back, moves it to the other queue, or falls silent."""
    queue, host = EvaluationQueue(pool, RetryBudget(per_day=50)), f"host-{draw.randint(1, 2)}"
    own, other = draw.sample((QueueName.CPU, QueueName.GPU), 2)
    for _ in range(40):
        lease = draw.choice((LEASE, LEASE, -LEASE))
        claim = await queue.claim(own, "w", lease, host)
        if claim is None:
            await asyncio.sleep(0.005)
            continue
        try:
            if not claim.moved and draw.random() < 0.4:
                await queue.move(claim, "vits", "small", other)
            elif draw.random() < 0.5:
                await queue.finish(claim, verdict)
            elif draw.random() < 0.5:
                await queue.hand_back(claim, Code.WORKER_ERROR, "", AT_ONCE, cause="boom")
        except LeaseLost:
            continue


async def operate(pool: Pool, draw: Random) -> None:
    """An operator who gives orders at random; what cannot be done is refused."""
    orders = Operations(pool)
    for _ in range(60):
        evaluation, submission = draw.randint(1, SUBMISSIONS * ROUNDS), draw.randint(1, SUBMISSIONS)
        verb, target = draw.choice(
            [
                ("requeue", evaluation),
                ("park", evaluation),
                ("release", evaluation),
                ("quarantine", submission),
                ("unquarantine", submission),
                ("drain", "host-1"),
                ("undrain", "host-1"),
            ]
        )
        try:
            await getattr(orders, verb)(target, **WHO)
        except PlatformError as refusal:
            assert refusal.code is Code.STATE_CONFLICT


async def dispatch(pool: Pool) -> None:
    """Two dispatchers' worth of returning leases."""
    for _ in range(60):
        await EvaluationQueue(pool, RetryBudget(per_day=50)).expire_leases(budget=50)
        await asyncio.sleep(0.002)


async def close_in_time(pool: Pool) -> None:
    """The validator, whose rounds end while everybody works."""
    for number in range(3, 3 + ROUNDS - 1):
        await asyncio.sleep(0.1)
        await Rounds(pool).close(RoundNumber(number))


async def waits_for_nobody(pool: Pool) -> int:
    """How many evaluations no worker would ever take: of closed rounds, or of submissions that were set aside."""
    async with pool.connection() as connection:
        count: int = await connection.fetchval(
            """select count(*) from evaluations e join rounds r using (round) join submissions s on s.id = e.submission_id
            where e.state = 'queued' and (r.state <> 'open' or s.set_aside) or e.state = 'running' and r.state <> 'open'"""
        )
    return count


@pytest.mark.parametrize("seed", [pytest.param(seed, id=f"seed {seed}") for seed in (1, 2)])
async def test_everything_at_once(
    pool: Pool, open_round: Callable[..., Awaitable[list[SubmissionId]]], verdict: Callable[..., Verdict], seed: int
) -> None:
    """No deadlock, no transition without its event, never two verdicts for one evaluation, and none that waits for nobody."""
    for number in range(ROUNDS):
        await open_round(3 + number, submissions=SUBMISSIONS)
    workers = (work(pool, Random(f"{seed} {n}"), verdict()) for n in range(6))
    operators = (operate(pool, Random(f"{seed} operator {n}")) for n in range(2))
    await asyncio.gather(*workers, *operators, dispatch(pool), dispatch(pool), close_in_time(pool))
    await EvaluationQueue(pool, RetryBudget(per_day=50)).expire_leases(budget=50)
    assert await replayed(pool) == ()
    assert await waits_for_nobody(pool) == 0
    async with pool.connection() as connection:
        verdicts = await connection.fetch(
            "select count(*) from events where kind = 'evaluation' and to_state = 'scored' group by evaluation_id"
        )
        scored = await connection.fetchval("select count(*) from evaluations where state = 'scored'")
        samples = await connection.fetchval("select count(*) from samples")
        moves = await connection.fetchval("select count(*) from events where detail like $1", MOVED)
    assert [row["count"] for row in verdicts] == [1] * scored
    assert samples == 2 * scored > 0
    assert moves > 0


async def test_ban_and_commits_at_once(pool: Pool, new_submission: Callable[..., NewSubmission]) -> None:
    """Whether a commitment comes just before or just after the ban, it ends rejected."""
    hotkey = Hotkey("banned")
    commits = [new_submission(hotkey=hotkey, commit_block=block) for block in range(100, 110)]
    await asyncio.gather(
        *(Submissions(pool).add([commit]) for commit in commits[:5]),
        Operations(pool).ban(hotkey, **WHO),
        *(Submissions(pool).add([commit]) for commit in commits[5:]),
    )
    ended = {submission.state for submission in await Submissions(pool).page()}
    assert ended <= {SubmissionState.REJECTED, SubmissionState.SUPERSEDED}
    assert await replayed(pool) == ()


async def test_quarantine_and_claims_at_once(pool: Pool, open_round: Callable[..., Awaitable[list[SubmissionId]]]) -> None:
    """After a quarantine nothing more of the submission is taken: each row ran before it, or is parked."""
    ids = await open_round(submissions=8)
    queue, orders = EvaluationQueue(pool), Operations(pool)
    claims = (queue.claim(QueueName.CPU, f"w{n}", LEASE) for n in range(8))
    await asyncio.gather(*claims, *(orders.quarantine(one, **WHO) for one in ids))
    assert {evaluation.state for evaluation in await queue.page()} <= {EvaluationState.RUNNING, EvaluationState.PARKED}
    assert await queue.claim(QueueName.CPU, "late", LEASE) is None


@pytest.mark.parametrize(
    ("query", "arguments"),
    [
        pytest.param("submissions.supersede", ("{hotkey}", 10**6), id="commits again"),
        pytest.param("operations.reject_of", ("{hotkey}", "o", Code.BANNED, "r"), id="ban"),
        pytest.param("operations.quarantine", ("{id}", "o", "r"), id="quarantine"),
        pytest.param("queue.settle_submission", ("{id}", "queued", None, None, None, None, None, "w", None, None), id="verdict"),
    ],
)
async def test_what_changes_submissions_keeps_nobody_from_their_evaluations(
    pool: Pool, open_round: Callable[..., Awaitable[list[SubmissionId]]], query: str, arguments: tuple[Any, ...]
) -> None:
    """Whoever writes events of many submissions never waits for whoever changes some: in another order the two would deadlock."""
    (one,) = await open_round(3, submissions=1)
    async with pool.transaction() as connection:
        known = dict(await connection.fetchrow("select hotkey, id from submissions where id = $1", one))
        given = (known.get(str(argument).strip("{}"), argument) for argument in arguments)
        await connection.execute(sql(query), *given)
        async with asyncio.timeout(20):
            assert await Rounds(pool).close(RoundNumber(3))
