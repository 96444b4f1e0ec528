"""Wake-ups in RQ: jobs that say "evaluate the next due row of this queue", and nothing else. Any of them can be lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import redis
from rq import Queue
from rq.serializers import JSONSerializer
from rq.worker import BaseWorker
from rq.worker_registration import clean_worker_registry

from voice_api.db.states import QueueName
from voice_api.errors import RedisUnavailable

JOB = "workers.jobs.evaluate_next"
"""By name: this folder does not import the workers."""
_SECONDS = 5.0
_NO_LIMIT = -1
_RESULT_SECONDS = 60
_FAILURE_SECONDS = 3600
AHEAD = 500
"""Wake-ups that wait for one worker, at most: as many quick refusals as it gives between two looks of the dispatcher."""


class WakeUps:
    """The queues `cpu` and `gpu`. Every method blocks, and raises RedisUnavailable."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(url, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS)
        self._queues = {name: Queue(name.value, connection=self._redis, serializer=JSONSerializer) for name in QueueName}

    def __enter__(self) -> Self:
        """Connections are opened when they are needed."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        """Close them."""
        self._redis.close()

    def top_up(self, name: QueueName, due: int, live: int = 0) -> int:
        """Enqueue as many wake-ups as `missing` finds, and return their number.

        Workers are counted as PostgreSQL knows them (`live`), or as Redis does where it knows more: one wake-up too many says "nothing
        due", one too few leaves a worker idle.
        """
        queue = self._queues[name]
        with _named_outages():
            clean_worker_registry(queue)
            needed = missing(due, max(live, BaseWorker.count(queue=queue)), queue.count)
            for _ in range(needed):
                # A worker's lease is its limit, not RQ's alarm, which cannot stop native code anyway.
                queue.enqueue_call(
                    JOB, args=(name.value,), timeout=_NO_LIMIT, result_ttl=_RESULT_SECONDS, failure_ttl=_FAILURE_SECONDS
                )
        return needed


def missing(due: int, workers: int, waiting: int) -> int:
    """The number of wake-ups to add: one per due row, but no more than are soon taken (one, where no worker shows itself)."""
    return max(0, min(due, max(AHEAD * workers, 1)) - waiting)


@contextmanager
def _named_outages() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as exc:
        raise RedisUnavailable(f"Redis does not serve ({type(exc).__name__})") from exc
