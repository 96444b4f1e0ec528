"""How a worker ends: after its job, with its certificate, and when nothing is due."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisGone
from rq import Callback, Queue
from rq.serializers import JSONSerializer
from rq.webhook import Webhook
from structlog.testing import capture_logs

from scoring.errors import Code, PlatformError
from voice_api.db.states import QueueName
from voice_api.dispatch.wakeups import JOB
from voice_api.errors import RedisUnavailable
from workers.evaluation.receipt_signer import ReceiptSigner
from workers.jobs.context import Database, Judging, Patience, WorkerContext, worker_context
from workers.jobs.drain import Drain
from workers.jobs.failures import RetryRule
from workers.jobs.wakeup_job import WakeUpJob
from workers.jobs.work_loop import WorkLoop
from workers.main import background_loop

SIGNALS = (signal.SIGINT, signal.SIGTERM)
PAUSE = timedelta(seconds=1)
NOTHING = cast(Any, None)


class Dry:
    """Queues in which nothing is due, or something for the first few times."""

    def __init__(self, due: int = 0) -> None:
        self.due, self.asked = due, 0

    async def claim(self, *_arguments: object) -> None:
        """A worker asked."""
        self.asked += 1
        if self.asked <= self.due:
            raise ArithmeticError("a job that fails")


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    """Redis with two wake-ups; the test's own signal handlers come back after it."""
    before = [signal.getsignal(number) for number in SIGNALS]
    with Redis.from_url(redis_url) as client:
        queue = Queue("cpu", connection=client, serializer=JSONSerializer)
        for _ in range(2):
            queue.enqueue(JOB, "cpu")
        yield client
    for number, handler in zip(SIGNALS, before, strict=True):
        signal.signal(number, handler)


@contextmanager
def in_a_context(receipt_signer: Callable[[], ReceiptSigner], drain: Drain, queue: object = None) -> Iterator[None]:
    """Jobs get no further than to their receipt_signer, or to a queue in which nothing is due."""
    with background_loop() as loop:
        rule = RetryRule(max_retries=1, first=PAUSE)
        dry = cast(Any, Dry())
        rows = Database(loop=loop, queue=cast(Any, queue), submissions=NOTHING, copies=NOTHING, validations=dry, speeches=dry)
        mark = worker_context.set(
            WorkerContext(
                name="one",
                database=rows,
                judging=Judging(NOTHING, NOTHING, receipt_signer),
                patience=Patience(PAUSE, rule),
                heartbeat=lambda: None,
                drain=drain,
            )
        )
        yield
        worker_context.reset(mark)


def counts(redis: Redis) -> tuple[int, int, int]:
    """Finished, failed, and waiting wake-ups."""
    queue = Queue("cpu", connection=redis, serializer=JSONSerializer)
    return queue.finished_job_registry.count, queue.failed_job_registry.count, queue.count


def expired() -> ReceiptSigner:
    """The certificate ran out."""
    raise PlatformError(Code.CERTIFICATE_INVALID, "it expired")


def certified() -> ReceiptSigner:
    """There is one."""
    return cast(ReceiptSigner, None)


@pytest.mark.timeout(30)
def test_without_a_certificate_a_worker_ends_its_job_and_then_itself(redis: Redis) -> None:
    """One job was carried to its end, the other wake-up waits for another worker."""
    drain = Drain()
    with in_a_context(expired, drain):
        WorkLoop(redis, QueueName.CPU, drain).run()
    assert counts(redis) == (1, 0, 1)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_ends_a_worker_after_its_job(redis: Redis, number: signal.Signals) -> None:
    """It comes in the middle of the first, and another thread may receive it; nothing was claimed after it."""
    drain, queue = Drain(), Dry()

    def asked() -> ReceiptSigner:
        signal.pthread_kill(threading.get_ident(), number)
        while not drain.requested:
            time.sleep(0.01)
        return certified()

    with in_a_context(asked, drain, queue):
        WorkLoop(redis, QueueName.CPU, drain).run()
    assert (counts(redis), drain.overdue) == ((1, 0, 1), False)


