"""The worker process: an RQ SimpleWorker that keeps its judges, its pool and its event loop warm from job to job."""

import asyncio
import os
import socket
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path

import structlog
import torch
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from scoring import competition
from voice_api.db.pool import Pool, connect
from voice_api.db.queue import EvaluationQueue
from voice_api.db.submissions import Submissions
from voice_api.errors import RedisUnavailable
from workers import reference
from workers.evaluate import Tools
from workers.hub import Hub
from workers.jobs import Bench, bench
from workers.panels import LastPanel
from workers.sandbox import Sandbox
from workers.settings import WorkerSettings

log = structlog.get_logger()


def run(settings: WorkerSettings, burst: bool = False) -> None:
    """Work until SIGTERM (or, with `burst`, until no wake-up is left); raises PlatformError when something needed is not there."""
    torch.set_num_threads(settings.threads)
    redis = _redis(settings)
    loop = asyncio.new_event_loop()
    pool = loop.run_until_complete(connect(settings.database_url.get_secret_value()))
    try:
        name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        queue = Queue(settings.queue.value, connection=redis, serializer=JSONSerializer)
        worker = SimpleWorker([queue], name=name, connection=redis, serializer=JSONSerializer)
        current = _bench(settings, name, loop, pool, partial(_beat, worker))
        bench.set(current)
        log.info("worker ready", worker=name, queue=queue.name, reference_seconds=current.tools.usual.total_seconds())
        worker.work(burst=burst, logging_level="WARNING")
    finally:
        loop.run_until_complete(pool.close())
        loop.close()
        redis.close()


def _bench(settings: WorkerSettings, name: str, loop: asyncio.AbstractEventLoop, pool: Pool, beat: Callable[[], None]) -> Bench:
    return Bench(
        name=name,
        loop=loop,
        queue=EvaluationQueue(pool),
        submissions=Submissions(pool),
        schedule=competition.load(settings.competition),
        tools=tools(settings.hub, settings.data),
        lease=settings.lease,
        retry=settings.retry,
        beat=beat,
    )


def _beat(worker: SimpleWorker) -> None:
    """Renew the worker's registration during a long evaluation; RQ itself does so between jobs only."""
    try:
        worker.heartbeat()
    except RedisError as exc:
        log.warning("no heartbeat", error=type(exc).__name__)


def tools(hub: str, data: Path) -> Tools:
    """A hub client with its cache, and a sandbox calibrated on this host; raises InfrastructureFault when it cannot be enforced."""
    sandbox = Sandbox(data / "scratch")
    return Tools(Hub(hub, data / "models"), sandbox, reference.calibrate(sandbox), LastPanel())


def _redis(settings: WorkerSettings) -> Redis:
    redis = Redis.from_url(settings.redis_url.get_secret_value())
    try:
        redis.ping()
    except RedisError as exc:
        raise RedisUnavailable() from exc
    return redis
