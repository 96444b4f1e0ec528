"""Writes by the key that their caller gave them: done once, answered as often as asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from scoring.errors import Code, PlatformError
from scoring.types import Hotkey
from voice_api.db.database import Connection, OneConnection, Pool, read, sql

KEPT = timedelta(hours=24)
"""The time for which an answer is kept."""
_PATIENCE = timedelta(seconds=10)
_PAUSE = timedelta(milliseconds=50)


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer as it was sent: the HTTP status, the body's text, and the Location of what it made."""

    status: int
    answer: str
    location: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """A write that is now the caller's to do, through `pool`: all that is stored there happens together with the answer, or not."""

    pool: Pool
    hotkey: Hotkey
    key: str
    request: str

    async def answer(self, answer: StoredAnswer) -> None:
        """Keep what it was answered."""
        async with self.pool.connection() as connection:
            await connection.execute(
                sql("idempotency.keep"), self.hotkey, self.key, self.request, answer.status, answer.answer, answer.location
            )


class Idempotency:
    """Keys are each hotkey's own. `request` is a hash over method, target and body.

    The key, the write and its answer are one transaction. So whatever dies, and whenever, either the write was done and its answer
    is kept, or nothing happened and the key is free: there is no third state that time would have to resolve.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def begin(
        self, hotkey: Hotkey, key: str, request: str, *, patience: timedelta = _PATIENCE
    ) -> AsyncIterator[Attempt | StoredAnswer]:
        """The right to do the write, which is done when the context ends and undone if it raises; or what it was answered before.

        While another request holds the key this one waits, without a connection. Raises PlatformError: IDEMPOTENCY_MISMATCH when
        the key came with another request, STATE_CONFLICT when waiting for `patience` was not enough.
        """
        for _ in range(patience // _PAUSE + 1):
            async with self._pool.transaction() as connection:
                if await connection.fetchval(sql("idempotency.take"), hotkey, key):
                    known = await _known(connection, hotkey, key, request)
                    yield known or Attempt(_Joined(connection), hotkey, key, request)
                    return
            await asyncio.sleep(_PAUSE.total_seconds())
        raise PlatformError(Code.STATE_CONFLICT, "the same request is still being done: ask again later with the same key")

    async def purge(self) -> None:
        """Let go of some answers that are no longer kept: called again and again, of all."""
        async with self._pool.connection() as connection:
            await connection.execute(sql("idempotency.purge"), KEPT)


class _Joined(Pool):
    """The one connection on which a transaction runs, lent as a pool lends many: all that is done on it belongs to that transaction.

    No savepoints either: what is written under one has an id of its own, and would not count as of the same transaction.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(OneConnection(connection))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend the connection: its transaction began already."""
        async with self.connection() as connection:
            yield connection


async def _known(connection: Connection, hotkey: Hotkey, key: str, request: str) -> StoredAnswer | None:
    row = await connection.fetchrow(sql("idempotency.known"), hotkey, key, KEPT)
    if row is None:
        return None
    if row["request"] != request:
        raise PlatformError(Code.IDEMPOTENCY_MISMATCH)
    return read(StoredAnswer, row)
