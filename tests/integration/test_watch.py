"""What operators watch, on a real PostgreSQL."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from scoring.errors import Code
from scoring.types import Hotkey, SubmissionId
from voice_api.db.database import Pool
from voice_api.db.operations import Watch
from voice_api.db.processes import candidacy
from voice_api.db.queue import EvaluationQueue
from voice_api.db.states import QueueName, ValidationState
from voice_api.db.validations import Validations

OpenRound = Callable[..., Awaitable[list[SubmissionId]]]
LEASE = timedelta(minutes=1)


async def test_an_idle_network_has_no_age_and_no_failures(pool: Pool) -> None:
    """Every queue is named, with nothing."""
    watch = Watch(pool)
    assert await watch.ages() == dict.fromkeys(QueueName, timedelta(0))
    assert await watch.failures() == dict.fromkeys(QueueName, 0)
    assert await watch.validations() == dict.fromkeys(ValidationState, 0)
    assert await watch.failures_today() == 0


async def test_the_age_is_that_of_the_oldest_that_is_due(pool: Pool, open_round: OpenRound) -> None:
    """Rows that wait out a pause have no age yet."""
    await open_round(submissions=3)
    async with pool.connection() as connection:
        await connection.execute("update evaluations set due_at = now() - interval '90 seconds' * id")
        await connection.execute("update evaluations set due_at = now() + interval '1 hour' where id = 3")
    ages = await Watch(pool).ages()
    assert timedelta(seconds=180) <= ages[QueueName.CPU] < timedelta(seconds=200)
    assert ages[QueueName.GPU] == timedelta(0)


async def test_a_validation_that_waits_counts_as_well(pool: Pool) -> None:
    """People wait in the same queue."""
    await Validations(pool).add(Hotkey("5Miner"), "Hello.", "A calm voice.", "a" * 64, b"RIFF")
    async with pool.connection() as connection:
        await connection.execute("update validations set due_at = now() - interval '1 minute'")
    watch = Watch(pool)
    assert (await watch.ages())[QueueName.CPU] >= timedelta(minutes=1)
    assert (await watch.validations())[ValidationState.QUEUED] == 1


async def test_what_waits_is_told_apart(pool: Pool, open_round: OpenRound) -> None:
    """By queue, by what it is, and by track, which no newcomer has yet."""
    watch = Watch(pool)
    assert await watch.waiting() == ()
    await open_round(submissions=2)
    await Validations(pool).add(Hotkey("5Miner"), "Hello.", "A calm voice.", "a" * 64, b"RIFF")
    async with pool.connection() as connection:
        await connection.execute(
            "update evaluations set due_at = now() - interval '90 seconds' * id, track = 'small' where id = 2"
        )
    found = {(row.queue, row.kind, row.track): row.age for row in await watch.waiting()}
    assert found.keys() == {
        (QueueName.CPU, "evaluations", ""),
        (QueueName.CPU, "evaluations", "small"),
        (QueueName.CPU, "validations", ""),
    }
    assert timedelta(seconds=180) <= found[QueueName.CPU, "evaluations", "small"] < timedelta(seconds=200)
    assert await watch.database_bytes() > 1_000_000


async def test_failures_are_those_of_the_worst(pool: Pool, open_round: OpenRound) -> None:
    """Per open evaluation, and per submission within 24 hours."""
    await open_round(submissions=2)
    queue = EvaluationQueue(pool)
    for _ in range(2):
        claim = await queue.claim(QueueName.CPU, "w1", LEASE)
        assert claim is not None
        await queue.hand_back(claim, Code.HUB_UNAVAILABLE, "away", timedelta(0))
        async with pool.connection() as connection:  # the other one waits, so that the same fails again
            await connection.execute(
                "update evaluations set due_at = now() + interval '1 hour' where id <> $1", claim.evaluation_id
            )
    watch = Watch(pool)
    assert (await watch.failures())[QueueName.CPU] == 2
    assert await watch.failures_today() == 2


async def test_a_leader_is_seen_while_it_leads(pool: Pool, database_url: str) -> None:
    """The lock is the dispatcher's and no other."""
    watch = Watch(pool)
    async with pool.transaction() as connection:
        await connection.execute("select pg_advisory_xact_lock(1)")
        assert not await watch.led()
    async with candidacy(database_url) as candidate:
        assert not await watch.led()
        assert await candidate.lead()
        assert await watch.led()
    assert not await watch.led()
