"""The worker process: RQ's work loop, and everything that it keeps warm from job to job."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import structlog
import torch
from redis import Redis
from redis.exceptions import RedisError

from scoring import competition
from scoring.judges.standard.device import Device
from voice_api.db.pool import Pool, connect
from voice_api.db.queue import EvaluationQueue
from voice_api.db.submissions import Submissions
from voice_api.db.validations import Validations
from voice_api.db.workers import Workers
from voice_api.errors import RedisUnavailable
from voice_api.keys import ServiceKey, certified
from voice_api.runtime import reachable
from voice_api.runtime.process_metrics import exposed
from voice_api.settings import MetricsSettings
from workers.evaluation.audio_store import FolderStore
from workers.evaluation.evaluate import Tools
from workers.evaluation.judge_models import StandardModels
from workers.evaluation.panels import LastPanel
from workers.evaluation.sign import ReceiptSigner
from workers.hub.client import Hub
from workers.jobs.background_loop import background_loop
from workers.jobs.context import WorkerContext, worker_context
from workers.jobs.drain import Drain
from workers.jobs.presence import Presence
from workers.jobs.work_loop import WorkLoop, worker_name
from workers.sandbox import reference_guest
from workers.sandbox.sandbox import Sandbox
from workers.settings import ReceiptSignerSettings, WorkerSettings

log = structlog.get_logger()
T = TypeVar("T")


def run(settings: WorkerSettings, burst: bool = False, shown: MetricsSettings | None = None) -> None:
    """Work until SIGTERM (or, with `burst`, until nothing is due), and show the worker's numbers where `shown` says.

    It starts once PostgreSQL and Redis answer; a burst waits for nothing. Raises PlatformError when something needed is not there,
    or when the service key's certificate is not valid, or no longer.
    """
    torch.set_num_threads(settings.threads)
    receipt_signer = partial(receipt_signer_of, settings)
    receipt_signer()
    if not burst:
        reachable.hold(settings.database_url.get_secret_value(), settings.redis_url.get_secret_value())
    drain, gave_up = Drain(settings.drain), GaveUp()
    with _redis(settings) as redis, background_loop() as loop, _pool(settings, loop) as pool:
        work_loop = WorkLoop(redis, settings.queue, drain)
        current = replace(
            _context(settings, loop, pool, receipt_signer),
            heartbeat=work_loop.heartbeat,
            drain=drain,
            retire=drain.request,
            give_up=partial(gave_up, drain),
        )
        worker_context.set(current)
        log.info(
            "worker ready",
            worker=current.name,
            host=current.host,
            queue=settings.queue.value,
            reference_seconds=current.tools.usual.total_seconds(),
        )
        host, port = ("", 0) if shown is None else (shown.host, shown.port)
        with (
            exposed(current.metrics.registry, host, port),
            _present(Presence(Workers(pool), current, settings.queue), loop),
        ):
            (work_loop.run_off if burst else work_loop.run)()
    gave_up.end_process()
    receipt_signer()
    log.info("worker ends", worker=current.name, why="asked to stop" if drain.requested else "nothing is due")


def receipt_signer_of(settings: ReceiptSignerSettings) -> ReceiptSigner:
    """The service key (made if there is none) with its certificate, and the store.

    Raises PlatformError: SERVICE_KEY_INVALID, or CERTIFICATE_INVALID that says how to certify the key.
    """
    signer = certified(ServiceKey.at(settings.service_key), settings.certificate, datetime.now(UTC))
    return ReceiptSigner(signer, FolderStore(settings.store))


class GaveUp:
    """Whether a thread was left behind that does not end; then Python would wait for it for ever."""

    def __init__(self) -> None:
        self._status: int | None = None

    def __call__(self, drain: Drain) -> None:
        """End the process after the job: in good order if that was asked for anyway, else as a failure."""
        if self._status is None:
            self._status = 0 if drain.requested else 1
        drain.request()

    def end_process(self) -> None:
        """Leave without that thread, if there is one."""
        if self._status is not None:
            log.warning("worker ends without its thread", status=self._status)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(self._status)


def _context(
    settings: WorkerSettings, loop: asyncio.AbstractEventLoop, pool: Pool, receipt_signer: Callable[[], ReceiptSigner]
) -> WorkerContext:
    """As the settings say; what it tells this process is not connected yet."""
    return WorkerContext(
        name=worker_name(),
        loop=loop,
        queue=EvaluationQueue(pool, settings.retry_daily),
        submissions=Submissions(pool),
        validations=Validations(pool),
        schedule=competition.load(settings.competition),
        tools=tools(settings.hub, settings.data, settings.standard_pins, settings.device, settings.cache_bytes),
        receipt_signer=receipt_signer,
        lease=settings.lease,
        retry=settings.retry,
        heartbeat=lambda: None,
        retire=lambda: None,
        host=settings.host,
        confirm=settings.confirm,
    )


def tools(hub: str, data: Path, pins: Path | None = None, device: Device = Device.CPU, cache_bytes: int | None = None) -> Tools:
    """A hub client with its cache, a sandbox calibrated on this host, and judges: those of the standard profile by `pins` on `device`.

    Raises InfrastructureFault when the sandbox cannot be enforced.
    """
    sandbox = Sandbox(data / "scratch")
    panel = LastPanel(StandardModels(pins, hub, data / "judges", device))
    return Tools(Hub(hub, data / "models", cache_bytes=cache_bytes), sandbox, reference_guest.calibrate(sandbox), panel)


@contextmanager
def _redis(settings: WorkerSettings) -> Iterator[Redis]:
    with Redis.from_url(settings.redis_url.get_secret_value()) as redis:
        try:
            redis.ping()
        except RedisError as exc:
            raise RedisUnavailable() from exc
        yield redis


@contextmanager
def _pool(settings: WorkerSettings, loop: asyncio.AbstractEventLoop) -> Iterator[Pool]:
    pool = _on(loop, connect(settings.database_url.get_secret_value()))
    try:
        yield pool
    finally:
        _on(loop, pool.close())


@contextmanager
def _present(presence: Presence, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    _on(loop, presence.heartbeat())
    signs = asyncio.run_coroutine_threadsafe(presence.keep(), loop)
    try:
        yield
    finally:
        signs.cancel()
        _on(loop, presence.leave())


def _on(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run_coroutine_threadsafe(work, loop).result()
