"""Requests of people that workers answer: leased as evaluations are, and fenced by a token."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from scoring.errors import Code
from voice_api.db.database import Pool, read, sql
from voice_api.db.states import QueueName
from voice_api.errors import LeaseLost


class ClaimedRequest(Protocol):
    """A leased request; `attempt` counts claims from 1."""

    @property
    def id(self) -> UUID: ...

    @property
    def token(self) -> UUID: ...

    @property
    def attempt(self) -> int: ...


Claimed = TypeVar("Claimed", bound=ClaimedRequest)


class LeasedRequests(Generic[Claimed]):
    """The rows of one kind of request, as workers take and end them.

    `queries` is the file of its queries, which have the same names and first parameters for each kind; `one` names one row in an error.
    """

    def __init__(self, pool: Pool, claimed: type[Claimed], *, queries: str, one: str) -> None:
        self._pool, self._claimed, self._queries, self._one = pool, claimed, queries, one

    async def claim(self, queue: QueueName, worker: str, lease: timedelta, host: str = "") -> Claimed | None:
        """Take the oldest due request that a worker of this queue may take, or None; a drained host gets none.

        Concurrent claimants never get the same one.
        """
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(self._sql("claim"), queue, worker, lease, host)
        return read(self._claimed, row) if row else None

    async def renew(self, claim: Claimed, lease: timedelta) -> None:
        """Extend the lease from now on; raises LeaseLost."""
        await self._write(claim, "renew", lease)

    async def fail(self, claim: Claimed, code: Code, reason: str) -> None:
        """End it without an answer; raises LeaseLost."""
        await self._write(claim, "fail", code, reason)

    async def due_counts(self) -> Mapping[QueueName, int]:
        """The number of requests that the workers of each queue could start now, as `claim` takes them."""
        async with self._pool.connection() as connection:
            counts = {row["queue"]: row["count"] for row in await connection.fetch(self._sql("due_counts"))}
        return {queue: counts.get(queue, 0) for queue in QueueName}

    async def _write(self, claim: Claimed, verb: str, *arguments: object) -> Mapping[str, Any]:
        """Run a query that needs the claim to hold still, and return its row; raises LeaseLost."""
        async with self._pool.connection() as connection:
            row: Mapping[str, Any] | None = await connection.fetchrow(self._sql(verb), claim.id, claim.token, *arguments)
        if row is None:
            raise LeaseLost(f"{self._one} {claim.id}")
        return row

    def _sql(self, verb: str) -> str:
        return sql(f"{self._queries}.{verb}")
