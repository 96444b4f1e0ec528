"""The event log says what the tables say."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from scoring.errors import Code
from scoring.types import Hotkey, RoundNumber, SubmissionId
from tests.integration.event_replay import Difference, Event, compare, fold, replayed
from voice_api.db.database import Pool
from voice_api.db.evaluations import Claim, Verdict
from voice_api.db.operations import Operations
from voice_api.db.queue import EvaluationQueue
from voice_api.db.rounds import Rounds
from voice_api.db.states import EventKind, QueueName, VerdictState
from voice_api.db.submissions import NewSubmission, Submissions

EVALUATION, SUBMISSION = EventKind.EVALUATION, EventKind.SUBMISSION
LEASE = timedelta(minutes=15)


async def live(pool: Pool, ids: list[SubmissionId], verdict: Callable[..., Verdict]) -> None:
    """Take seven submissions of round 3 through everything that can happen to them, and close the round."""
    queue, operations = EvaluationQueue(pool), Operations(pool)

    async def take(lease: timedelta = LEASE) -> Claim:
        claim = await queue.claim(QueueName.CPU, "w1", lease, "host-1")
        assert claim is not None
        return claim

    await queue.finish(await take(), verdict())
    await queue.finish(await take(), verdict(state=VerdictState.REJECTED, code=Code.LOAD_FAILED, reason="no", report=None))
    await queue.finish(await take(), verdict(state=VerdictState.COPY, code=Code.COPY, copy_of=ids[0], report=None))
    await take(-LEASE)
    await queue.expire_leases(budget=3)
    handed_back = await take()
    await queue.hand_back(handed_back, Code.HUB_UNAVAILABLE, "away", None)
    await operations.requeue(handed_back.evaluation_id, actor="o", reason="it is back")
    await operations.quarantine(ids[4], actor="o", reason="look at it")
    await operations.unquarantine(ids[4], actor="o", reason="seen")
    await operations.ban(Hotkey("banned"), actor="o", reason="fraud")
    await take()
    await Rounds(pool).close(RoundNumber(3))


async def test_whole_lives_replay(
    pool: Pool,
    open_round: Callable[..., Awaitable[list[SubmissionId]]],
    new_submission: Callable[..., NewSubmission],
    verdict: Callable[..., Verdict],
) -> None:
    """Whatever happens to submissions and evaluations, folding the events gives the states that the tables hold."""
    await Submissions(pool).add([new_submission(hotkey=Hotkey("banned")), new_submission(hotkey=Hotkey("twice"))])
    ids = await open_round(submissions=7)
    await Submissions(pool).add([new_submission(hotkey=Hotkey("banned"), commit_block=200)])
    await Submissions(pool).add([new_submission(hotkey=Hotkey("twice"), commit_block=200)])
    await live(pool, ids, verdict)
    assert await replayed(pool) == ()
    async with pool.connection() as connection:
        states = await connection.fetch("select distinct state from evaluations union select distinct state from submissions")
    assert {row["state"] for row in states} == {"scored", "rejected", "copy", "superseded", "parked", "queued"}


async def test_row_changed_behind_the_events_is_found(
    pool: Pool, open_round: Callable[..., Awaitable[list[SubmissionId]]]
) -> None:
    """Whoever writes past the triggers is found: each row whose state the events do not tell, and rows without any event."""
    first, second = await open_round(submissions=2)
    async with pool.transaction() as connection:
        await connection.execute("set local session_replication_role = replica")
        await connection.execute("update submissions set state = 'scored' where id = $1", first)
        await connection.execute("delete from events where kind = 'submission' and submission_id = $1", second)
    assert await replayed(pool) == (
        Difference(SUBMISSION, first, "queued", "scored"),
        Difference(SUBMISSION, second, None, "queued"),
    )


@pytest.mark.parametrize(
    ("events", "breaks"),
    [
        pytest.param([Event(EVALUATION, 1, None, "queued"), Event(EVALUATION, 1, "queued", "running")], (), id="a chain"),
        pytest.param([Event(EVALUATION, 1, None, "queued"), Event(SUBMISSION, 1, None, "queued")], (), id="kinds apart"),
        pytest.param(
            [Event(EVALUATION, 1, None, "queued"), Event(EVALUATION, 1, "parked", "running")],
            (Difference(EVALUATION, 1, "parked", "queued"),),
            id="a step is missing",
        ),
        pytest.param([Event(EVALUATION, 1, "queued", "running")], (Difference(EVALUATION, 1, "queued", None),), id="no birth"),
        pytest.param(
            [Event(EVALUATION, 1, None, "queued"), Event(EVALUATION, 1, None, "running")],
            (Difference(EVALUATION, 1, None, "queued"),),
            id="born twice",
        ),
    ],
)
def test_events_chain(events: list[Event], breaks: tuple[Difference, ...]) -> None:
    """Each event starts where the one before of the same thing ended."""
    states, found = fold(events)
    assert found == breaks
    assert states[EVALUATION, 1] == [event for event in events if event.kind is EVALUATION][-1].to_state


def test_compare_names_both_sides() -> None:
    """Differences are told in order, with what is missing on either side as None."""
    folded = {(EVALUATION, 1): "queued", (EVALUATION, 2): "scored"}
    stored = {(EVALUATION, 1): "running", (SUBMISSION, 3): "queued", (EVALUATION, 2): "scored"}
    assert list(compare(folded, stored)) == [
        Difference(EVALUATION, 1, "queued", "running"),
        Difference(SUBMISSION, 3, None, "queued"),
    ]