@pytest.mark.timeout(30)
def test_a_second_signal_is_heard_as_such(redis: Redis) -> None:
    """RQ itself would end the process there and then, with its job."""
    drain = Drain()

    def asked() -> ReceiptSigner:
        for heard in ("requested", "overdue"):
            signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
            while not getattr(drain, heard):
                time.sleep(0.01)
        return certified()

    with in_a_context(asked, drain, Dry()):
        WorkLoop(redis, QueueName.CPU, drain).run()
    assert (counts(redis), drain.overdue) == ((1, 0, 1), True)


@pytest.mark.timeout(30)
def test_an_idle_worker_ends_at_once(redis: Redis) -> None:
    """It waits for wake-ups when the signal comes."""
    drain, queue = Drain(), Dry()
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGTERM)).start()
    began = time.monotonic()
    with in_a_context(certified, drain, queue):
        WorkLoop(redis, QueueName.CPU, drain).run()
    assert (counts(redis), queue.asked, time.monotonic() - began < 10) == ((2, 0, 0), 2, True)


@pytest.mark.timeout(30)
def test_a_burst_ends_when_nothing_is_due(redis: Redis) -> None:
    """It takes the wake-ups that wait, enqueues one for itself after them, and goes on after a job that failed."""
    drain, queue = Drain(), Dry(due=3)
    with in_a_context(certified, drain, queue):
        WorkLoop(redis, QueueName.CPU, drain).run_off()
    finished, failed, waiting = counts(redis)
    assert (failed, waiting, queue.asked) == (3, 0, finished + failed)
    assert not drain.requested


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        pytest.param("os.mkdir", ("{mark}",), id="another function"),
        pytest.param(JOB, ("cpu", "more"), id="other arguments"),
        pytest.param(JOB, ("no queue",), id="no queue of ours"),
    ],
)
def test_a_job_that_is_no_wake_up_is_refused(redis: Redis, tmp_path: Path, function: str, arguments: tuple[str, ...]) -> None:
    """Whoever can write into Redis, as a host that was taken over, does not choose what runs on others; the worker goes on."""
    mark, queue = tmp_path / "mark", Queue("cpu", connection=redis, serializer=JSONSerializer)
    foreign = queue.enqueue_call(function, args=tuple(each.format(mark=mark) for each in arguments))
    drain, dry = Drain(), Dry()
    with in_a_context(certified, drain, dry), capture_logs() as logs:
        WorkLoop(redis, QueueName.CPU, drain).run_off()
    assert (mark.exists(), foreign.return_value(refresh=True)) == (False, "refused")
    assert [(line["log_level"], line["job"]) for line in logs if "is no wake-up was refused" in line["event"]] == [
        ("error", foreign.id)
    ]
    assert dry.asked == 3


def test_what_a_wake_up_asks_for_beside_itself_is_not_read(redis: Redis) -> None:
    """Functions that RQ would call afterwards, addresses that it would tell, other jobs, and a limit that would break an evaluation off."""
    queue = Queue("cpu", connection=redis, serializer=JSONSerializer)
    asked = queue.enqueue_call(
        JOB,
        args=("cpu",),
        timeout=1,
        on_success=Callback("os.getpid"),
        on_failure=Callback("os.getpid"),
        on_stopped=Callback("os.getpid"),
        webhooks=[Webhook("http://127.0.0.1:9/", "finished")],
    )
    read = WakeUpJob.fetch(asked.id, connection=redis, serializer=JSONSerializer)
    assert (read.success_callback, read.failure_callback, read.stopped_callback) == (None, None, None)
    assert (read.webhooks, read.timeout, read.args) == ([], -1, ["cpu"])


@pytest.mark.timeout(30)
def test_a_burst_without_redis_says_so(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of waiting for it."""

    def gone(*_arguments: object, **_options: object) -> None:
        raise RedisGone

    monkeypatch.setattr(redis, "execute_command", gone)
    with pytest.raises(RedisUnavailable):
        WorkLoop(redis, QueueName.CPU, Drain()).run_off()
