"""A read, or a fenced write, that outlives a short outage of PostgreSQL: work of minutes is not thrown away for a restart of seconds."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import structlog

from voice_api.errors import DatabaseUnavailable

log = structlog.get_logger()

T = TypeVar("T")
_FIRST_SECONDS, _LONGEST_SECONDS = 0.25, 5.0


async def through(write: Callable[[], Awaitable[T]], patience: timedelta, in_haste: Callable[[], bool]) -> T:
    """Do it, again and again for as long as `patience` while PostgreSQL is away; raises DatabaseUnavailable after it, or in haste.

    A write that was done though its answer got lost raises LeaseLost the second time: its token is used up.
    """
    deadline, pause = time.monotonic() + patience.total_seconds(), _FIRST_SECONDS
    while True:
        try:
            return await write()
        except DatabaseUnavailable as outage:
            if in_haste() or time.monotonic() + pause > deadline:
                raise
            log.warning("waiting for PostgreSQL", detail=outage.detail, again_in=pause)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_SECONDS)
