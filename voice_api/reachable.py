"""Whether PostgreSQL and Redis answer: asked once when a process is started, so that a wrong address is told at once."""

import asyncio

from voice_api.db.pool import connection_to
from voice_api.wakeups import WakeUps


async def check(database_url: str, redis_url: str) -> None:
    """Raise DatabaseUnavailable or RedisUnavailable unless both answer."""
    async with connection_to(database_url):
        pass
    with WakeUps(redis_url) as wakeups:
        await asyncio.to_thread(wakeups.check)
