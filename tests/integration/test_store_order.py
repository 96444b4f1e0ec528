"""Whose turn it is, and what our own failures cost: order, budgets and what is known of earlier failures, on a real PostgreSQL."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from scoring.errors import Code
from scoring.types import Block, BlockHash, Hotkey, RoundNumber, SubmissionId, Uid
from voice_api.db.database import Pool
from voice_api.db.evaluations import Cause, Claim, Verdict
from voice_api.db.queue import EvaluationQueue, RetryBudget
from voice_api.db.registry import RegisteredNeuron, Registry, RegistrySnapshot
from voice_api.db.rounds import NewRound, RoundEntry, Rounds
from voice_api.db.states import EvaluationState, ParkedWhy, QueueName
from voice_api.db.submissions import NewSubmission, Submissions

LEASE = timedelta(minutes=15)
NOW, AT_ONCE = Block(1000), timedelta(0)


@dataclass
class Bed:
    """A queue, and rounds that ask for named miners."""

    pool: Pool
    new_submission: Callable[..., NewSubmission]
    new_round: Callable[..., NewRound]

    @property
    def queue(self) -> EvaluationQueue:
        """The queue under test."""
        return EvaluationQueue(self.pool)

    async def ask(self, number: int, *miners: tuple[str, int]) -> None:
        """Open a round for new commitments of miners, each with its priority."""
        new = [self.new_submission(hotkey=Hotkey(name), commit_block=Block(number)) for name, _ in miners]
        ids = await Submissions(self.pool).add(new)
        await self.ask_again(number, *((one, priority) for one, (_, priority) in zip(ids, miners, strict=True)))

    async def ask_again(self, number: int, *entries: tuple[SubmissionId, int]) -> None:
        """Open a round for known submissions."""
        asked = [RoundEntry(submission, None, QueueName.CPU, priority) for submission, priority in entries]
        assert await Rounds(self.pool).open(self.new_round(number), asked)

    async def register(self, **immune_until: int) -> None:
        """Register miners, each immune until a block."""
        neurons = (
            RegisteredNeuron(
                hotkey=Hotkey(n), uid=Uid(u), coldkey="c", registered_at_block=Block(0), immune_until_block=Block(end)
            )
            for u, (n, end) in enumerate(immune_until.items())
        )
        await Registry(self.pool).replace(
            RegistrySnapshot(netuid=7, block=NOW, block_hash=BlockHash("0x00"), neurons=tuple(neurons))
        )

    async def take(self, host: str = "host-1") -> Claim:
        """Claim what must be there."""
        claim = await self.queue.claim(QueueName.CPU, "w1", LEASE, host)
        assert claim is not None
        return claim

    async def served(self) -> list[str]:
        """Who is claimed, in turn, after checking that this is the order that the queue had shown."""
        shown = [row.hotkey for row in await self.queue.pending_page() if row.state is EvaluationState.QUEUED]
        claimed = [claim.hotkey for _ in shown if (claim := await self.queue.claim(QueueName.CPU, "w1", LEASE))]
        assert claimed == shown
        return [str(hotkey) for hotkey in claimed]


@pytest.fixture
def bed(pool: Pool, new_submission: Callable[..., NewSubmission], new_round: Callable[..., NewRound]) -> Bed:
    """An empty queue."""
    return Bed(pool, new_submission, new_round)


async def test_priority_comes_first(bed: Bed) -> None:
    """A better priority goes before any deadline."""
    await bed.register(late=9000, soon=1001)
    await bed.ask(1, ("soon", 1), ("late", 0))
    assert await bed.served() == ["late", "soon"]


async def test_whose_registration_may_end_soonest(bed: Bed) -> None:
    """Equals go by the end of their immunity; where it ended, by age; who is not registered has nothing to lose."""
    await bed.register(safe=5000, ended=900, next=2000, long_ended=10)
    await bed.ask(1, ("nobody", 0), ("safe", 0), ("ended", 0), ("next", 0), ("long_ended", 0))
    assert await bed.served() == ["ended", "long_ended", "next", "safe", "nobody"]


async def test_who_has_a_score_is_safe(bed: Bed, verdict: Callable[..., Verdict]) -> None:
    """A deadline counts only until the first score."""
    await bed.register(scored=1001, waiting=3000)
    await bed.ask(1, ("scored", 0))
    claim = await bed.take()
    await bed.queue.finish(claim, verdict())
    await bed.ask_again(2, (claim.submission_id, 0))
    await bed.ask(3, ("waiting", 0))
    assert await bed.served() == ["waiting", "scored"]


async def test_retries_starve_nobody(bed: Bed) -> None:
    """Who failed goes behind its equals, however old it is."""
    await bed.ask(1, ("fails", 0), ("second", 0), ("third", 0))
    await bed.queue.hand_back(await bed.take(), Code.HUB_UNAVAILABLE, "", AT_ONCE)
    await bed.ask(2, ("newer", 0))
    assert await bed.served() == ["second", "third", "newer", "fails"]


async def test_oldest_first(bed: Bed) -> None:
    """Without any other reason whoever was asked for first is served first."""
    await bed.ask(1, ("a", 0), ("b", 0))
    await bed.ask(2, ("c", 0))
    assert await bed.served() == ["a", "b", "c"]


async def test_pauses_are_shown_behind_what_is_due(bed: Bed) -> None:
    """What waits out a pause is served after all that is due, by the end of its pause, whatever its priority."""
    await bed.ask(1, ("first", 0), ("second", 1), ("third", 2))
    for hours in (2, 1):
        await bed.queue.hand_back(await bed.take(), Code.HUB_UNAVAILABLE, "", timedelta(hours=hours))
    shown = await bed.queue.pending_page()
    assert [(row.hotkey, row.position, row.ahead) for row in shown] == [("third", 1, 0), ("second", 2, 1), ("first", 3, 2)]


@pytest.mark.parametrize(
    ("code", "drained", "failures", "why"),
    [
        pytest.param(Code.HUB_UNAVAILABLE, False, 1, ParkedWhy.BUDGET, id="ours"),
        pytest.param(None, False, 1, ParkedWhy.BUDGET, id="unknown: ours"),
        pytest.param(Code.DATABASE_UNAVAILABLE, False, 1, ParkedWhy.BUDGET, id="the platform's: ours"),
        pytest.param(Code.HUB_UNAVAILABLE, True, 0, None, id="asked to stop: no failure"),
        pytest.param(Code.REPO_NOT_PUBLIC, False, 0, None, id="the submission's: it waits at no cost"),
    ],
)
async def test_a_day_has_a_budget(
    pool: Pool, bed: Bed, code: Code | None, drained: bool, failures: int, why: ParkedWhy | None
) -> None:
    """The failure with which a submission's day is used up parks it, whatever pause was asked for."""
    await bed.ask(1, ("miner", 0))
    queue = EvaluationQueue(pool, RetryBudget(per_day=1))
    claim = await bed.take()
    stands = await queue.hand_back(claim, code, "", AT_ONCE, drained=drained)
    evaluation = await queue.get(claim.evaluation_id)
    assert stands is evaluation.state is (EvaluationState.PARKED if why else EvaluationState.QUEUED)
    assert (evaluation.failures, evaluation.parked_why) == (failures, why)


