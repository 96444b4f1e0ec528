"""Commitments on a real PostgreSQL."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import asyncpg
import pytest

from scoring.errors import Code, PlatformError
from scoring.types import Block, BlockHash, Hotkey, Micro, RoundNumber, SubmissionId, Tag, TensorsHash, Uid
from voice_api.db.database import Pool
from voice_api.db.evaluations import Claim, Verdict
from voice_api.db.operations import Operations
from voice_api.db.queue import EvaluationQueue
from voice_api.db.registry import RegisteredNeuron, Registry, RegistrySnapshot
from voice_api.db.states import ActorKind, EventKind, QueueName, SubmissionState, VerdictState
from voice_api.db.submissions import Candidate, KnownCommitment, NewSubmission, OutcomeCount, Submissions, TagRecord

Build = Callable[..., NewSubmission]
OpenRound = Callable[..., Awaitable[list[SubmissionId]]]
MINER = Hotkey("miner")


@pytest.fixture
def store(pool: Pool) -> Submissions:
    """The store under test."""
    return Submissions(pool)


async def claim_one(pool: Pool) -> Claim:
    """Claim what must be there."""
    claim = await EvaluationQueue(pool).claim(QueueName.CPU, "w1", timedelta(minutes=1))
    assert claim is not None
    return claim


async def states(store: Submissions, ids: list[SubmissionId]) -> list[SubmissionState]:
    """Where submissions stand."""
    return [(await store.get(key)).state for key in ids]


async def test_adding_at_once_records_once(store: Submissions, new_submission: Build) -> None:
    """However many send the same commitments at the same time, each gets one id."""
    batch = [new_submission() for _ in range(5)]
    answers = await asyncio.gather(*(store.add(batch if n % 2 else batch[::-1]) for n in range(8)))
    assert {tuple(answer if n % 2 else answer[::-1]) for n, answer in enumerate(answers)} == {tuple(answers[1])}
    assert len(await store.page()) == 5


async def test_batch_is_all_or_nothing(store: Submissions, new_submission: Build) -> None:
    """A batch with one impossible commitment leaves nothing behind."""
    with pytest.raises(asyncpg.CheckViolationError):
        await store.add([new_submission(), new_submission(tag=None)])
    assert await store.page() == ()


async def test_newer_commitment_supersedes(store: Submissions, new_submission: Build) -> None:
    """The newest accepted commitment of a hotkey stands; whichever arrives first, older ones are superseded; others are not touched."""
    other = new_submission()
    blocks = [new_submission(hotkey=MINER, commit_block=Block(block)) for block in (100, 300, 200)]
    ids = [*(await store.add([other, blocks[0]])), *(await store.add(blocks[1:2])), *(await store.add(blocks[2:]))]
    assert await states(store, ids) == ["queued", "superseded", "queued", "superseded"]
    assert await store.known([(MINER, Block(200))]) == (KnownCommitment(True, Block(300)),)


async def test_refused_commitment_supersedes_nothing(store: Submissions, new_submission: Build, refused: Build) -> None:
    """A malformed or early commitment is recorded as rejected, and neither takes another's place nor starts a cooldown."""
    early = new_submission(hotkey=MINER, commit_block=Block(150), code=Code.TOO_EARLY, reason="50 blocks")
    ids = await store.add([new_submission(hotkey=MINER), early, refused(hotkey=MINER, commit_block=Block(160))])
    assert await states(store, ids) == ["queued", "rejected", "rejected"]
    assert ((await store.get(ids[1])).code, (await store.get(ids[1])).reason) == (Code.TOO_EARLY, "50 blocks")
    asked = [(Hotkey("nobody"), Block(150)), (MINER, Block(170)), (MINER, Block(160)), (MINER, Block(150))]
    nothing, new, held = KnownCommitment(False, None), KnownCommitment(False, Block(100)), KnownCommitment(True, Block(100))
    assert await store.known(asked) == (nothing, new, held, held)


async def test_rejected_submission_still_counts_as_accepted_commitment(
    store: Submissions, pool: Pool, open_round: OpenRound, verdict: Callable[..., Verdict], new_submission: Build
) -> None:
    """A model that was judged and rejected started its hotkey's cooldown, and a newer commitment leaves its verdict as it is."""
    (key,) = await open_round()
    rejected = await store.get(key)
    rejection = verdict(state=VerdictState.REJECTED, code=Code.LOAD_FAILED, reason="no", report=None)
    await EvaluationQueue(pool).finish(await claim_one(pool), rejection)
    await store.add([new_submission(hotkey=rejected.hotkey, commit_block=Block(900))])
    assert (await store.get(key)).state is SubmissionState.REJECTED


async def test_superseded_submission_is_not_revived_by_a_late_verdict(
    store: Submissions, pool: Pool, open_round: OpenRound, verdict: Callable[..., Verdict], new_submission: Build
) -> None:
    """A verdict that arrives after a newer commitment keeps its numbers and hashes, and the submission stays superseded."""
    (key,) = await open_round()
    claim = await claim_one(pool)
    await store.add([new_submission(hotkey=claim.hotkey, commit_block=Block(900))])
    await EvaluationQueue(pool).finish(claim, verdict(tensors_hash=TensorsHash("2" * 64)))
    late = await store.get(key)
    assert (late.state, late.score, late.tensors_hash) == (SubmissionState.SUPERSEDED, Micro(700_000), "2" * 64)
    assert await store.by_tensors(TensorsHash("2" * 64)) == (late,)


