"""Claims, leases, fencing and verdicts on a real PostgreSQL."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from scoring.errors import Code
from scoring.receipts.receipt import listed
from scoring.types import Block, Micro, RoundNumber, SubmissionId, Tag
from voice_api.db.database import Pool
from voice_api.db.evaluations import Claim, Depth, Evaluation, Verdict
from voice_api.db.queue import EvaluationQueue
from voice_api.db.rounds import Eligibility, Rounds
from voice_api.db.states import EvaluationState, QueueName, SubmissionState, VerdictState
from voice_api.db.submissions import Submissions
from voice_api.errors import LeaseLost

OpenRound = Callable[..., Awaitable[list[SubmissionId]]]
LEASE = timedelta(minutes=15)
EXPIRED = timedelta(seconds=-1)


@pytest.fixture
def queue(pool: Pool) -> EvaluationQueue:
    """The queue under test."""
    return EvaluationQueue(pool)


async def take(queue: EvaluationQueue, worker: str = "w1", lease: timedelta = LEASE) -> Claim:
    """Claim what must be there."""
    claim = await queue.claim(QueueName.CPU, worker, lease)
    assert claim is not None
    return claim


async def only_evaluation(pool: Pool, submission: SubmissionId) -> Evaluation:
    """The one evaluation of a submission."""
    (evaluation,) = await Submissions(pool).evaluations(submission)
    return evaluation


async def test_claim_race(queue: EvaluationQueue, open_round: OpenRound) -> None:
    """Many workers at once take every row exactly once, and the rest get nothing."""
    await open_round(submissions=12)
    claims = await asyncio.gather(*(queue.claim(QueueName.CPU, f"w{n}", LEASE) for n in range(40)))
    taken = [claim.evaluation_id for claim in claims if claim]
    assert (len(taken), len(set(taken))) == (12, 12)


async def test_claim_carries_what_judging_needs(pool: Pool, queue: EvaluationQueue, open_round: OpenRound) -> None:
    """A claim holds the submission's and the round's facts, and its attempt counts from 1."""
    (submission_id,) = await open_round(3)
    submission = await Submissions(pool).get(submission_id)
    claim = await take(queue)
    assert claim == Claim(
        evaluation_id=claim.evaluation_id,
        token=claim.token,
        worker="w1",
        queue=QueueName.CPU,
        attempt=1,
        failures=0,
        submission_id=submission_id,
        hotkey=submission.hotkey,
        public_key=submission.public_key,
        commit_block=submission.commit_block,
        tiebreak=submission.tiebreak,
        repo=str(submission.repo),
        revision=str(submission.revision),
        tag=Tag(str(submission.tag)),
        round=RoundNumber(3),
        start_block=claim.start_block,
        block_hash=claim.block_hash,
        competition_hash="c" * 64,
    )
    assert (claim.start_block, claim.block_hash) == (120, f"0x{3:064x}")


async def test_claims_by_priority_and_queue(queue: EvaluationQueue, open_round: OpenRound) -> None:
    """The lowest priority number goes first, and another queue's workers get nothing."""
    ids = await open_round(submissions=3)
    assert await queue.claim(QueueName.GPU, "w1", LEASE) is None
    assert [(await take(queue)).submission_id for _ in ids] == ids


async def test_verdict_is_written_whole(
    pool: Pool, queue: EvaluationQueue, open_round: OpenRound, verdict: Callable[..., Verdict]
) -> None:
    """A score, its samples, groups, receipt and the submission's new state appear together."""
    (submission_id,) = await open_round(3)
    claim = await take(queue)
    await queue.finish(claim, verdict(content_hash="1" * 64, tensors_hash="2" * 64))
    (result,) = await Rounds(pool).results(RoundNumber(3))
    submission = await Submissions(pool).get(submission_id)
    expected = verdict()
    assert expected.report is not None
    assert (result.state, result.score, result.stderr, result.groups) == (
        EvaluationState.SCORED,
        Micro(700_000),
        Micro(50_000),
        expected.report.groups,
    )
    assert (result.receipt, result.receipt_hash) == (expected.receipt, expected.receipt_hash)
    assert (result.signature, result.certificate) == (expected.signature, expected.certificate)
    assert list(result.samples) == listed(expected.report.samples)
    assert result.finished_at is not None
    assert (submission.state, submission.score, submission.content_hash) == (SubmissionState.SCORED, Micro(700_000), "1" * 64)
    async with pool.connection() as connection:
        rows = await connection.fetch("select prompt_id, metrics, utilities, seconds from samples order by position")
    assert [tuple(row) for row in rows] == [
        ("p1", {"wer": 0.05}, {"delivery": 0.5}, 1.25),
        ("p2", {"wer": 0.1}, {"delivery": 0.25}, 1.5),
    ]


