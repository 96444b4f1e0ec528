"""The worker process: RQ's work loop, and everything that it keeps warm from job to job."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import structlog
import torch
from redis import Redis
from redis.exceptions import RedisError

from scoring import competition
from scoring.errors import Code, PlatformError
from scoring.judges import weights
from scoring.receipts.certificate import CertificateInvalid
from scoring.receipts.store import COMPETITIONS
from voice_api.db.copies import NearCopies
from voice_api.db.database import Pool, connect
from voice_api.db.processes import Workers
from voice_api.db.queue import RETRY_BUDGET, EvaluationQueue, RetryBudget
from voice_api.db.speeches import Speeches
from voice_api.db.states import QueueName
from voice_api.db.submissions import Submissions
from voice_api.db.validations import Validations
from voice_api.keys import ServiceKey, certified, read_certificate
from voice_api.runtime import reachable
from voice_api.runtime.disks import show_disks
from voice_api.runtime.process_metrics import exposed
from voice_api.runtime.redis_state import outage
from voice_api.runtime.worker_metrics import WorkerMetrics
from voice_api.settings import MetricsSettings
from workers.evaluation.audio_store import EvidenceStore
from workers.evaluation.environments import EnvironmentStore
from workers.evaluation.receipt_signer import ReceiptSigner
from workers.evaluation.tools import open_tools
from workers.jobs.context import Database, Judging, Patience, WorkerContext, worker_context
from workers.jobs.drain import Drain
from workers.jobs.failures import RetryRule
from workers.jobs.presence import Presence
from workers.jobs.work_loop import WorkLoop, worker_name
from workers.sandbox.card import Card, cards
from workers.sandbox.card_numbers import CardNumbers
from workers.sandbox.selftest.run import stop_if_open
from workers.settings import ReceiptSignerSettings, WorkerSettings

log = structlog.get_logger()
T = TypeVar("T")


def run(
    settings: WorkerSettings,
    burst: bool = False,
    shown: MetricsSettings | None = None,
    budget: RetryBudget = RETRY_BUDGET,
    cards_here: Callable[[], Sequence[Card]] = cards,
    try_walls: Callable[[Path], None] = stop_if_open,
) -> None:
    """Work until SIGTERM (or, with `burst`, until nothing is due), and show the worker's numbers where `shown` says.

    It starts once PostgreSQL and Redis answer; a burst waits for nothing. Raises PlatformError when something needed is not there,
    as a card for the queue of tracks that speak on cards, or when the service key's certificate is not valid, or no longer;
    InfrastructureFault when the judges' networks or the store are not there, or when `try_walls`, the sandbox's self-test, finds a way out.
    """
    if settings.queue is QueueName.GPU and not cards_here():
        why = "VOICE_QUEUE names the queue gpu, and the driver shows no card on this host that models could speak on"
        raise PlatformError(Code.SETTING_INVALID, why)
    torch.set_num_threads(settings.threads)
    receipt_signer = partial(receipt_signer_of, settings)
    receipt_signer()
    next(settings.store.each(COMPETITIONS), None)  # wrong keys show here, and not once a model was spoken and judged
    weights.check()
    try_walls(settings.data / "scratch")
    if not burst:
        reachable.hold(settings.database_url.get_secret_value(), settings.redis_url.get_secret_value())
    drain = Drain(settings.drain)
    with _redis(settings) as redis, background_loop() as loop, _pool(settings, loop) as pool:
        work_loop = WorkLoop(redis, settings.queue, drain, settings.duty)
        current = WorkerContext(
            name=worker_name(),
            host=settings.host,
            database=Database(
                loop=loop,
                queue=EvaluationQueue(pool, budget),
                submissions=Submissions(pool),
                copies=NearCopies(pool),
                validations=Validations(pool),
                speeches=Speeches(pool),
            ),
            judging=_judging(settings, receipt_signer),
            patience=Patience(settings.lease, RetryRule(budget.per_evaluation, settings.retry_first), settings.confirm),
            duty=settings.duty,
            heartbeat=work_loop.heartbeat,
            drain=drain,
        )
        worker_context.set(current)
        show_place(current.metrics, settings)
        _tell(current, settings.queue)
        host, port = ("", 0) if shown is None else (shown.host, shown.port)
        with exposed(current.metrics.registry, host, port), _present(Presence(Workers(pool), current, settings.queue), loop):
            (work_loop.run_off if burst else work_loop.run)()
    _end_process(drain)
    receipt_signer()
    log.info("worker ends", worker=current.name, why="asked to stop" if drain.requested else "nothing is due")


def show_place(metrics: WorkerMetrics, settings: WorkerSettings) -> None:
    """Show what of the worker's surroundings ends its work one day: the certificate, the disks, the card."""
    metrics.certified_until(partial(certificate_ends, settings.certificate))
    places = {"data": settings.data, "store": settings.store_place or settings.data / "store"}
    show_disks(metrics.registry, {name: place for name, place in places.items() if isinstance(place, Path)})
    if settings.queue is QueueName.GPU:
        metrics.registry.register(CardNumbers())


def certificate_ends(path: Path) -> float:
    """When the certificate in a file ends, in Unix time; 0 where there is none."""
    try:
        return read_certificate(path).not_after.timestamp()
    except (CertificateInvalid, FileNotFoundError):
        return 0.0


def _tell(worker: WorkerContext, queue: QueueName) -> None:
    """Say that a worker is ready, what this host needs for a known piece of work, and what keeps guests in here."""
    tools = worker.judging.tools
    usual = tools.reference.usual("cpu").total_seconds()
    layers = dict(tools.sandbox.layers)
    log.info("worker ready", worker=worker.name, host=worker.host, queue=queue.value, reference_seconds=usual, sandbox=layers)


def receipt_signer_of(settings: ReceiptSignerSettings) -> ReceiptSigner:
    """The service key (made if there is none) with its certificate, and the store.

    Raises PlatformError: SERVICE_KEY_INVALID, or CERTIFICATE_INVALID that says how to certify the key.
    """
    signer = certified(ServiceKey.at(settings.service_key), settings.certificate, datetime.now(UTC))
    return ReceiptSigner(signer, EvidenceStore(settings.store))


def _end_process(drain: Drain) -> None:
    """Leave without a thread that does not end, if there is one: Python would wait for it for ever."""
    if drain.exit_status is not None:
        log.warning("worker ends without its thread", status=drain.exit_status)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(drain.exit_status)


def _judging(settings: WorkerSettings, receipt_signer: Callable[[], ReceiptSigner]) -> Judging:
    tools = open_tools(
        settings.hub,
        settings.data,
        environments=EnvironmentStore(settings.environments, installs=False),
        pins=settings.standard_pins,
        device=settings.device,
        cache_bytes=settings.cache_bytes,
    )
    return Judging(competition.load(settings.competition), tools, receipt_signer)


@contextmanager
def background_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop in a thread of its own: RQ keeps the main thread, and connections and heartbeats live on while it waits.

    Its tasks are cancelled and it is closed at the end. Use it by `asyncio.run_coroutine_threadsafe`.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="loop", daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        asyncio.run_coroutine_threadsafe(_cancel_tasks(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _cancel_tasks() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def _redis(settings: WorkerSettings) -> Iterator[Redis]:
    with Redis.from_url(settings.redis_url.get_secret_value()) as redis:
        try:
            redis.ping()
        except RedisError as exc:
            raise outage(exc) from exc
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