async def test_tags_come_in_the_order_in_which_commitments_count(
    store: Submissions, new_submission: Build, refused: Build
) -> None:
    """Block first, then tiebreak; commitments without a tag have none to try."""
    late = new_submission(commit_block=Block(200), tiebreak="0" * 64)
    second = new_submission(tiebreak="b" * 64)
    first = new_submission(tiebreak="a" * 64)
    ids = await store.add([late, second, first, refused()])
    expected = [(ids[2], first), (ids[1], second), (ids[0], late)]
    assert await store.tags() == tuple(
        TagRecord(
            submission_id=key,
            hotkey=new.hotkey,
            public_key=new.public_key,
            commit_block=new.commit_block,
            tiebreak=new.tiebreak,
            tag=Tag(str(new.tag)),
        )
        for key, new in expected
    )


async def test_candidates(
    store: Submissions, pool: Pool, open_round: OpenRound, verdict: Callable[..., Verdict], new_submission: Build
) -> None:
    """Opening a round reads what waits or is scored, and when it was last asked for; what was rejected is out."""
    scored, failing, rejected = await open_round(3, submissions=3)
    (waiting,) = await store.add([new_submission(commit_block=Block(900))])
    queue = EvaluationQueue(pool)
    await queue.finish(await claim_one(pool), verdict())
    failed = await claim_one(pool)
    rejection = verdict(state=VerdictState.REJECTED, code=Code.LOAD_FAILED, reason="no", report=None)
    await queue.finish(await claim_one(pool), rejection)
    await queue.hand_back(failed, Code.HUB_UNAVAILABLE, "away", timedelta(0))
    expected = []
    for key, last_round in ((scored, RoundNumber(3)), (failing, RoundNumber(3)), (waiting, None)):
        held = await store.get(key)
        candidate = Candidate(
            id=key, hotkey=held.hotkey, commit_block=held.commit_block, tiebreak=held.tiebreak, last_round=last_round
        )
        expected.append(candidate)
    assert await store.candidates() == tuple(sorted(expected, key=lambda candidate: (candidate.commit_block, candidate.tiebreak)))
    assert await store.outcomes() == (
        OutcomeCount(SubmissionState.QUEUED, None, 2),
        OutcomeCount(SubmissionState.REJECTED, Code.LOAD_FAILED, 1),
        OutcomeCount(SubmissionState.SCORED, None, 1),
    )
    assert (await store.get(rejected)).state is SubmissionState.REJECTED


async def test_events(store: Submissions, pool: Pool, open_round: OpenRound, verdict: Callable[..., Verdict]) -> None:
    """A submission's whole life page by page, its evaluations' steps too: what changed, why by code, and what kind of actor it was."""
    submission, _ = await open_round(3, submissions=2)
    queue, operations, who = EvaluationQueue(pool), Operations(pool), {"actor": "an operator's hotkey", "reason": "private"}
    held = await queue.claim(QueueName.CPU, "w1", timedelta(minutes=-1), "host-1")
    assert held is not None
    await queue.expire_leases(budget=0)
    await operations.requeue(held.evaluation_id, **who)
    await queue.finish(await claim_one(pool), verdict())
    await operations.quarantine(submission, **who)
    events = await store.events(submission)
    assert [(event.kind, event.from_state, event.to_state, event.code, event.actor) for event in events] == [
        (EventKind.SUBMISSION, None, "queued", None, ActorKind.API),
        (EventKind.EVALUATION, None, "queued", None, ActorKind.VALIDATOR),
        (EventKind.EVALUATION, "queued", "running", None, ActorKind.WORKER),
        (EventKind.EVALUATION, "running", "parked", Code.LEASE_EXPIRED, ActorKind.DISPATCHER),
        (EventKind.EVALUATION, "parked", "queued", None, ActorKind.OPERATOR),
        (EventKind.EVALUATION, "queued", "running", None, ActorKind.WORKER),
        (EventKind.EVALUATION, "running", "scored", None, ActorKind.WORKER),
        (EventKind.SUBMISSION, "queued", "scored", None, ActorKind.WORKER),
        (EventKind.SUBMISSION, "scored", "quarantined", None, ActorKind.OPERATOR),
    ]
    assert [event.evaluation_id for event in events] == [None, *[held.evaluation_id] * 7, None]
    assert await store.events(submission, after=events[1].id, limit=2) == events[2:4]
    assert await store.events(SubmissionId(99)) == ()


async def test_the_newest_commitment_that_rounds_ask_for(
    store: Submissions, pool: Pool, new_submission: Build, refused: Build
) -> None:
    """Of each registered hotkey: neither one that was refused on its own, nor one of a banned hotkey; what was judged stays."""
    names = [Hotkey(name) for name in ("banned", "none", "refused", "replaced")]
    neurons = [
        RegisteredNeuron(hotkey=name, uid=Uid(uid), coldkey="c", registered_at_block=Block(0), immune_until_block=Block(0))
        for uid, name in enumerate(names)
    ]
    await Registry(pool).replace(
        RegistrySnapshot(netuid=1, block=Block(1), block_hash=BlockHash("0x" + "1" * 64), neurons=tuple(neurons))
    )
    await store.add([new_submission(), new_submission(hotkey=names[0], commit_block=Block(5))])
    await store.add([new_submission(hotkey=names[2], commit_block=Block(6)), refused(hotkey=names[2], commit_block=Block(7))])
    await store.add([new_submission(hotkey=names[3], commit_block=Block(block)) for block in (8, 9)])
    await Operations(pool).ban(names[0], actor="an operator's hotkey", reason="private")
    blocks = [(found.recorded, found.admitted) for found in await store.newest()]
    assert [found.hotkey for found in await store.newest()] == names
    assert blocks == [(5, None), (None, None), (7, 6), (9, 9)]


async def test_unknown_submission(store: Submissions) -> None:
    """Asking for what is not there is NOT_FOUND."""
    with pytest.raises(PlatformError) as error:
        await store.get(SubmissionId(7))
    assert error.value.code is Code.NOT_FOUND
