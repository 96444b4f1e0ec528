"""The dispatcher with a real PostgreSQL, Redis and RQ worker."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from redis import Redis
from rq import Queue, SimpleWorker
from rq.registry import StartedJobRegistry
from rq.serializers import JSONSerializer
from rq.utils import import_attribute
from structlog.testing import capture_logs

from neurons.localnet.services import start_redis
from neurons.shutdown import Shutdown
from scoring.errors import Code
from scoring.types import Hotkey, SubmissionId
from tests.builders.speeches import BUDGET, TIMES, a_voice, scored
from tests.builders.workers import a_worker
from voice_api.db.database import Pool, connect, connection_to, open_pool
from voice_api.db.evaluations import Verdict
from voice_api.db.idempotency import Attempt, Idempotency, StoredAnswer
from voice_api.db.operations import Operations
from voice_api.db.processes import Workers, candidacy
from voice_api.db.queue import RETRY_BUDGET, EvaluationQueue, RetryBudget
from voice_api.db.rounds import NewRound, RoundEntry, Rounds
from voice_api.db.speeches import Speeches
from voice_api.db.states import ParkedWhy, QueueName, SpeechState, ValidationState
from voice_api.db.submissions import NewSubmission, Submissions
from voice_api.db.validations import Validations
from voice_api.dispatch import dispatcher
from voice_api.dispatch.wakeups import AHEAD, JOB, WakeUps, missing
from voice_api.runtime.process_metrics import DispatcherMetrics
from voice_api.settings import DispatcherSettings
from workers import jobs
from workers.jobs.context import worker_context
from workers.jobs.failures import RetryRule
from workers.main import background_loop

OpenRound = Callable[..., Awaitable[list[SubmissionId]]]
LEASE = timedelta(minutes=1)
PATIENCE = 20.0


@pytest.fixture
def redis(redis_url: str) -> Redis:
    """This test's Redis."""
    return Redis.from_url(redis_url)


@pytest.fixture
def settings(database_url: str, redis_url: str) -> DispatcherSettings:
    """A dispatcher that looks often."""
    return DispatcherSettings(database_url=SecretStr(database_url), redis_url=SecretStr(redis_url), pause=0.1)


@asynccontextmanager
async def dispatching(
    settings: DispatcherSettings, metrics: DispatcherMetrics | None = None, budget: RetryBudget = RETRY_BUDGET
) -> AsyncIterator[None]:
    """Run a dispatcher for as long as the context lasts."""
    stop = Shutdown()
    process = asyncio.create_task(dispatcher.run(settings, stop, metrics, budget))
    try:
        yield
    finally:
        stop.request()
        await process


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition, within reason."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110  # another process changes what is waited for
            await asyncio.sleep(0.02)


def rq_queue(redis: Redis, name: str = "cpu") -> Queue:
    """A queue as a worker sees it."""
    return Queue(name, connection=redis, serializer=JSONSerializer)


@pytest.mark.parametrize(
    ("due", "workers", "waiting", "expected"),
    [
        pytest.param(0, 4, 0, 0, id="nothing due"),
        pytest.param(3, 4, 0, 3, id="one per due row"),
        pytest.param(9_000, 4, 0, 4 * AHEAD, id="no more than are soon taken"),
        pytest.param(9, 4, 3, 6, id="those that wait count"),
        pytest.param(9, 4, 12, 0, id="more wait than needed"),
        pytest.param(9, 0, 0, 1, id="no worker shows itself"),
    ],
)
def test_missing_wakeups(due: int, workers: int, waiting: int, expected: int) -> None:
    """Enough wake-ups for what is due and who can take it."""
    assert missing(due, workers, waiting) == expected


def test_wakeup_is_json_without_an_evaluation(redis_url: str, redis: Redis) -> None:
    """A wake-up names the job and the queue, in JSON, and has no time limit of RQ's."""
    with WakeUps(redis_url) as sender:
        assert sender.top_up(QueueName.GPU, due=5) == 1
        assert sender.top_up(QueueName.GPU, due=5) == 0
    (job,) = rq_queue(redis, "gpu").jobs
    assert (job.func_name, job.args, job.kwargs, job.timeout) == ("workers.jobs.evaluate_next", ["gpu"], {}, -1)


