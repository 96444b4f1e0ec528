"""Submissions that an operator set aside, and hotkeys that were banned, on a real PostgreSQL."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from scoring.errors import Code, PlatformError
from scoring.types import Block, Hotkey, SubmissionId
from tests.integration.event_replay import replayed
from voice_api.db.database import Pool
from voice_api.db.evaluations import Claim, Verdict
from voice_api.db.operations import Operations
from voice_api.db.queue import EvaluationQueue
from voice_api.db.rounds import Rounds
from voice_api.db.states import EvaluationState, ParkedWhy, QueueName, SubmissionState
from voice_api.db.submissions import KnownCommitment, NewSubmission, Submissions

OpenRound = Callable[..., Awaitable[list[SubmissionId]]]
LEASE = timedelta(minutes=15)
WHO: dict[str, Any] = {"actor": "operator", "reason": "because"}


@pytest.fixture
def queue(pool: Pool) -> EvaluationQueue:
    """The queue that operators act upon."""
    return EvaluationQueue(pool)


@pytest.fixture
def operations(pool: Pool) -> Operations:
    """The verbs under test."""
    return Operations(pool)


async def take(queue: EvaluationQueue, lease: timedelta = LEASE) -> Claim:
    """Claim what must be there."""
    claim = await queue.claim(QueueName.CPU, "w1", lease, "host-1")
    assert claim is not None
    return claim


async def stand(queue: EvaluationQueue) -> list[tuple[EvaluationState, ParkedWhy | None]]:
    """Where all evaluations stand, oldest first."""
    return [(evaluation.state, evaluation.parked_why) for evaluation in await queue.page()]


async def submission_states(pool: Pool) -> list[SubmissionState]:
    """Where all submissions stand, oldest first."""
    return [submission.state for submission in await Submissions(pool).page()]


async def noted(pool: Pool) -> list[tuple[str, str, str, str]]:
    """The operator's actions."""
    async with pool.connection() as connection:
        rows = await connection.fetch("select actor, verb, target, reason from operator_actions order by id")
    return [tuple(row) for row in rows]


QUEUED = (EvaluationState.QUEUED, None)
PARKED = (EvaluationState.PARKED, ParkedWhy.OPERATOR)


async def test_quarantine_parks_what_waits_and_lets_what_runs_end(
    pool: Pool, queue: EvaluationQueue, operations: Operations, open_round: OpenRound, verdict: Callable[..., Verdict]
) -> None:
    """The verdict of what ran is kept, the submission stays set aside, and what waited is parked until it is brought back."""
    (submission,) = await open_round(3)
    running = await take(queue)
    await add_round(pool, 4, submission)
    await operations.quarantine(submission, **WHO)
    assert await stand(queue) == [(EvaluationState.RUNNING, None), PARKED]
    await queue.finish(running, verdict(content_hash="1" * 64))
    assert await submission_states(pool) == [SubmissionState.QUARANTINED]
    await operations.unquarantine(submission, **WHO)
    assert await submission_states(pool) == [SubmissionState.SCORED]
    assert await stand(queue) == [(EvaluationState.SCORED, None), QUEUED]
    assert await replayed(pool) == ()


async def test_what_a_round_asks_for_of_a_quarantined_submission_waits_for_nobody(
    pool: Pool, queue: EvaluationQueue, operations: Operations, open_round: OpenRound
) -> None:
    """Asked for by a round that did not know yet, it is not due, not shown, not claimed, and parked as soon as leases are looked at."""
    (submission,) = await open_round(3)
    await operations.quarantine(submission, **WHO)
    await add_round(pool, 4, submission)
    assert await stand(queue) == [PARKED, QUEUED]
    assert await queue.claim(QueueName.CPU, "w1", LEASE) is None
    assert (await queue.due_counts(), await queue.pending_page()) == ({QueueName.CPU: 0, QueueName.GPU: 0}, ())
    assert await queue.expire_leases(budget=3) == 0
    assert await stand(queue) == [PARKED, PARKED]
    assert await replayed(pool) == ()
    await operations.unquarantine(submission, **WHO)
    assert (await take(queue)).submission_id == submission


