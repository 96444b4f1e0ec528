"""The worker process: an RQ SimpleWorker that keeps its judges, its pool and its event loop warm from job to job."""

import asyncio
import os
import signal
import socket
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import structlog
import torch
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from scoring import competition
from scoring.judges.standard.device import Device
from voice_api.db.pool import Pool, connect
from voice_api.db.queue import EvaluationQueue
from voice_api.db.submissions import Submissions
from voice_api.db.validations import Validations
from voice_api.errors import RedisUnavailable
from voice_api.keys import ServiceKey, certified
from workers import reference
from workers.audio_store import FolderStore
from workers.evaluate import Tools
from workers.hub import Hub
from workers.jobs import Bench, bench
from workers.judge_models import StandardModels
from workers.notary import Notary
from workers.panels import LastPanel
from workers.sandbox import Sandbox
from workers.settings import NotarySettings, WorkerSettings

log = structlog.get_logger()


def run(settings: WorkerSettings, burst: bool = False) -> None:
    """Work until SIGTERM (or, with `burst`, until no wake-up is left).

    Raises PlatformError when something needed is not there, or when the service key's certificate is not valid, or no longer.
    """
    torch.set_num_threads(settings.threads)
    notary = partial(notary_of, settings)
    notary()
    redis = _redis(settings)
    loop = asyncio.new_event_loop()
    pool = loop.run_until_complete(connect(settings.database_url.get_secret_value()))
    try:
        name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        queue = Queue(settings.queue.value, connection=redis, serializer=JSONSerializer)
        worker = SimpleWorker([queue], name=name, connection=redis, serializer=JSONSerializer)
        current = _bench(settings, worker, loop, pool, notary)
        bench.set(current)
        log.info("worker ready", worker=name, queue=queue.name, reference_seconds=current.tools.usual.total_seconds())
        worker.work(burst=burst, logging_level="WARNING")
    finally:
        loop.run_until_complete(pool.close())
        loop.close()
        redis.close()
    notary()


def notary_of(settings: NotarySettings) -> Notary:
    """The service key (made if there is none) with its certificate, and the store.

    Raises PlatformError: SERVICE_KEY_INVALID, or CERTIFICATE_INVALID that says how to certify the key.
    """
    signer = certified(ServiceKey.at(settings.service_key), settings.certificate, datetime.now(UTC))
    return Notary(signer, FolderStore(settings.store))


def _bench(
    settings: WorkerSettings, worker: SimpleWorker, loop: asyncio.AbstractEventLoop, pool: Pool, notary: Callable[[], Notary]
) -> Bench:
    return Bench(
        name=worker.name,
        loop=loop,
        queue=EvaluationQueue(pool),
        submissions=Submissions(pool),
        validations=Validations(pool),
        schedule=competition.load(settings.competition),
        tools=tools(settings.hub, settings.data, settings.standard_pins, settings.device),
        notary=notary,
        lease=settings.lease,
        retry=settings.retry,
        beat=partial(_beat, worker),
        retire=partial(worker.request_stop, signal.SIGTERM, None),
    )


def _beat(worker: SimpleWorker) -> None:
    """Renew the worker's registration during a long evaluation; RQ itself does so between jobs only."""
    try:
        worker.heartbeat()
    except RedisError as exc:
        log.warning("no heartbeat", error=type(exc).__name__)


def tools(hub: str, data: Path, pins: Path | None = None, device: Device = Device.CPU) -> Tools:
    """A hub client with its cache, a sandbox calibrated on this host, and judges: those of the standard profile by `pins` on `device`.

    Raises InfrastructureFault when the sandbox cannot be enforced.
    """
    sandbox = Sandbox(data / "scratch")
    panel = LastPanel(StandardModels(pins, hub, data / "judges", device))
    return Tools(Hub(hub, data / "models"), sandbox, reference.calibrate(sandbox), panel)


def _redis(settings: WorkerSettings) -> Redis:
    redis = Redis.from_url(settings.redis_url.get_secret_value())
    try:
        redis.ping()
    except RedisError as exc:
        raise RedisUnavailable() from exc
    return redis