def test_wakeups_follow_the_workers_that_live(redis_url: str, redis: Redis) -> None:
    """Workers that only PostgreSQL knows count, because Redis forgets."""
    with WakeUps(redis_url) as sender:
        assert sender.top_up(QueueName.CPU, due=5, live=3) == 5
        assert sender.top_up(QueueName.CPU, due=5, live=3) == 0


def test_job_resolves() -> None:
    """The job's name, which the dispatcher knows as a string only, is a function of the workers'."""
    assert import_attribute(JOB) is jobs.evaluate_next


async def test_due_rows_are_followed_by_wakeups(settings: DispatcherSettings, redis: Redis, open_round: OpenRound) -> None:
    """A new round enqueues a wake-up at once, and one that was taken is followed by the next while rows are due."""
    async with dispatching(settings):
        await open_round(submissions=3)
        await until(lambda: enqueued(redis, 1))
        redis.delete(rq_queue(redis).key)
        await until(lambda: enqueued(redis, 1))


async def test_flushed_redis_is_filled_again(settings: DispatcherSettings, redis: Redis, open_round: OpenRound) -> None:
    """Redis may lose everything: what is due is in PostgreSQL."""
    await open_round()
    async with dispatching(settings):
        await until(lambda: enqueued(redis, 1))
        redis.flushdb()
        await until(lambda: enqueued(redis, 1))


async def test_a_redis_that_lost_what_it_held_is_told_once(settings: DispatcherSettings, redis: Redis) -> None:
    """Not at the first look, which finds nothing either; then at each loss, in the numbers and in one line of the log."""
    metrics = DispatcherMetrics()

    async def emptied(times: int) -> bool:
        return metrics.registry.get_sample_value("voice_redis_emptied_total") == times

    with capture_logs() as logs:
        async with dispatching(settings, metrics):
            await until(lambda: shown_as(metrics, "voice_redis_up", 1))
            await asyncio.sleep(0.3)
            assert await emptied(0)
            redis.flushall()
            await until(lambda: emptied(1))
            await asyncio.sleep(0.3)
            assert await emptied(1)
    assert [entry["event"] for entry in logs].count("redis was emptied: what is due is announced again") == 1


async def test_a_redis_that_is_away_is_shown(settings: DispatcherSettings, tmp_path: Path) -> None:
    """While it serves nobody its number is 0."""
    away = settings.model_copy(update={"redis_url": SecretStr(f"unix://{tmp_path}/none.sock")})
    metrics = DispatcherMetrics()
    async with dispatching(away, metrics):
        await until(lambda: shown_as(metrics, "voice_redis_up", 0))


async def shown_as(metrics: DispatcherMetrics, name: str, number: float) -> bool:
    """Whether a number is shown."""
    return metrics.registry.get_sample_value(name) == number


HANG = """
import sys, time
from redis import Redis
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer
connection = Redis.from_url(sys.argv[1])
how = {"connection": connection, "serializer": JSONSerializer}
SimpleWorker([Queue("cpu", **how)], **how).work(logging_level="ERROR")
"""


async def test_what_a_killed_worker_left_is_tidied(settings: DispatcherSettings, redis: Redis, redis_url: str) -> None:
    """A real worker takes a wake-up and is killed; once Redis has forgotten the worker, it forgets that the wake-up is under way."""
    queue = rq_queue(redis)
    taken = queue.enqueue_call("time.sleep", args=(600,), timeout=-1)
    worker = await asyncio.create_subprocess_exec(sys.executable, "-c", HANG, redis_url)
    registry = StartedJobRegistry(queue=queue)

    async def under_way(*names: str) -> bool:
        return [name for name, _ in registry.get_job_and_execution_ids(cleanup=False)] == list(names)

    try:
        await until(lambda: under_way(taken.id))
        with WakeUps(redis_url) as wakeups:
            assert wakeups.look() == (False, 0), "the worker lives"
    finally:
        worker.kill()
        await worker.wait()
    for key in redis.keys("rq:worker:*"):
        redis.pexpire(key, 1)  # as Redis does some minutes after the last sign of life
    metrics = DispatcherMetrics()
    async with dispatching(settings, metrics):
        await until(lambda: shown_as(metrics, "voice_dispatcher_tidied_total", 1))
    assert await under_way()
    assert redis.keys(f"rq:job:{taken.id}*") == []
    assert SimpleWorker.count(queue=queue) == 0


