"""A worker's presence in the database: it shows itself, busy or idle, and hears whether its host is drained."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from voice_api.db.processes import Workers
from voice_api.db.states import QueueName
from voice_api.errors import DatabaseUnavailable
from workers.jobs.context import WorkerContext

log = structlog.get_logger()

PAUSE = timedelta(seconds=5)
"""Between two signs of life."""


@dataclass(slots=True)
class Presence:
    """A worker's row. Nothing here fails a job: while PostgreSQL is away the worker is not seen, and that is true enough."""

    workers: Workers
    context: WorkerContext
    queue: QueueName
    _is_drained: bool = field(default=False, init=False)

    async def keep(self, pause: timedelta = PAUSE) -> None:
        """Show it until cancelled."""
        while True:
            await self.heartbeat()
            await asyncio.sleep(pause.total_seconds())

    async def heartbeat(self) -> None:
        """Show it once; says so in the log when the host is drained, or no longer, which is when nothing, or something, is claimed."""
        context = self.context
        try:
            drained = await self.workers.host_drained(context.host)
            draining = drained or context.drain.requested
            doing = context.current_job.evaluation
            await self.workers.heartbeat(context.name, context.host, self.queue, doing, draining, duty=context.duty)
        except DatabaseUnavailable as outage:
            log.warning("not seen by others", detail=outage.detail)
            return
        if drained is not self._is_drained:
            self._is_drained = drained
            log.warning(
                "an operator drains this host: nothing is claimed" if drained else "the host is drained no longer",
                host=context.host,
            )

    async def leave(self) -> None:
        """Take the row away; one that stays is forgotten in time."""
        try:
            await self.workers.leave(self.context.name)
        except DatabaseUnavailable as outage:
            log.warning("could not take leave", detail=outage.detail)
