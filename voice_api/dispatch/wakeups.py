"""Wake-ups for workers in Redis, as jobs of RQ's: sent, and tidied up when whoever took one died. Any of them can be lost."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

import redis
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.queue import EnqueueData
from rq.registry import StartedJobRegistry
from rq.serializers import JSONSerializer
from rq.utils import as_text
from rq.worker import BaseWorker
from rq.worker_registration import clean_worker_registry

from voice_api.db.states import QueueName
from voice_api.runtime.redis_state import outage

JOB = "workers.jobs.evaluate_next"
"""By name: this folder does not import the workers."""
AHEAD = 500
"""Wake-ups that wait for one worker, at most: as many quick refusals as it gives between two looks of the dispatcher."""
_AT_ONCE = 250
"""Wake-ups that are sent together: Redis serves nobody else meanwhile."""
_SECONDS = 5.0
NO_LIMIT = -1
"""A worker's lease is its limit, not RQ's alarm, which cannot stop native code anyway."""
_RESULT_SECONDS = 60
_FAILURE_SECONDS = 3600
_MARK = "voice:dispatcher:was-here"
"""A key that nothing but the loss of all keys takes away."""


def speech_queue(name: QueueName) -> str:
    """RQ's name of the queue of wake-ups for sentences: some workers take nothing else, and some take none."""
    return f"{name}-speech"


class WakeUps:
    """Wake-ups in RQ: jobs that say "evaluate the next due row of this queue", and nothing else. Any of them can be lost.

    Every method blocks, and raises RedisUnavailable.
    """

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(url, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS)
        self._marked = False
        self._queues, self._speeches = (
            {name: Queue(named(name), connection=self._redis, serializer=JSONSerializer) for name in QueueName}
            for named in (str, speech_queue)
        )

    def __enter__(self) -> Self:
        """Connections are opened when they are needed."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        """Close them."""
        self._redis.close()

    def look(self) -> tuple[bool, int]:
        """Whether Redis lost what it held since the last look, and how many wake-ups of dead workers were taken away."""
        try:
            found = bool(self._redis.exists(_MARK))
            emptied, self._marked = self._marked and not found, True
            self._redis.set(_MARK, 1)
            return emptied, sum(_tidied(queue) for queue in (*self._queues.values(), *self._speeches.values()))
        except redis.RedisError as exc:
            raise outage(exc) from exc

    def top_up(self, name: QueueName, due: int, live: int = 0, *, speech: bool = False) -> int:
        """Enqueue as many wake-ups as `missing` finds, and return their number.

        Workers are counted as PostgreSQL knows them (`live`), or as Redis does where it knows more: one wake-up too many says "nothing
        due", one too few leaves a worker idle. `speech`: for sentences, which have a queue of wake-ups of their own.
        """
        queue = (self._speeches if speech else self._queues)[name]
        try:
            clean_worker_registry(queue)
            needed = missing(due, max(live, BaseWorker.count(queue=queue)), queue.count)
            for first in range(0, needed, _AT_ONCE):
                queue.enqueue_many([_wakeup(name)] * min(_AT_ONCE, needed - first))
        except redis.RedisError as exc:
            raise outage(exc) from exc
        return needed


def missing(due: int, workers: int, waiting: int) -> int:
    """The number of wake-ups to add: one per due row, but no more than are soon taken (one, where no worker shows itself)."""
    return max(0, min(due, max(AHEAD * workers, 1)) - waiting)


def _wakeup(name: QueueName) -> EnqueueData:
    return Queue.prepare_data(JOB, args=(name.value,), timeout=NO_LIMIT, result_ttl=_RESULT_SECONDS, failure_ttl=_FAILURE_SECONDS)


def _tidied(queue: Queue) -> int:
    """Take away the wake-ups that are said to be under way by workers that Redis knows no more; the number of them.

    RQ itself would wait for their limit, and they have none.
    """
    registry, tidied = StartedJobRegistry(queue=queue), 0
    for job_id, execution in _doubtful(queue, registry.get_job_and_execution_ids(cleanup=False)):
        job = _job(job_id, queue)
        if job is not None and _is_held(job, queue):
            continue
        queue.connection.zrem(registry.key, f"{job_id}:{execution}")
        if job is not None:
            job.delete()
        tidied += 1
    return tidied


def _doubtful(queue: Queue, started: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those of them whose worker Redis does not show: all are asked for at once, as many workers have as many under way."""
    with queue.connection.pipeline(transaction=False) as asked:
        for job_id, _ in started:
            asked.hget(Job.key_for(job_id), "worker_name")
        takers = [as_text(taker or b"") for taker in asked.execute()]
        for taker in takers:
            asked.exists(f"{BaseWorker.redis_worker_namespace_prefix}{taker}")
        return [names for names, found in zip(started, asked.execute(), strict=True) if not found]


def _is_held(job: Job, queue: Queue) -> bool:
    """Whether Redis knows the worker that took a job; one that has just taken it may not be named yet."""
    taken_by = job.worker_name
    return taken_by is None or bool(queue.connection.exists(f"{BaseWorker.redis_worker_namespace_prefix}{taken_by}"))


def _job(job_id: str, queue: Queue) -> Job | None:
    try:
        return Job.fetch(job_id, connection=queue.connection, serializer=JSONSerializer)
    except NoSuchJobError:
        return None