def test_only_what_dead_workers_left_is_taken_away(redis: Redis, redis_url: str) -> None:
    """Of three wake-ups under way: one of a worker that Redis shows, one of a worker that it forgot, one that is no job any more."""
    queue, registry = rq_queue(redis), StartedJobRegistry(queue=rq_queue(redis))
    taken = {name: queue.enqueue_call("time.sleep", args=(600,), timeout=-1) for name in ("alive", "dead", "gone")}
    for name, job in taken.items():
        redis.hset(job.key, "worker_name", name)
        redis.zadd(registry.key, {f"{job.id}:1": 9e9})
    redis.set("rq:worker:alive", 1)
    redis.delete(taken["gone"].key)
    with WakeUps(redis_url) as wakeups:
        assert wakeups.look() == (False, 2)
    assert registry.get_job_and_execution_ids(cleanup=False) == [(taken["alive"].id, "1")]
    assert (redis.exists(taken["alive"].key), redis.exists(taken["dead"].key)) == (1, 0)


async def test_expired_lease_comes_back(settings: DispatcherSettings, redis: Redis, pool: Pool, open_round: OpenRound) -> None:
    """An evaluation whose worker fell silent is due again, and a wake-up is enqueued for it."""
    await open_round()
    assert await EvaluationQueue(pool).claim(QueueName.CPU, "silent", timedelta(milliseconds=50))
    async with dispatching(settings):
        await until(lambda: enqueued(redis, 1))
    claim = await EvaluationQueue(pool).claim(QueueName.CPU, "w2", LEASE)
    assert claim is not None
    assert (claim.attempt, claim.failures) == (2, 1)


async def test_expired_validation_comes_back(settings: DispatcherSettings, redis: Redis, pool: Pool) -> None:
    """A recording whose worker fell silent is due again, and a wake-up is enqueued for it."""
    validations = Validations(pool)
    key = await validations.add(Hotkey("5Miner"), "Hello.", "A calm voice.", "a" * 64, b"RIFF")
    assert await validations.claim(QueueName.CPU, "silent", timedelta(milliseconds=50))
    metrics = DispatcherMetrics()
    async with dispatching(settings, metrics):
        await until(lambda: enqueued(redis, 1))
    assert (await validations.get(key)).state is ValidationState.QUEUED
    assert metrics.registry.get_sample_value("voice_dispatcher_leases_expired_total", {"of": "validations"}) == 1


async def test_a_sentence_is_announced_ended_in_time_and_forgotten(
    settings: DispatcherSettings,
    redis: Redis,
    pool: Pool,
    new_submission: Callable[..., NewSubmission],
    new_round: Callable[..., NewRound],
    verdict: Callable[..., Verdict],
) -> None:
    """A wake-up is enqueued for those who speak; one whose time is over fails, and what was kept long enough is deleted."""
    voice = await a_voice(pool, await scored(pool, new_submission(), new_round(3), verdict()))
    speeches, metrics = Speeches(pool), DispatcherMetrics()
    late, old, waiting = [await speeches.add("Hello.", "", voice, budget=BUDGET, times=TIMES) for _ in range(3)]
    claim = await speeches.claim(QueueName.CPU, "w1", LEASE)
    assert claim is not None and claim.id == late
    async with pool.connection() as connection:
        await connection.execute("update speeches set deadline_at = now() where id = $1", late)
        await connection.execute("update speeches set state = 'failed', code = 2202, finished_at = now() where id = $1", old)
        await connection.execute(
            "update speeches set deadline_at = now() - interval '1 s', expires_at = now() where id = $1", old
        )

    async def is_gone() -> bool:
        async with pool.connection() as connection:
            return not await connection.fetchval("select count(*) from speeches where id = $1", old)

    async with dispatching(settings, metrics):
        await until(lambda: enqueued(redis, 1, "cpu-speech"))
        await until(is_gone)
    assert not rq_queue(redis).count, "who judges is not woken"
    assert ((await speeches.get(late)).code, (await speeches.get(waiting)).state) == (Code.SPEECH_LATE, SpeechState.QUEUED)
    assert metrics.registry.get_sample_value("voice_dispatcher_leases_expired_total", {"of": "speeches"}) == 1


