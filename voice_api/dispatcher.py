"""The dispatcher: keeps enough wake-ups in Redis for what is due in PostgreSQL, and returns expired leases. One leads, others wait."""

import asyncio
import time
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, Protocol

import structlog

from voice_api.db.leader import Candidacy, candidacy
from voice_api.db.pool import open_pool
from voice_api.db.queue import EvaluationQueue
from voice_api.errors import DatabaseUnavailable, RedisUnavailable
from voice_api.settings import DispatcherSettings
from voice_api.wakeups import WakeUps

log = structlog.get_logger()

_LONGEST_PAUSE = timedelta(seconds=30)


class Stop(Protocol):
    """What asks a daemon to end."""

    @property
    def requested(self) -> bool:
        """Whether to end."""
        ...

    async def wait(self, pause: timedelta) -> None:
        """Sleep for `pause`, or less if the end is asked for."""
        ...


async def run(settings: DispatcherSettings, stop: Stop) -> None:
    """Dispatch until asked to stop. Outages of PostgreSQL and Redis are waited out, ever longer; anything else ends the process."""
    pause = settings.pause
    with WakeUps(settings.redis_url.get_secret_value()) as wakeups:
        while not stop.requested:
            started = time.monotonic()
            try:
                await _stand(settings, wakeups, stop)
            except DatabaseUnavailable as outage:
                stood = timedelta(seconds=time.monotonic() - started)
                pause = settings.pause if stood > _LONGEST_PAUSE else min(2 * pause, _LONGEST_PAUSE)
                log.warning("database unavailable", detail=outage.detail, pause=pause.total_seconds())
                await stop.wait(pause)


async def _stand(settings: DispatcherSettings, wakeups: WakeUps, stop: Stop) -> None:
    """Lead, or wait for the lead, over one set of connections."""
    url = settings.database_url.get_secret_value()
    async with open_pool(url, application="voice dispatcher", size=2) as pool, candidacy(url) as candidate:
        queue = EvaluationQueue(pool)
        leading = False
        while not stop.requested:
            if await candidate.lead():
                if not leading:
                    log.info("leading")
                leading = True
                await _tick(queue, wakeups, settings.retry_most)
            await _next(candidate, stop, settings.pause)


async def _tick(queue: EvaluationQueue, wakeups: WakeUps, budget: int) -> None:
    """Return what expired, then ring for what is due; without Redis the leases are returned all the same."""
    expired = await queue.expire_leases(budget)
    if expired:
        log.warning("leases expired", count=expired)
    try:
        for name, due in (await queue.due_counts()).items():
            added = await asyncio.to_thread(wakeups.top_up, name, due)
            if added:
                log.info("woke workers", queue=name.value, due=due, added=added)
    except RedisUnavailable as outage:
        log.warning("redis unavailable", detail=outage.detail)


async def _next(candidate: Candidacy, stop: Stop, pause: timedelta) -> None:
    """Until there is news, or the pause is over, or the end is asked for."""
    waits: list[Coroutine[Any, Any, Any]] = [stop.wait(pause), candidate.news.wait()]
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    candidate.news.clear()
