"""The lead among dispatchers: one process at a time, by a lock that PostgreSQL frees with the connection; and news of due work."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from voice_api.db.database import Connection, connection_to, sql

CHANNEL = "evaluations_due"


class Candidacy:
    """One process's claim to lead, over a connection of its own."""

    def __init__(self, connection: Connection, news: asyncio.Event) -> None:
        self._connection, self._leading = connection, False
        self.news = news
        """Set when evaluations became due; whoever acts on it clears it."""

    async def lead(self) -> bool:
        """Whether this process leads, after trying; raises DatabaseUnavailable when the connection, and so the lead, is lost."""
        query = "leader.alive" if self._leading else "leader.lead"
        self._leading = bool(await self._connection.fetchval(sql(query)))
        return self._leading


@asynccontextmanager
async def candidacy(url: str) -> AsyncIterator[Candidacy]:
    """Stand as leader and hear of due work for as long as the context lasts; raises DatabaseUnavailable."""
    news = asyncio.Event()
    async with connection_to(url) as connection:
        await connection.add_listener(CHANNEL, lambda *_: news.set())
        connection.add_termination_listener(lambda *_: news.set())
        yield Candidacy(connection, news)
