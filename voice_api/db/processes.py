"""The processes that work on the queue: live workers as they show themselves, and the one dispatcher that leads."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from scoring.types import EvaluationId
from voice_api.db.database import Connection, Pool, connection_to, read, sql
from voice_api.db.states import QueueName, WorkerDuty

LIVE = timedelta(minutes=1)
"""A worker that did not show itself for so long is taken for dead, or cut off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRow:
    """A worker process; `draining`: it was asked to stop, or its host is drained. `evaluation_id` is what it works on."""

    name: str
    host: str
    queue: QueueName
    duty: WorkerDuty
    started_at: datetime
    seen_at: datetime
    draining: bool
    evaluation_id: EvaluationId | None


class Workers:
    """The live workers, and the hosts that an operator drains."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def heartbeat(
        self,
        name: str,
        host: str,
        queue: QueueName,
        evaluation_id: EvaluationId | None = None,
        draining: bool = False,
        *,
        duty: WorkerDuty = WorkerDuty.ALL,
    ) -> None:
        """Show that a worker lives, what it takes, and what it does."""
        async with self._pool.connection() as connection:
            await connection.execute(sql("processes.heartbeat"), name, host, queue, evaluation_id, draining, duty)

    async def leave(self, name: str) -> None:
        """A worker ended by itself."""
        async with self._pool.connection() as connection:
            await connection.execute(sql("processes.leave"), name)

    async def live(self, within: timedelta) -> tuple[WorkerRow, ...]:
        """Workers that were seen within the last `within`, by name."""
        async with self._pool.connection() as connection:
            return tuple(read(WorkerRow, row) for row in await connection.fetch(sql("processes.live"), within))

    async def gone(self, within: timedelta) -> dict[tuple[QueueName, WorkerDuty], int]:
        """Count the workers that fell silent longer ago than `within`, did not end by themselves, and were not replaced on their host.

        They are forgotten after a day; every queue and duty is named.
        """
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql("processes.gone"), within)
        found = {(row["queue"], row["duty"]): row["count"] for row in rows}
        return {(queue, duty): found.get((queue, duty), 0) for queue in QueueName for duty in WorkerDuty}

    async def host_drained(self, host: str) -> bool:
        """Whether an operator drains this host: its workers get nothing new."""
        async with self._pool.connection() as connection:
            return bool(await connection.fetchval(sql("processes.host_drained"), host))


class Candidacy:
    """One dispatcher's claim to lead, by a lock that PostgreSQL frees with the connection; it hears of due work over the same one."""

    def __init__(self, connection: Connection, news: asyncio.Event) -> None:
        self._connection, self._leading = connection, False
        self.news = news
        """Set when evaluations became due; whoever acts on it clears it."""

    async def lead(self) -> bool:
        """Whether this process leads, after trying; raises DatabaseUnavailable when the connection, and so the lead, is lost."""
        query = "processes.still_leads" if self._leading else "processes.lead"
        self._leading = bool(await self._connection.fetchval(sql(query)))
        return self._leading


@asynccontextmanager
async def candidacy(url: str) -> AsyncIterator[Candidacy]:
    """Stand as leader and hear of due work for as long as the context lasts; raises DatabaseUnavailable."""
    news = asyncio.Event()
    async with connection_to(url, session=True) as connection:
        await connection.add_listener("evaluations_due", lambda *_: news.set())
        connection.add_termination_listener(lambda *_: news.set())
        yield Candidacy(connection, news)
