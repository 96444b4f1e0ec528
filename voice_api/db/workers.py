"""Workers, as they show themselves. One that was not seen for a while is dead, or cut off."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from scoring.types import EvaluationId
from voice_api.db.database import Pool, read, sql
from voice_api.db.states import QueueName


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRow:
    """A worker process; `draining`: it was asked to stop, or its host is drained. `evaluation_id` is what it works on."""

    name: str
    host: str
    queue: QueueName
    started_at: datetime
    seen_at: datetime
    draining: bool
    evaluation_id: EvaluationId | None


class Workers:
    """The live workers, and the hosts that an operator drains."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def heartbeat(
        self, name: str, host: str, queue: QueueName, evaluation_id: EvaluationId | None = None, draining: bool = False
    ) -> None:
        """Show that a worker lives, and what it does."""
        async with self._pool.connection() as connection:
            await connection.execute(sql("workers.heartbeat"), name, host, queue, evaluation_id, draining)

    async def leave(self, name: str) -> None:
        """A worker ended by itself."""
        async with self._pool.connection() as connection:
            await connection.execute(sql("workers.leave"), name)

    async def live(self, within: timedelta) -> tuple[WorkerRow, ...]:
        """Workers that were seen within the last `within`, by name."""
        async with self._pool.connection() as connection:
            return tuple(read(WorkerRow, row) for row in await connection.fetch(sql("workers.live"), within))

    async def host_drained(self, host: str) -> bool:
        """Whether an operator drains this host: its workers get nothing new."""
        async with self._pool.connection() as connection:
            return bool(await connection.fetchval(sql("workers.host_drained"), host))
