"""The needs of a process at its start: PostgreSQL and Redis that answer (they may start after it), and a port that is free."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from redis.asyncio import Redis

from scoring.errors import Code, PlatformError
from voice_api.db.database import connection_to
from voice_api.errors import DatabaseUnavailable, RedisUnavailable
from voice_api.runtime.process_end import ended_by_sigterm
from voice_api.runtime.redis_state import named_outage

log = structlog.get_logger()

_FIRST_SECONDS, _LONGEST_SECONDS = 0.5, 30.0
_ANSWER_SECONDS = 5.0


async def check(database_url: str, redis_url: str) -> None:
    """Raise DatabaseUnavailable or RedisUnavailable unless both answer."""
    async with connection_to(database_url):
        pass
    await check_redis(redis_url)


async def check_redis(redis_url: str) -> None:
    """Raise RedisUnavailable unless it answers."""
    async with Redis.from_url(redis_url, socket_timeout=_ANSWER_SECONDS, socket_connect_timeout=_ANSWER_SECONDS) as redis:
        with named_outage(redis_url):
            await redis.ping()


async def wait(database_url: str, redis_url: str, enough: asyncio.Event | None = None) -> None:
    """Wait until both answer, or it is `enough`; ask ever less often, and log each time which one does not answer."""
    enough = enough or asyncio.Event()
    pause, waited = _FIRST_SECONDS, False
    while not enough.is_set():
        try:
            await check(database_url, redis_url)
        except (DatabaseUnavailable, RedisUnavailable) as outage:
            log.warning("waiting for what is away", code=outage.code, detail=outage.detail, again_in=pause)
        else:
            if waited:
                log.info("PostgreSQL and Redis answer")
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(enough.wait(), pause)
        pause, waited = min(2 * pause, _LONGEST_SECONDS), True


@asynccontextmanager
async def told(database_url: str, redis_url: str) -> AsyncIterator[None]:
    """`wait` beside whatever is done within the context, by a process that has something to say meanwhile.

    A look that is under way at the end is awaited (it has a time limit): one that was cut off would leave its connection open.
    """
    enough = asyncio.Event()
    waiting = asyncio.create_task(wait(database_url, redis_url, enough))
    try:
        yield
    finally:
        enough.set()
        await waiting


def hold(database_url: str, redis_url: str) -> None:
    """`wait`, by a process that can do nothing before; SIGTERM ends it at once, in good order. For the main thread."""
    with ended_by_sigterm(0):
        asyncio.run(wait(database_url, redis_url))


def check_free(host: str, port: int) -> None:
    """Raise PlatformError(PORT_TAKEN) if nothing can listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as exc:
            raise PlatformError(Code.PORT_TAKEN, f"cannot listen on {host}:{port}: {exc.strerror}.") from exc