async def test_the_day_is_the_submissions(pool: Pool, bed: Bed) -> None:
    """Failures count over all rounds of one submission, not over others, and only those of the last 24 hours."""
    queue = EvaluationQueue(pool, RetryBudget(per_day=2))
    await bed.ask(1, ("other", 9), ("miner", 0))
    first = await bed.take()
    assert await queue.hand_back(first, Code.HUB_UNAVAILABLE, "", timedelta(hours=1)) is EvaluationState.QUEUED
    await bed.ask_again(2, (first.submission_id, 0))
    assert await queue.hand_back(await bed.take(), Code.HUB_UNAVAILABLE, "", AT_ONCE) is EvaluationState.PARKED
    assert await queue.hand_back(await bed.take(), Code.HUB_UNAVAILABLE, "", AT_ONCE) is EvaluationState.QUEUED
    async with pool.connection() as connection:
        await connection.execute("update events set at = at - interval '24 hours'")
    await bed.ask_again(3, (first.submission_id, 0))
    again = await bed.take()
    assert (again.submission_id, again.failures) == (first.submission_id, 0)
    assert await queue.hand_back(again, Code.HUB_UNAVAILABLE, "", AT_ONCE) is EvaluationState.QUEUED


async def test_expired_leases_count_in_the_day(pool: Pool, bed: Bed) -> None:
    """A worker that falls silent uses the day's budget up as any failure of ours does."""
    queue = EvaluationQueue(pool, RetryBudget(per_day=2))
    await bed.ask(1, ("miner", 0))
    for state in (EvaluationState.QUEUED, EvaluationState.PARKED):
        claim = await queue.claim(QueueName.CPU, "w1", -LEASE)
        assert claim is not None
        assert await queue.expire_leases(budget=9) == 1
        assert (await queue.get(claim.evaluation_id)).state is state