Return = Callable[[EvaluationQueue, Claim], Awaitable[object]]
RETURNS: dict[str, Return] = {
    "handed back": lambda queue, claim: queue.hand_back(claim, Code.HUB_UNAVAILABLE, "", timedelta(0)),
    "drained": lambda queue, claim: queue.hand_back(claim, None, "", timedelta(0), drained=True),
    "not public": lambda queue, claim: queue.hand_back(claim, Code.REPO_NOT_PUBLIC, "", None),
    "expired": lambda queue, _: queue.expire_leases(budget=3),
}


@pytest.mark.parametrize("come_back", [pytest.param(come_back, id=name) for name, come_back in RETURNS.items()])
async def test_what_comes_back_of_a_quarantined_submission_is_parked(
    pool: Pool, queue: EvaluationQueue, operations: Operations, open_round: OpenRound, come_back: Return
) -> None:
    """Its round need not wait for it; brought back, the submission's evaluation is due again."""
    (submission,) = await open_round(3)
    running = await take(queue, lease=-LEASE)
    await operations.quarantine(submission, **WHO)
    await come_back(queue, running)
    assert await stand(queue) == [PARKED]
    (round_3,) = await Rounds(pool).page()
    assert round_3.pending == 0
    assert await replayed(pool) == ()
    await operations.unquarantine(submission, **WHO)
    assert await stand(queue) == [QUEUED]


async def test_what_comes_back_of_a_banned_hotkey_is_parked(
    pool: Pool, queue: EvaluationQueue, operations: Operations, open_round: OpenRound
) -> None:
    """As of a quarantined submission."""
    await open_round(3)
    running = await take(queue)
    await operations.ban(running.hotkey, **WHO)
    assert await queue.hand_back(running, None, "", timedelta(0), drained=True) is EvaluationState.PARKED
    assert await stand(queue) == [PARKED]


async def test_what_was_parked_before_a_quarantine_stays_so(
    pool: Pool, queue: EvaluationQueue, operations: Operations, open_round: OpenRound, verdict: Callable[..., Verdict]
) -> None:
    """Bringing a submission back undoes what setting it aside did, the last time, and nothing that an operator had done before."""
    (submission,) = await open_round(3)
    await operations.park((await take(queue)).evaluation_id, **WHO)
    await add_round(pool, 4, submission)
    running = await take(queue)
    await add_round(pool, 5, submission)
    await operations.quarantine(submission, **WHO)
    await queue.finish(running, verdict())
    await operations.unquarantine(submission, **WHO)
    assert await stand(queue) == [PARKED, (EvaluationState.SCORED, None), QUEUED]


async def add_round(pool: Pool, number: int, *submissions: SubmissionId) -> None:
    """Another open round that asks for submissions that are there."""
    async with pool.transaction() as connection:
        await connection.execute(
            """insert into rounds (round, start_block, block_hash, deadline_block, competition_hash)
            values ($1, 0, '0x', 1, 'c')""",
            number,
        )
        await connection.execute(
            "insert into evaluations (submission_id, round, queue, priority) select unnest($1::bigint[]), $2, 'cpu', 0",
            list(submissions),
            number,
        )
        await connection.execute(
            """insert into events (kind, actor, submission_id, evaluation_id, to_state)
            select 'evaluation', 'validator', submission_id, id, 'queued' from evaluations where round = $1""",
            number,
        )


