"""Family and track on a real PostgreSQL: unknown until a worker has read the repository, and then those that ranks and kings are of."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from scoring.errors import Code
from scoring.types import RoundNumber, SubmissionId
from tests.integration.conftest import LEASE
from voice_api.db.database import Pool
from voice_api.db.evaluations import Evaluation, Verdict
from voice_api.db.queue import EvaluationQueue
from voice_api.db.rounds import NewRound, RoundEntry, Rounds
from voice_api.db.states import QueueName, VerdictState
from voice_api.db.submissions import Submission, Submissions

OpenRound = Callable[..., Awaitable[list[SubmissionId]]]
MakeVerdict = Callable[..., Verdict]
REJECTION: dict[str, Any] = {"state": VerdictState.REJECTED, "code": Code.REPO_NOT_PUBLIC, "reason": "gone", "report": None}


@pytest.fixture
def store(pool: Pool) -> Submissions:
    """The store under test."""
    return Submissions(pool)


async def judge(pool: Pool, verdict: Verdict) -> None:
    """The next evaluation's verdict."""
    queue = EvaluationQueue(pool)
    claim = await queue.claim(QueueName.CPU, "w1", LEASE)
    assert claim is not None
    await queue.finish(claim, verdict)


async def found(store: Submissions, submission: SubmissionId) -> tuple[Submission, Evaluation]:
    """A submission, and the newest evaluation of it."""
    return await store.get(submission), (await store.evaluations(submission))[0]


async def test_a_newcomer_has_neither_until_its_verdict(
    pool: Pool, store: Submissions, open_round: OpenRound, verdict: MakeVerdict
) -> None:
    """What waits shows no track; its verdict brings both, and everything that reads it shows them."""
    (key,) = await open_round(3)
    before, waiting = await found(store, key)
    (row,) = await EvaluationQueue(pool).pending_page()
    (candidate,) = await store.candidates()
    assert (before.family, before.track, waiting.track, row.track, candidate.family) == (None,) * 5
    await judge(pool, verdict(family="vits", track="small"))
    after, judged = await found(store, key)
    (candidate,) = await store.candidates()
    (result,) = await Rounds(pool).results(RoundNumber(3))
    assert (after.family, after.track, judged.track, candidate.family, result.track) == (
        "vits",
        "small",
        "small",
        "vits",
        "small",
    )


async def test_a_rejection_before_the_family_was_known_leaves_both_open(
    pool: Pool, store: Submissions, open_round: OpenRound, verdict: MakeVerdict
) -> None:
    """Nobody has read a repository that is not there."""
    (key,) = await open_round(3)
    await judge(pool, verdict(**REJECTION))
    submission, evaluation = await found(store, key)
    assert (submission.family, submission.track, evaluation.track) == (None, None, None)


async def test_what_is_known_of_a_submission_is_not_forgotten(
    pool: Pool, store: Submissions, open_round: OpenRound, new_round: Callable[..., NewRound], verdict: MakeVerdict
) -> None:
    """A round asks for it in its track; a later rejection by a worker that could not read the repository takes nothing back."""
    (key,) = await open_round(3)
    await judge(pool, verdict(family="vits", track="small"))
    await Rounds(pool).close(RoundNumber(3))
    assert await Rounds(pool).open(new_round(4), [RoundEntry(key, "small", QueueName.CPU, 0)])
    (row,) = await EvaluationQueue(pool).pending_page()
    assert row.track == "small"
    await judge(pool, verdict(**REJECTION))
    submission, evaluation = await found(store, key)
    assert (submission.family, submission.track, evaluation.round, evaluation.track) == ("vits", "small", 4, "small")
