"""The dispatcher: keeps enough wake-ups in Redis for what is due in PostgreSQL, and returns expired leases. One leads, others wait."""

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import structlog

from voice_api.db.database import Pool, open_pool
from voice_api.db.idempotency import Idempotency
from voice_api.db.operations import Watch
from voice_api.db.processes import LIVE, Candidacy, Workers, candidacy
from voice_api.db.queue import RETRY_BUDGET, EvaluationQueue, RetryBudget
from voice_api.db.speeches import Speeches
from voice_api.db.states import QueueName
from voice_api.db.validations import Validations
from voice_api.dispatch.wakeups import WakeUps
from voice_api.errors import DatabaseUnavailable, RedisUnavailable
from voice_api.runtime.process_metrics import DispatcherMetrics
from voice_api.settings import DispatcherSettings

log = structlog.get_logger()

_LONGEST_PAUSE = timedelta(seconds=30)


class Stop(Protocol):
    """A request to end, as a daemon waits for it."""

    @property
    def requested(self) -> bool:
        """Whether to end."""
        ...

    async def wait(self, pause: timedelta) -> None:
        """Sleep for `pause`, or less if the end is asked for."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatcherContext:
    """The stores and queues that one sweep works with."""

    budget: RetryBudget
    metrics: DispatcherMetrics
    wakeups: WakeUps
    queue: EvaluationQueue
    validations: Validations
    speeches: Speeches
    workers: Workers
    watch: Watch
    idempotency: Idempotency

    @classmethod
    def over(cls, budget: RetryBudget, metrics: DispatcherMetrics, wakeups: WakeUps, pool: Pool) -> "DispatcherContext":
        """All stores over one pool."""
        return cls(
            budget=budget,
            metrics=metrics,
            wakeups=wakeups,
            queue=EvaluationQueue(pool, budget),
            validations=Validations(pool),
            speeches=Speeches(pool),
            workers=Workers(pool),
            watch=Watch(pool),
            idempotency=Idempotency(pool),
        )


async def run(
    settings: DispatcherSettings, stop: Stop, metrics: DispatcherMetrics | None = None, budget: RetryBudget = RETRY_BUDGET
) -> None:
    """Dispatch until asked to stop. Outages of PostgreSQL and Redis are waited out, ever longer; anything else ends the process."""
    counted = metrics or DispatcherMetrics()
    pause = settings.pause
    with WakeUps(settings.redis_url.get_secret_value()) as wakeups:
        while not stop.requested:
            started = time.monotonic()
            try:
                await run_connected(settings, budget, counted, wakeups, stop)
            except DatabaseUnavailable as outage:
                stood = timedelta(seconds=time.monotonic() - started)
                pause = settings.pause if stood > _LONGEST_PAUSE else min(2 * pause, _LONGEST_PAUSE)
                log.warning("database unavailable", code=outage.code, detail=outage.detail, pause=pause.total_seconds())
                await stop.wait(pause)
            finally:
                counted.leading.set(0)


async def run_connected(
    settings: DispatcherSettings, budget: RetryBudget, metrics: DispatcherMetrics, wakeups: WakeUps, stop: Stop
) -> None:
    """Dispatch over one set of connections until asked to stop: sweep while this process leads, else try to lead."""
    url = settings.database_url.get_secret_value()
    async with open_pool(url, application="voice dispatcher", size=2) as pool, candidacy(url) as candidate:
        context = DispatcherContext.over(budget, metrics, wakeups, pool)
        leading = False
        while not stop.requested:
            if await candidate.lead():
                if not leading:
                    log.info("leading")
                leading = True
                metrics.leading.set(1)
                await _sweep(context)
            await _next(candidate, stop, settings.pause)


async def _sweep(context: DispatcherContext) -> None:
    """Return expired leases, then enqueue wake-ups for due rows; without Redis the leases are returned all the same."""
    try:
        with context.metrics.ticks.measured():
            await _return_leases(context)
            await _look(context)
            await _wake(context)
            await _tidy(context)
    except RedisUnavailable as outage:
        context.metrics.redis(answers=False)
        log.warning("redis unavailable", code=outage.code, detail=outage.detail)


async def _return_leases(context: DispatcherContext) -> None:
    """Return expired leases; the same statements park evaluations, and fail validations and speeches, that used up retries or time."""
    evaluations = await context.queue.expire_leases(context.budget.per_evaluation)
    validations = await context.validations.expire(context.budget.per_evaluation)
    speeches = await context.speeches.expire(context.budget.per_evaluation)
    if evaluations or validations or speeches:
        log.warning("leases expired", evaluations=evaluations, validations=validations, speeches=speeches)
    context.metrics.expired(evaluations=evaluations, validations=validations, speeches=speeches)


async def _look(context: DispatcherContext) -> None:
    """Look whether Redis answers and still has what it had, and tidy up after workers that died."""
    emptied, tidied = await asyncio.to_thread(context.wakeups.look)
    context.metrics.redis(answers=True, emptied=emptied, tidied=tidied)
    if emptied:
        log.warning("redis was emptied: what is due is announced again")
    if tidied:
        log.info("tidied up after dead workers", wakeups=tidied)


async def _wake(context: DispatcherContext) -> None:
    """Enqueue a wake-up for each due row, as far as workers live that can take it."""
    evaluations, validations = await context.queue.due_counts(), await context.validations.due_counts()
    speeches = await context.speeches.due_counts()
    live = [worker.queue for worker in await context.workers.live(LIVE) if not worker.draining]
    for name in QueueName:
        due = evaluations[name] + validations[name]
        added = await asyncio.to_thread(context.wakeups.top_up, name, due, live.count(name))
        for_speech = await asyncio.to_thread(context.wakeups.top_up, name, speeches[name], speech=True)
        if added or for_speech:
            context.metrics.woke(name, added + for_speech)
            log.info("woke workers", queue=name.value, due=due, speeches=speeches[name], added=added + for_speech)


async def _tidy(context: DispatcherContext) -> None:
    """Forget answers and speeches that are no longer kept, and show what is left of the retries."""
    await context.idempotency.purge()
    await context.speeches.forget()
    failures, most = await context.watch.failures(), context.budget.per_evaluation
    left = {queue: max(0, most - failed) for queue, failed in failures.items()}
    context.metrics.budget(left, max(0, context.budget.per_day - await context.watch.failures_today()))


async def _next(candidate: Candidacy, stop: Stop, pause: timedelta) -> None:
    """Wait until there is news, or the pause is over, or the end is asked for."""
    waits: list[Coroutine[Any, Any, Any]] = [stop.wait(pause), candidate.news.wait()]
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    candidate.news.clear()
