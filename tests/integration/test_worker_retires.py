"""How a worker ends: after its job, and with its certificate."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any, cast

import pytest
from redis import Redis
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from scoring.errors import Code, PlatformError
from voice_api.wakeups import JOB
from workers.jobs import Bench, bench
from workers.notary import Notary
from workers.retry import RetryRule

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture
def worker(redis_url: str) -> Iterator[SimpleWorker]:
    """A worker with two wake-ups before it; the test's own signal handlers come back after it."""
    before = [signal.getsignal(number) for number in SIGNALS]
    with Redis.from_url(redis_url) as redis:
        queue = Queue("cpu", connection=redis, serializer=JSONSerializer)
        for _ in range(2):
            queue.enqueue(JOB, "cpu")
        yield SimpleWorker([queue], name="one", connection=redis, serializer=JSONSerializer)
    for number, handler in zip(SIGNALS, before, strict=True):
        signal.signal(number, handler)


def work(worker: SimpleWorker, notary: Callable[[], Notary], retire: Callable[[], None]) -> None:
    """Work until the worker ends by itself; its jobs get no further than to their notary."""
    loop, nothing = asyncio.new_event_loop(), cast(Any, None)
    pause = timedelta(seconds=1)
    rule = RetryRule(most=1, first=pause)
    mark = bench.set(
        Bench("one", loop, nothing, nothing, nothing, nothing, nothing, notary, pause, rule, beat=lambda: None, retire=retire)
    )
    worker.work(logging_level="ERROR")
    bench.reset(mark)
    loop.close()


def expired() -> Notary:
    """The certificate ran out."""
    raise PlatformError(Code.CERTIFICATE_INVALID, "it expired")


def stopped() -> Notary:
    """SIGTERM comes in the middle of the job."""
    os.kill(os.getpid(), signal.SIGTERM)
    return expired()


@pytest.mark.timeout(30)
@pytest.mark.parametrize("by_signal", [False, True], ids=["its certificate ran out", "asked to stop"])
def test_a_worker_ends_its_job_and_then_itself(worker: SimpleWorker, by_signal: bool) -> None:
    """One job was carried to its end, the other wake-up waits for another worker."""
    if by_signal:
        work(worker, stopped, retire=lambda: None)
    else:
        work(worker, expired, retire=partial(worker.request_stop, signal.SIGTERM, None))
    (queue,) = worker.queues
    assert (queue.finished_job_registry.count, queue.failed_job_registry.count, queue.count) == (1, 0, 1)