async def test_used_up_budget_parks(settings: DispatcherSettings, pool: Pool, open_round: OpenRound) -> None:
    """With one failure a day allowed, the first lease that runs out parks the evaluation, for an operator to see."""
    [submission] = await open_round()
    assert await EvaluationQueue(pool).claim(QueueName.CPU, "silent", timedelta(milliseconds=50))
    metrics = DispatcherMetrics()
    async with dispatching(settings, metrics, RetryBudget(per_day=1)):

        async def parked() -> bool:
            return len(await Operations(pool).stuck()) == 1

        await until(parked)

        async def shown() -> bool:
            return metrics.registry.get_sample_value("voice_retries_left_today") == 0

        await until(shown)
    (stuck,) = await Operations(pool).stuck()
    assert (stuck.submission_id, stuck.parked_why, stuck.code) == (submission, ParkedWhy.BUDGET, Code.LEASE_EXPIRED)


async def test_wakeups_follow_live_workers(settings: DispatcherSettings, redis: Redis, pool: Pool, open_round: OpenRound) -> None:
    """A worker that drains is as good as none: one wake-up waits. For one that lives there is one for each due row."""
    workers = Workers(pool)
    await workers.heartbeat("w1", "host-1", QueueName.CPU, None, True)
    await open_round(submissions=4)
    metrics = DispatcherMetrics()
    async with dispatching(settings, metrics):
        await until(lambda: enqueued(redis, 1))
        await asyncio.sleep(0.3)
        assert await enqueued(redis, 1)
        await workers.heartbeat("w2", "host-1", QueueName.CPU, None, False)
        await until(lambda: enqueued(redis, 4))
    value = metrics.registry.get_sample_value
    assert value("voice_dispatcher_wakeups_total", {"queue": "cpu"}) == 4
    assert (value("voice_ticks_total", {"outcome": "done"}) or 0) >= 2
    assert value("voice_retries_left", {"queue": "cpu"}) == RETRY_BUDGET.per_evaluation


async def test_old_answers_are_forgotten(settings: DispatcherSettings, pool: Pool) -> None:
    """An answer kept for longer than a day goes; a younger one stays."""
    idempotency = Idempotency(pool)
    for key in ("old", "young"):
        async with idempotency.begin(Hotkey("5Writer"), key, "hash") as begun:
            assert isinstance(begun, Attempt)
            await begun.answer(StoredAnswer(200, "{}"))
    async with pool.connection() as connection:
        await connection.execute("update idempotency set at = now() - interval '25 hours' where key = 'old'")

        async def only_young() -> bool:
            rows = await connection.fetch("select key from idempotency")
            return [row["key"] for row in rows] == ["young"]

        async with dispatching(settings):
            await until(only_young)


async def test_the_leader_shows_itself(settings: DispatcherSettings, database_url: str) -> None:
    """Of two dispatchers one says that it leads, and stops saying so when it ends."""
    first, second = DispatcherMetrics(), DispatcherMetrics()
    async with dispatching(settings, first):
        await until(lambda: leading(database_url))
        async with dispatching(settings, second):
            await asyncio.sleep(0.3)
            assert [metrics.registry.get_sample_value("voice_dispatcher_leading") for metrics in (first, second)] == [1, 0]
    assert first.registry.get_sample_value("voice_dispatcher_leading") == 0


async def test_one_leads_and_the_next_takes_over(database_url: str) -> None:
    """Of two candidates one leads; when its connection ends, the other does."""
    async with candidacy(database_url) as second:
        async with candidacy(database_url) as first:
            assert (await first.lead(), await second.lead(), await first.lead()) == (True, False, True)

        async def takes_over() -> bool:
            return await second.lead()

        await until(takes_over)


async def test_second_dispatcher_rings_for_nothing_more(
    settings: DispatcherSettings, redis: Redis, open_round: OpenRound
) -> None:
    """Two dispatchers keep one wake-up, not two, and name one leader."""
    await open_round(submissions=3)
    with capture_logs() as logs:
        async with dispatching(settings), dispatching(settings):
            await until(lambda: enqueued(redis, 1))
            await asyncio.sleep(0.5)
            assert rq_queue(redis).count == 1
    assert [entry["event"] for entry in logs].count("leading") == 1