async def test_ban(
    pool: Pool,
    queue: EvaluationQueue,
    operations: Operations,
    new_submission: Callable[..., NewSubmission],
    open_round: OpenRound,
) -> None:
    """All that a banned hotkey has is rejected with the reason, what waits is parked, and what it commits is rejected; others go on."""
    theirs, other = await open_round(submissions=2)
    hotkey = (await Submissions(pool).get(theirs)).hotkey
    assert await operations.ban(hotkey, **WHO) == (theirs,)
    (new,) = await Submissions(pool).add([new_submission(hotkey=hotkey, commit_block=200)])
    for submission in (theirs, new):
        found = await Submissions(pool).get(submission)
        assert (found.state, found.code, found.reason) == (SubmissionState.REJECTED, Code.BANNED, "because")
    assert await stand(queue) == [PARKED, QUEUED]
    assert (await take(queue)).submission_id == other
    assert await Submissions(pool).known([(hotkey, Block(200))]) == (KnownCommitment(True, Block(200)),)
    assert await replayed(pool) == ()


async def test_ban_lets_what_runs_end_without_effect(
    pool: Pool, queue: EvaluationQueue, operations: Operations, open_round: OpenRound, verdict: Callable[..., Verdict]
) -> None:
    """A verdict that comes after the ban is kept, and the submission stays rejected."""
    (submission,) = await open_round()
    claim = await take(queue)
    await operations.ban(claim.hotkey, **WHO)
    await queue.finish(claim, verdict())
    assert (await Submissions(pool).get(submission)).code is Code.BANNED
    assert await replayed(pool) == ()


async def test_unban_only_affects_what_is_new(
    pool: Pool, operations: Operations, new_submission: Callable[..., NewSubmission], open_round: OpenRound
) -> None:
    """What was rejected stays so; what is committed from now on is accepted."""
    (theirs,) = await open_round()
    hotkey = (await Submissions(pool).get(theirs)).hotkey
    await operations.ban(hotkey, **WHO)
    await operations.unban(hotkey, **WHO)
    await Submissions(pool).add([new_submission(hotkey=hotkey, commit_block=200)])
    assert await submission_states(pool) == [SubmissionState.REJECTED, SubmissionState.QUEUED]
    assert [(verb, target) for _, verb, target, _ in await noted(pool)] == [("ban", hotkey), ("unban", hotkey)]


async def test_ban_reaches_the_quarantined_and_not_the_decided(
    pool: Pool, operations: Operations, new_submission: Callable[..., NewSubmission]
) -> None:
    """A ban rejects what was set aside as well; what was superseded stays so."""
    hotkey = Hotkey("h")
    commits = [new_submission(hotkey=hotkey, commit_block=block) for block in (1, 2)]
    _, newest = await Submissions(pool).add(commits)
    await operations.quarantine(newest, **WHO)
    assert await operations.ban(hotkey, **WHO) == (newest,)
    assert await submission_states(pool) == [SubmissionState.SUPERSEDED, SubmissionState.REJECTED]


async def test_newer_commit_supersedes_the_quarantined(
    pool: Pool, operations: Operations, new_submission: Callable[..., NewSubmission]
) -> None:
    """A miner whose model was set aside may commit another one, and the old one does not come back beside it."""
    (old,) = await Submissions(pool).add([new_submission(hotkey=Hotkey("h"))])
    await operations.quarantine(old, **WHO)
    await Submissions(pool).add([new_submission(hotkey=Hotkey("h"), commit_block=200)])
    with pytest.raises(PlatformError, match="superseded"):
        await operations.unquarantine(old, **WHO)


async def test_committing_again_undoes_no_quarantine(
    pool: Pool,
    open_round: Callable[..., Awaitable[list[SubmissionId]]],
    new_submission: Callable[..., NewSubmission],
    verdict: Callable[..., Verdict],
) -> None:
    """What was scored stands until its successor is judged, but not what an operator set aside meanwhile."""
    queue, store, ids = EvaluationQueue(pool), Submissions(pool), await open_round(submissions=2)
    for _ in ids:
        claim = await queue.claim(QueueName.CPU, "w", LEASE)
        assert claim is not None
        await queue.finish(claim, verdict())
    await Operations(pool).quarantine(ids[0], **WHO)
    hotkeys = [(await store.get(one)).hotkey for one in ids]
    again = await store.add([new_submission(hotkey=hotkey, commit_block=200) for hotkey in hotkeys])
    assert {candidate.id for candidate in await store.candidates()} == {ids[1], *again}
