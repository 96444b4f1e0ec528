"""What people read: rounds, receipts and samples, page by page."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from scoring.errors import Code, PlatformError
from scoring.types import EvaluationId, RoundNumber, SubmissionId
from voice_api.db.database import Pool
from voice_api.db.evaluations import Receipt, Verdict
from voice_api.db.queue import EvaluationQueue
from voice_api.db.rounds import NewRound, Rounds
from voice_api.db.states import QueueName

OpenRound = Callable[..., Awaitable[list[SubmissionId]]]
LEASE = timedelta(minutes=15)


async def judge(pool: Pool, verdict: Verdict) -> EvaluationId:
    """Claim the next evaluation and write its verdict."""
    queue = EvaluationQueue(pool)
    claim = await queue.claim(QueueName.CPU, "w1", LEASE)
    assert claim is not None
    await queue.finish(claim, verdict)
    return claim.evaluation_id


async def test_rounds_are_paged(pool: Pool, new_round: Callable[..., NewRound]) -> None:
    """Rounds come oldest first, the first one (0) included, and one by its number."""
    rounds = Rounds(pool)
    for number in (0, 2, 5):
        await rounds.open(new_round(number), [])
    assert [found.round for found in await rounds.page()] == [0, 2, 5]
    assert [found.round for found in await rounds.page(RoundNumber(0), limit=1)] == [2]
    assert await rounds.get(RoundNumber(5)) == await rounds.latest()


async def test_receipt_is_the_text_that_was_signed(pool: Pool, open_round: OpenRound, verdict: Callable[..., Verdict]) -> None:
    """A receipt comes back with its keys in the order in which they were hashed, with its signature and certificate."""
    await open_round()
    evaluation = await judge(pool, verdict(receipt={"z": 1, "a": [1.5]}, receipt_hash="ab" * 32))
    assert await EvaluationQueue(pool).receipt("ab" * 32) == Receipt(
        evaluation_id=evaluation,
        receipt_hash="ab" * 32,
        receipt='{"z":1,"a":[1.5]}',
        signature="5" * 128,
        certificate={"host": "bench"},
    )


async def test_samples_are_paged(pool: Pool, open_round: OpenRound, verdict: Callable[..., Verdict]) -> None:
    """Samples of one evaluation come in the round's order, after a position; of another there are none."""
    await open_round(submissions=2)
    evaluation = await judge(pool, verdict())
    samples = EvaluationQueue(pool).samples
    first, second = await samples(evaluation)
    assert (first.position, first.prompt_id, first.metrics, first.utilities) == (0, "p1", {"wer": 0.05}, {"delivery": 0.5})
    assert (second.position, second.pcm_sha256, second.seconds) == (1, "b" * 64, 1.5)
    assert await samples(evaluation, limit=1) == (first,)
    assert await samples(evaluation, after=0) == (second,)
    assert await samples(EvaluationId(evaluation + 1)) == ()


@pytest.mark.parametrize("what", [pytest.param(name, id=name) for name in ("round", "evaluation", "receipt")])
async def test_what_is_not_there(pool: Pool, what: str) -> None:
    """What nobody wrote is not found, and the answer says so by code."""
    reads: dict[str, Callable[[], Awaitable[object]]] = {
        "round": lambda: Rounds(pool).get(RoundNumber(1)),
        "evaluation": lambda: EvaluationQueue(pool).get(EvaluationId(1)),
        "receipt": lambda: EvaluationQueue(pool).receipt("00" * 32),
    }
    with pytest.raises(PlatformError) as refusal:
        await reads[what]()
    assert refusal.value.code is Code.NOT_FOUND
