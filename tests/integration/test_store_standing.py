"""Which submissions may go on, and where the others stand, on a real PostgreSQL."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from scoring.errors import Code
from scoring.types import Block, Entrant, Hotkey, RoundNumber, SubmissionId, entrant
from voice_api.db.database import Pool
from voice_api.db.evaluations import Verdict
from voice_api.db.operations import Operations
from voice_api.db.queue import EvaluationQueue
from voice_api.db.rounds import NewRound, RoundEntry, Rounds
from voice_api.db.states import QueueName, SubmissionState
from voice_api.db.submissions import Candidate, NewSubmission, Submission, Submissions, SubmissionStatus

Scored = Callable[[], Awaitable[Submission]]
LEASE = timedelta(minutes=1)


@pytest.fixture
def submissions(pool: Pool) -> Submissions:
    """The store under test."""
    return Submissions(pool)


@pytest.fixture
def judge(pool: Pool, verdict: Callable[..., Verdict]) -> Callable[[], Awaitable[None]]:
    """Give the next evaluation a score."""

    async def judged() -> None:
        queue = EvaluationQueue(pool)
        claim = await queue.claim(QueueName.CPU, "w1", LEASE)
        assert claim is not None
        await queue.finish(claim, verdict())

    return judged


@pytest.fixture
def scored(
    submissions: Submissions, open_round: Callable[..., Awaitable[list[SubmissionId]]], judge: Callable[[], Awaitable[None]]
) -> Scored:
    """A submission of block 100 that was scored in round 1."""

    async def build() -> Submission:
        (key,) = await open_round(1)
        await judge()
        return await submissions.get(key)

    return build


def names(found: tuple[Candidate, ...]) -> list[tuple[Block, Block | None]]:
    """Commit blocks, and when they were succeeded."""
    return [(each.commit_block, each.succeeded_at) for each in found]


async def test_a_scored_submission_stands_until_its_successor_has_a_verdict(
    submissions: Submissions,
    pool: Pool,
    scored: Scored,
    judge: Callable[[], Awaitable[None]],
    new_submission: Callable[..., NewSubmission],
    new_round: Callable[..., NewRound],
) -> None:
    """Both may be judged meanwhile; one that was never scored itself has nothing to keep."""
    old = await scored()
    await submissions.add([new_submission(hotkey=old.hotkey, commit_block=Block(200))])
    assert names(await submissions.candidates()) == [(100, 200), (200, None)]
    (newest,) = await submissions.add([new_submission(hotkey=old.hotkey, commit_block=Block(300))])
    assert names(await submissions.candidates()) == [(100, 200), (300, None)]
    await Rounds(pool).open(new_round(2), [RoundEntry(newest, None, QueueName.CPU, 0)])
    await judge()
    assert names(await submissions.candidates()) == [(300, None)]


async def test_what_a_ledger_keeps_stands_beside_a_judged_successor(
    submissions: Submissions,
    pool: Pool,
    scored: Scored,
    judge: Callable[[], Awaitable[None]],
    new_submission: Callable[..., NewSubmission],
    new_round: Callable[..., NewRound],
) -> None:
    """The king that committed again, once the newer model has a verdict; a name that nobody knows is none."""
    old = await scored()
    (newest,) = await submissions.add([new_submission(hotkey=old.hotkey, commit_block=Block(300))])
    await Rounds(pool).open(new_round(2), [RoundEntry(newest, None, QueueName.CPU, 0)])
    await judge()
    king = entrant(old.hotkey, Block(100))
    assert names(await submissions.candidates([king, Entrant("nobody@7")])) == [(100, 300), (300, None)]
    assert names(await submissions.candidates([entrant(old.hotkey, Block(300))])) == [(300, None)]


async def test_a_refused_commitment_succeeds_nobody(
    submissions: Submissions, scored: Scored, refused: Callable[..., NewSubmission]
) -> None:
    """What cannot be judged takes no place."""
    old = await scored()
    await submissions.add([refused(hotkey=old.hotkey, commit_block=Block(200))])
    assert names(await submissions.candidates()) == [(100, None)]


async def test_fates_of_those_that_are_named_or_were_asked(
    submissions: Submissions, pool: Pool, scored: Scored, new_submission: Callable[..., NewSubmission]
) -> None:
    """State, code, whether the hotkey committed again, and when it was last asked for; unknown ones are left out."""
    old = await scored()
    await submissions.add([new_submission(hotkey=Hotkey("banned"))])
    await Operations(pool).ban(Hotkey("banned"), actor="o", reason="r")
    await submissions.add([new_submission(hotkey=old.hotkey, commit_block=Block(200))])
    named = [entrant(Hotkey("banned"), Block(100)), entrant(old.hotkey, Block(200)), Entrant("nobody@1")]
    assert await submissions.statuses(named, RoundNumber(1)) == (
        SubmissionStatus(
            hotkey=old.hotkey,
            commit_block=Block(100),
            state=SubmissionState.SUPERSEDED,
            code=None,
            superseded=True,
            last_round=RoundNumber(1),
        ),
        SubmissionStatus(
            hotkey=Hotkey("banned"),
            commit_block=Block(100),
            state=SubmissionState.REJECTED,
            code=Code.BANNED,
            superseded=False,
            last_round=None,
        ),
        SubmissionStatus(
            hotkey=old.hotkey, commit_block=Block(200), state=SubmissionState.QUEUED, code=None, superseded=False, last_round=None
        ),
    )
    assert [status.commit_block for status in await submissions.statuses([], RoundNumber(9))] == []