async def test_lost_database_connection_is_opened_again(
    settings: DispatcherSettings, redis: Redis, database_url: str, open_round: OpenRound
) -> None:
    """When PostgreSQL ends its connections, the dispatcher leads again, and enqueues wake-ups for what became due meanwhile."""
    async with dispatching(settings):
        await until(lambda: leading(database_url))
        async with connection_to(database_url) as connection:
            await connection.execute("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'")
        await open_round()
        await until(lambda: enqueued(redis, 1))
        await until(lambda: leading(database_url))


async def test_redis_that_comes_later_gets_wakeups(database_url: str, tmp_path: Path, open_round: OpenRound) -> None:
    """Without Redis the dispatcher waits, and enqueues wake-ups as soon as it is there."""
    await open_round()
    socket = tmp_path / "redis" / "redis.sock"
    settings = DispatcherSettings(database_url=SecretStr(database_url), redis_url=SecretStr(f"unix://{socket}"), pause=0.1)
    with capture_logs() as logs:
        async with dispatching(settings):

            async def noticed() -> bool:
                return "redis unavailable" in [entry["event"] for entry in logs]

            await until(noticed)
            service = await asyncio.to_thread(start_redis, tmp_path / "redis")
            try:
                with Redis.from_url(service.url) as redis:
                    await until(lambda: enqueued(redis, 1))
            finally:
                await asyncio.to_thread(service.stop)


def test_every_row_is_worked_once_though_redis_is_flushed(
    settings: DispatcherSettings,
    redis: Redis,
    new_round: Callable[..., NewRound],
    new_submission: Callable[..., NewSubmission],
) -> None:
    """Dispatcher, RQ and a worker in burst mode carry every row through, once, though Redis is emptied between."""
    asyncio.run(seed(settings, new_round(3), [new_submission() for _ in range(3)]))
    for _ in range(3):
        asyncio.run(dispatch_until_woken(settings, redis))
        redis.flushdb()
        asyncio.run(dispatch_until_woken(settings, redis))
        burst(settings, redis)
    assert asyncio.run(attempts(settings)) == [("parked", 1)] * 3


async def enqueued(redis: Redis, count: int, name: str = "cpu") -> bool:
    """Whether so many wake-ups wait."""
    return bool(rq_queue(redis, name).count == count)


async def leading(url: str) -> bool:
    """Somebody holds the lead."""
    async with connection_to(url) as connection:
        return bool(await connection.fetchval("select count(*) from pg_locks where locktype = 'advisory' and granted"))


async def seed(settings: DispatcherSettings, opened: NewRound, submissions: list[NewSubmission]) -> None:
    """Open a round that asks for the submissions."""
    async with open_pool(settings.database_url.get_secret_value()) as pool:
        ids = await Submissions(pool).add(submissions)
        assert await Rounds(pool).open(opened, [RoundEntry(key, None, QueueName.CPU, 0) for key in ids])


async def dispatch_until_woken(settings: DispatcherSettings, redis: Redis) -> None:
    """Run a dispatcher until a wake-up waits."""
    async with dispatching(settings):
        await until(lambda: enqueued(redis, 1))


def burst(settings: DispatcherSettings, redis: Redis) -> None:
    """Let a real RQ worker take every wake-up; its competition is not the round's, so that each row is parked unjudged."""
    with background_loop() as loop:
        opened = connect(settings.database_url.get_secret_value())
        pool = asyncio.run_coroutine_threadsafe(opened, loop).result()
        context = a_worker(pool, loop=loop, lease=LEASE, retry=RetryRule(0, LEASE))
        token = worker_context.set(context)
        try:
            SimpleWorker([rq_queue(redis)], connection=redis, serializer=JSONSerializer).work(burst=True, logging_level="ERROR")
        finally:
            worker_context.reset(token)
            asyncio.run_coroutine_threadsafe(pool.close(), loop).result()


async def attempts(settings: DispatcherSettings) -> list[tuple[str, int]]:
    """Where each evaluation stands, and how often it was claimed."""
    async with connection_to(settings.database_url.get_secret_value()) as connection:
        rows = await connection.fetch("select state, attempt from evaluations order by id")
    return [tuple(row) for row in rows]