async def test_claim_knows_earlier_unforeseen_failures(bed: Bed) -> None:
    """What failed unforeseen, where and how is told to whoever claims any evaluation of the submission; each once, others' never."""
    await bed.ask(1, ("miner", 0))
    for host, cause in (("host-1", "boom"), ("host-2", "boom"), ("host-1", "boom")):
        claim = await bed.take(host)
        await bed.queue.hand_back(claim, Code.WORKER_ERROR, "it broke", AT_ONCE, cause=cause)
    await bed.queue.hand_back(await bed.take(), Code.HUB_UNAVAILABLE, "foreseen", None)
    await bed.ask_again(2, (claim.submission_id, 0))
    await bed.ask(3, ("other", 1))
    causes = (Cause("host-1", Code.WORKER_ERROR, "boom"), Cause("host-2", Code.WORKER_ERROR, "boom"))
    assert (await bed.take()).causes == causes
    assert (await bed.take()).causes == ()


async def test_a_failure_that_also_met_another_submission_blames_neither(bed: Bed) -> None:
    """A bug of ours meets many: only what one submission alone met may be its own. A hub's refusals are each submission's."""
    await bed.ask(1, ("miner", 0))
    await bed.ask(2, ("other", 1))
    first = await bed.take("host-1")
    await bed.queue.hand_back(first, Code.WORKER_ERROR, "it broke", timedelta(hours=1), cause="boom")
    second = await bed.take("host-1")
    await bed.queue.hand_back(second, Code.WORKER_ERROR, "it broke", timedelta(hours=1), cause="boom")
    await bed.ask_again(3, (first.submission_id, 0), (second.submission_id, 1))
    again = await bed.take("host-2")
    assert again.causes == ()
    for claim in (again, await bed.take("host-2")):
        await bed.queue.hand_back(claim, Code.REPO_NOT_PUBLIC, "refused", timedelta(hours=1), cause="refused in round 3")
    await bed.ask_again(4, (first.submission_id, 0))
    assert (await bed.take()).causes == (Cause("host-2", Code.REPO_NOT_PUBLIC, "refused in round 3"),)


async def test_durations_are_of_the_last_scored(pool: Pool, bed: Bed, verdict: Callable[..., Verdict]) -> None:
    """How long the last scored evaluations of a queue took, newest first."""
    await bed.ask(1, ("a", 0), ("b", 1), ("c", 2))
    for number, seconds in enumerate((10, 20, 30), 1):
        await bed.queue.finish(await bed.take(), verdict())
        async with pool.connection() as connection:
            await connection.execute(
                "update evaluations set claimed_at = finished_at - $2::interval where id = $1", number, timedelta(seconds=seconds)
            )
    assert await bed.queue.durations(QueueName.CPU, 2) == (timedelta(seconds=30), timedelta(seconds=20))
    assert await bed.queue.durations(QueueName.GPU) == ()


async def test_evaluations_are_paged(bed: Bed) -> None:
    """Evaluations come oldest first, all of them or a round's or a submission's."""
    await bed.ask(1, ("a", 0), ("b", 1))
    await bed.ask_again(2, (SubmissionId(1), 0))
    queue = bed.queue
    assert [(e.id, e.submission_id, e.round) for e in await queue.page()] == [(1, 1, 1), (2, 2, 1), (3, 1, 2)]
    assert [e.id for e in await queue.page(after=1, limit=1)] == [2]
    assert [e.id for e in await queue.page(round=RoundNumber(1))] == [1, 2]
    assert [e.id for e in await queue.page(submission=SubmissionId(1))] == [1, 3]
    assert [e.id for e in await queue.page(submission=SubmissionId(1), round=RoundNumber(2))] == [3]
