"""Family and track on a real PostgreSQL: unknown until a worker has read the repository, and then those that ranks and kings are of."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from scoring.errors import Code
from scoring.ranking.state import State, TrackState
from scoring.types import Block, BlockHash, Entrant, Hotkey, Micro, RoundNumber, SubmissionId, Uid, entrant
from tests.builders.ledger import a_ledger_entry
from tests.integration.conftest import LEASE, REPORT
from voice_api.db.database import Pool
from voice_api.db.evaluations import Evaluation, Verdict
from voice_api.db.ledger import Ledger
from voice_api.db.queue import EvaluationQueue
from voice_api.db.registry import RegisteredNeuron, Registry, RegistrySnapshot
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


async def test_each_track_is_ranked_from_1_with_its_own_king(
    pool: Pool, store: Submissions, open_round: OpenRound, verdict: MakeVerdict
) -> None:
    """First all that are first; a king is one in its own track alone, whatever scores there are in another."""
    ids = await open_round(1, submissions=5)
    hotkeys = [(await store.get(key)).hotkey for key in ids]
    neurons = [
        RegisteredNeuron(hotkey=hotkey, uid=Uid(n), coldkey="c", registered_at_block=Block(0), immune_until_block=Block(0))
        for n, hotkey in enumerate(hotkeys)
    ]
    await Registry(pool).replace(RegistrySnapshot(netuid=7, block=Block(1), block_hash=BlockHash("0x00"), neurons=tuple(neurons)))
    judged = (("vits", "small", 900), ("espeak", "described", 500), ("vits", "small", 300), ("espeak", "described", 700))
    for family, track, score in judged:
        report = replace(REPORT, score=Micro(1_000 * score))
        await judge(pool, verdict(family=family, track=track, report=report))
    await judge(pool, verdict(**REJECTION))
    await Rounds(pool).close(RoundNumber(1))
    kings = (TrackState(track="described", king=named(hotkeys[1])), TrackState(track="small", king=named(hotkeys[2])))
    await Ledger(pool, Hotkey("v")).append(a_ledger_entry(state=State(round=RoundNumber(1), tracks=kings)))
    rows = await store.leaderboard(validator=Hotkey("v"))
    assert [(row.rank, row.king, row.submission.track, row.submission.id) for row in rows] == [
        (1, True, "described", ids[1]),
        (1, True, "small", ids[2]),
        (2, False, "described", ids[3]),
        (2, False, "small", ids[0]),
        (None, False, None, ids[4]),
    ]
    assert [row.submission.id for row in await store.leaderboard(2, validator=Hotkey("v"))] == [ids[1], ids[2]]
    assert [(row.rank, row.king) for row in (await store.leaderboard())[:4]] == [(1, False), (1, False), (2, False), (2, False)]


def named(hotkey: Hotkey) -> Entrant:
    """Its only commitment."""
    return entrant(hotkey, Block(100))
