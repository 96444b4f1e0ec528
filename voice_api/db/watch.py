"""Numbers that operators watch: the age of waiting work, failures, the registry's age, and whether a dispatcher leads."""

from datetime import timedelta

from voice_api.db.database import Pool, sql
from voice_api.db.states import QueueName, ValidationState

LIVE = timedelta(minutes=1)
"""A worker that did not show itself for so long is taken for dead."""


class Watch:
    """Reads only; each is one query."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def ages(self) -> dict[QueueName, timedelta]:
        """The age of the oldest due row of each queue; zero where nothing waits."""
        async with self._pool.connection() as connection:
            found = {row["queue"]: row["age"] for row in await connection.fetch(sql("watch.ages"))}
        return {queue: found.get(queue, timedelta(0)) for queue in QueueName}

    async def running(self) -> dict[QueueName, int]:
        """Count running evaluations by queue; every queue is named."""
        async with self._pool.connection() as connection:
            found = {row["queue"]: row["count"] for row in await connection.fetch(sql("watch.running"))}
        return {queue: found.get(queue, 0) for queue in QueueName}

    async def registry_age(self) -> timedelta | None:
        """The time since the registry was received; None before the first."""
        async with self._pool.connection() as connection:
            age: timedelta | None = await connection.fetchval(sql("watch.registry_age"))
        return age

    async def validations(self) -> dict[ValidationState, int]:
        """Count validations by state; every state is named."""
        async with self._pool.connection() as connection:
            found = {row["state"]: row["count"] for row in await connection.fetch(sql("watch.validations"))}
        return {state: found.get(state, 0) for state in ValidationState}

    async def failures(self) -> dict[QueueName, int]:
        """The most failures that an open evaluation of each queue has had; 0 where none has."""
        async with self._pool.connection() as connection:
            found = {row["queue"]: row["failures"] for row in await connection.fetch(sql("watch.failures"))}
        return {queue: found.get(queue, 0) for queue in QueueName}

    async def failures_today(self) -> int:
        """The most failures of ours that a submission has had in 24 hours."""
        async with self._pool.connection() as connection:
            most: int = await connection.fetchval(sql("watch.failures_today"))
        return most

    async def led(self) -> bool:
        """Whether a dispatcher leads."""
        async with self._pool.connection() as connection:
            return bool(await connection.fetchval(sql("watch.led")))
