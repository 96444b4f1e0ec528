"""Writes that were done already, by the key that their caller gave them: done once, answered as often as asked."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from scoring.errors import Code, PlatformError
from scoring.types import Hotkey
from voice_api.db.pool import Pool
from voice_api.db.rows import read
from voice_api.db.sql import sql

KEPT = timedelta(hours=24)
"""How long an answer is kept."""
ABANDONED = timedelta(minutes=2)
"""After this a request without an answer died with its process: longer than any request lasts."""
_PATIENCE = timedelta(seconds=10)
_PAUSE = timedelta(milliseconds=50)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request that nobody answered yet, and that is now the caller's to do; `at` fences out whoever took it before."""

    hotkey: Hotkey
    key: str
    at: datetime


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What a request was answered: an HTTP status and the body's text."""

    status: int
    answer: str


@dataclass(frozen=True, slots=True)
class _Known:
    request: str
    status: int
    answer: str


class Idempotency:
    """Keys are each hotkey's own. `request` is a hash over method, target and body."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def begin(
        self, hotkey: Hotkey, key: str, request: str, *, patience: timedelta = _PATIENCE, abandoned: timedelta = ABANDONED
    ) -> Attempt | StoredAnswer:
        """Take the key, or say what its request was answered; while the same request is being done elsewhere, wait for that.

        Raises PlatformError: IDEMPOTENCY_MISMATCH when the key came with another request, STATE_CONFLICT when waiting for
        `patience` brought no answer. A request without an answer is taken over once it is `abandoned`.
        """
        for _ in range(patience // _PAUSE + 1):
            async with self._pool.connection() as connection:
                at = await connection.fetchval(sql("idempotency.begin"), hotkey, key, request, KEPT, abandoned)
                if at is not None:
                    await connection.execute(sql("idempotency.purge"), KEPT)
                    return Attempt(hotkey, key, at)
                row = await connection.fetchrow(sql("idempotency.known"), hotkey, key)
            known = read(_Known, row) if row else None
            if known and known.request != request:
                raise PlatformError(Code.IDEMPOTENCY_MISMATCH)
            if known and known.status:
                return StoredAnswer(known.status, known.answer)
            await asyncio.sleep(_PAUSE.total_seconds())
        raise PlatformError(Code.STATE_CONFLICT, "the same request is still being done: ask again later with the same key")

    async def answer(self, attempt: Attempt, answer: StoredAnswer) -> None:
        """Keep what the attempt was answered; nothing if somebody took it over."""
        async with self._pool.connection() as connection:
            await connection.execute(
                sql("idempotency.answer"), attempt.hotkey, attempt.key, attempt.at, answer.status, answer.answer
            )

    async def forget(self, attempt: Attempt) -> None:
        """Give the key back: the attempt was refused, or failed before it did anything."""
        async with self._pool.connection() as connection:
            await connection.execute(sql("idempotency.forget"), attempt.hotkey, attempt.key, attempt.at)

    async def purge(self) -> None:
        """Let go of some answers that are no longer kept: called again and again, of all."""
        async with self._pool.connection() as connection:
            await connection.execute(sql("idempotency.purge"), KEPT)