async def test_one_verdict_ever(queue: EvaluationQueue, open_round: OpenRound, verdict: Callable[..., Verdict]) -> None:
    """Of many writers with the same claim, one writes the verdict and the others learn that they lost it."""
    await open_round()
    claim = await take(queue)
    outcomes = await asyncio.gather(*(queue.finish(claim, verdict()) for _ in range(8)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes].count(LeaseLost) == 7
    assert outcomes.count(None) == 1
    assert await queue.claim(QueueName.CPU, "w2", LEASE) is None


@pytest.mark.parametrize("call", [pytest.param(name, id=name) for name in ("renew", "finish", "hand_back", "move")])
async def test_stale_token_writes_nothing(
    pool: Pool, queue: EvaluationQueue, open_round: OpenRound, verdict: Callable[..., Verdict], call: str
) -> None:
    """Once another worker holds the row, the first one's token opens nothing."""
    (submission_id,) = await open_round()
    stale = await take(queue, "w1", EXPIRED)
    assert await queue.expire_leases(budget=3) == 1
    fresh = await take(queue, "w2")
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "renew": lambda: queue.renew(stale, LEASE, "judge", 1, 2),
        "finish": lambda: queue.finish(stale, verdict()),
        "hand_back": lambda: queue.hand_back(stale, Code.HUB_UNAVAILABLE, "gone", timedelta(0)),
        "move": lambda: queue.move(stale, "vits", "small", QueueName.GPU),
    }
    with pytest.raises(LeaseLost):
        await calls[call]()
    evaluation = await only_evaluation(pool, submission_id)
    assert (evaluation.state, evaluation.stage, evaluation.attempt) == (EvaluationState.RUNNING, None, 2)
    assert evaluation.queue is QueueName.CPU
    await queue.finish(fresh, verdict())


async def test_forged_token_writes_nothing(
    queue: EvaluationQueue, open_round: OpenRound, verdict: Callable[..., Verdict]
) -> None:
    """A token of another evaluation opens nothing."""
    await open_round(submissions=2)
    one, other = await take(queue), await take(queue)
    with pytest.raises(LeaseLost):
        await queue.finish(replace(one, token=other.token), verdict())


async def test_renewing_keeps_the_lease(pool: Pool, queue: EvaluationQueue, open_round: OpenRound) -> None:
    """Progress before the lease is returned extends it, and is visible."""
    (submission_id,) = await open_round()
    claim = await take(queue, lease=EXPIRED)
    await queue.renew(claim, LEASE, "speak", 3, 8)
    assert await queue.expire_leases(budget=3) == 0
    evaluation = await only_evaluation(pool, submission_id)
    assert (evaluation.stage, evaluation.done, evaluation.total) == ("speak", 3, 8)


async def test_expired_lease_is_returned_then_parked(pool: Pool, queue: EvaluationQueue, open_round: OpenRound) -> None:
    """A worker that fell silent costs one failure; past the budget the row is parked and the miner loses nothing."""
    (submission_id,) = await open_round()
    await take(queue, lease=EXPIRED)
    assert await queue.expire_leases(budget=1) == 1
    assert (await take(queue, lease=EXPIRED)).attempt == 2
    assert await queue.expire_leases(budget=1) == 1
    evaluation = await only_evaluation(pool, submission_id)
    assert (evaluation.state, evaluation.failures, evaluation.code) == (EvaluationState.PARKED, 2, Code.LEASE_EXPIRED)
    assert (await Submissions(pool).get(submission_id)).state is SubmissionState.QUEUED


@pytest.mark.parametrize(
    ("retry_in", "drained", "expected"),
    [
        pytest.param(timedelta(0), False, (EvaluationState.QUEUED, 1, 1), id="due at once"),
        pytest.param(timedelta(hours=1), False, (EvaluationState.QUEUED, 1, 0), id="due later"),
        pytest.param(None, False, (EvaluationState.PARKED, 1, 0), id="parked"),
        pytest.param(timedelta(0), True, (EvaluationState.QUEUED, 0, 1), id="drained: no failure"),
    ],
)
async def test_hand_back(
    pool: Pool,
    queue: EvaluationQueue,
    open_round: OpenRound,
    retry_in: timedelta | None,
    drained: bool,
    expected: tuple[Any, ...],
) -> None:
    """A row that is handed back is due after its pause, or parked; being asked to stop is no failure."""
    (submission_id,) = await open_round()
    await queue.hand_back(await take(queue), Code.HUB_UNAVAILABLE, "the hub is away", retry_in, drained=drained)
    evaluation = await only_evaluation(pool, submission_id)
    due = (await queue.due_counts())[QueueName.CPU]
    assert (evaluation.state, evaluation.failures, due) == expected
    assert (evaluation.code, evaluation.reason) == (Code.HUB_UNAVAILABLE, "the hub is away")


