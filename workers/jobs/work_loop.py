"""RQ's work loop, with signals that drain, and begun again when Redis was away."""

import os
import socket
import time
import uuid
from types import FrameType
from typing import Any, assert_never

import structlog
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker.base import WorkerStatus

from voice_api.db.states import QueueName, WorkerDuty
from voice_api.dispatch.wakeups import JOB, NO_LIMIT, speech_queue
from voice_api.runtime.redis_state import outage
from workers.jobs.drain import Drain
from workers.jobs.wakeup import IDLE
from workers.jobs.wakeup_job import WakeUpJob

log = structlog.get_logger()

_PAUSE_SECONDS = 2.0


def worker_name() -> str:
    """A name that no other worker had: host, process id, and something drawn."""
    return f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


class DrainingWorker(SimpleWorker):
    """An RQ worker that is asked to stop through a Drain: RQ's own way writes to Redis, and knows no patience."""

    def __init__(self, queues: list[Queue], redis: Redis, drain: Drain) -> None:
        super().__init__(queues, name=worker_name(), connection=redis, job_class=WakeUpJob, serializer=JSONSerializer)
        self._drain = drain

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Let the job end, or the wait for one; a signal's handler."""
        del signum, frame
        is_first = not self._drain.requested
        self._drain.request()
        if is_first and self.get_state() != WorkerStatus.BUSY:
            raise StopRequested

    def request_force_stop(self, signum: int, frame: FrameType | None) -> None:
        """Ask for the end as before: the Drain counts how often."""
        self.request_stop(signum, frame)

    def execute_job(self, job: Job, queue: Queue) -> None:
        """One job, then no other if the end was asked for."""
        super().execute_job(job, queue)
        self._stop_requested = self._drain.requested


def _names(queue: QueueName, duty: WorkerDuty) -> tuple[str, ...]:
    """RQ's names of the queues of wake-ups that a worker listens to."""
    match duty:
        case WorkerDuty.ALL:
            return speech_queue(queue), queue.value
        case WorkerDuty.JUDGING:
            return (queue.value,)
        case WorkerDuty.SPEECH:
            return (speech_queue(queue),)
        case unreachable:
            assert_never(unreachable)


class WorkLoop:
    """Takes wake-ups for one queue's work and runs them, one after the other. `heartbeat` may be called from any thread."""

    def __init__(self, redis: Redis, queue: QueueName, drain: Drain, duty: WorkerDuty = WorkerDuty.ALL) -> None:
        self._redis, self._drain, self._name = redis, drain, queue
        self._queues = [
            Queue(name, connection=redis, job_class=WakeUpJob, serializer=JSONSerializer) for name in _names(queue, duty)
        ]
        self._worker: DrainingWorker | None = None

    def run(self) -> None:
        """Work until the drain is requested."""
        while not self._drain.requested:
            self._work(burst=False)
            if not self._drain.requested:
                log.warning("the work loop ended by itself, as it does without Redis: it begins again", pause=_PAUSE_SECONDS)
                time.sleep(_PAUSE_SECONDS)

    def run_off(self) -> None:
        """Work until nothing is due, with or without a wake-up; raises RedisUnavailable."""
        while not self._drain.requested:
            try:
                wakeup: Any = self._queues[-1].enqueue_call(JOB, args=(self._name.value,), timeout=NO_LIMIT)
                self._work(burst=True)
                if wakeup.return_value(refresh=True) in IDLE:
                    return
            except RedisError as exc:
                raise outage(exc) from exc

    def heartbeat(self) -> None:
        """Renew RQ's registration during a long evaluation; RQ itself does so between jobs only. Never raises."""
        try:
            if self._worker is not None:
                self._worker.heartbeat()
        except RedisError as exc:
            log.warning("no heartbeat", error=type(exc).__name__)

    def _work(self, *, burst: bool) -> None:
        try:
            self._worker = DrainingWorker(self._queues, self._redis, self._drain)
            self._worker.work(burst=burst, logging_level="WARNING")
        except RedisError as exc:
            if burst:
                raise
            away = outage(exc)
            log.warning("Redis is away", code=away.code, detail=away.detail)