async def test_rejection_and_copy(
    pool: Pool, queue: EvaluationQueue, open_round: OpenRound, verdict: Callable[..., Verdict]
) -> None:
    """A rejection and a copy score 0, name their reason, and keep their receipt."""
    first, second = await open_round(submissions=2)
    rejection = verdict(state=VerdictState.REJECTED, code=Code.FILE_NOT_ALLOWED, reason="model.pkl", report=None)
    copy = verdict(state=VerdictState.COPY, code=Code.COPY, reason=f"same as {first}", copy_of=first, report=None)
    await queue.finish(await take(queue), rejection)
    await queue.finish(await take(queue), copy)
    results = await Rounds(pool).results(RoundNumber(3))
    assert [(r.state, r.submission_state, r.code, r.score, r.groups) for r in results] == [
        (EvaluationState.REJECTED, SubmissionState.REJECTED, Code.FILE_NOT_ALLOWED, 0, ()),
        (EvaluationState.REJECTED, SubmissionState.COPY, Code.COPY, 0, ()),
    ]
    assert (await Submissions(pool).get(second)).copy_of == first


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param({"report": None}, id="scored without a report"),
        pytest.param({"code": Code.COPY}, id="scored with a code"),
        pytest.param({"copy_of": SubmissionId(1)}, id="scored, yet a copy"),
        pytest.param({"state": VerdictState.COPY, "code": Code.COPY, "report": None}, id="copy of nothing"),
        pytest.param({"receipt": {"score": float("nan")}}, id="not finite"),
    ],
)
async def test_contradicting_verdict_is_refused(
    queue: EvaluationQueue, open_round: OpenRound, verdict: Callable[..., Verdict], overrides: dict[str, Any]
) -> None:
    """A verdict that contradicts itself is refused, and the claim still holds."""
    await open_round()
    claim = await take(queue)
    with pytest.raises(ValueError, match=r"verdict|copy|not JSON compliant|invalid input"):
        await queue.finish(claim, verdict(**overrides))
    await queue.renew(claim, LEASE, "judge", 0, 1)


async def test_closed_round_shuts_workers_out(
    pool: Pool, queue: EvaluationQueue, open_round: OpenRound, verdict: Callable[..., Verdict]
) -> None:
    """After a round closed nothing of it is claimed or finished: its results are final."""
    await open_round(submissions=2)
    claim = await take(queue)
    assert await Rounds(pool).close(RoundNumber(3))
    with pytest.raises(LeaseLost):
        await queue.finish(claim, verdict())
    assert await queue.claim(QueueName.CPU, "w2", LEASE) is None
    assert [result.state for result in await Rounds(pool).results(RoundNumber(3))] == [EvaluationState.PARKED] * 2


async def test_depths_and_pending(queue: EvaluationQueue, open_round: OpenRound) -> None:
    """The queue is shown in the order in which it is served, running ones first, page by page."""
    ids = await open_round(submissions=3)
    await queue.hand_back(await take(queue), Code.HUB_UNAVAILABLE, "", timedelta(hours=1))
    running = await take(queue)
    first, *_ = rows = await queue.pending_page(limit=10)
    assert [(row.position, row.submission_id) for row in rows] == [(1, ids[1]), (2, ids[2]), (3, ids[0])]
    assert [row.ahead for row in rows] == [0, 0, 1]
    assert (first.evaluation_id, first.state) == (running.evaluation_id, EvaluationState.RUNNING)
    assert await queue.pending_page(after=1, limit=1) == rows[1:2]
    assert await queue.depths() == (
        Depth(QueueName.CPU, EvaluationState.QUEUED, 2),
        Depth(QueueName.CPU, EvaluationState.RUNNING, 1),
    )
    assert await queue.due_counts() == {QueueName.CPU: 1, QueueName.GPU: 0}


async def test_parked_ones_are_counted_while_their_round_is_open(
    pool: Pool, queue: EvaluationQueue, open_round: OpenRound
) -> None:
    """Those of a closed round can be brought back by nobody, and would be counted for ever."""
    await open_round(number=3)
    await queue.hand_back(await take(queue), Code.HUB_UNAVAILABLE, "", None)
    assert await queue.depths() == (Depth(QueueName.CPU, EvaluationState.PARKED, 1),)
    assert await Rounds(pool).close(RoundNumber(3), Eligibility(block=Block(1), eligible=(), gone={}))
    assert await queue.depths() == ()
