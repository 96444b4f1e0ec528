"""What operators ask of a node besides its numbers: the server itself, the newest round by track, certificates, ledgers that part."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from scoring.errors import Code, PlatformError
from scoring.types import Block, Entrant, Hotkey, RoundNumber
from voice_api.db.database import JsonObject, Pool, read, sql
from voice_api.db.migrate import revision
from voice_api.db.states import QueueName, RoundState
from voice_api.errors import DatabaseUnavailable

_LAST_ROUNDS = 20
"""Certificates and ledgers of so many rounds are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerHealth:
    """PostgreSQL at one moment."""

    at: datetime
    """By its own clock."""
    asked: tuple[datetime, datetime]
    """By the clock of who asked, just before and just after it."""
    version: str
    role: str
    """Who asks."""
    follows: bool
    """Whether it only follows another server, and takes no writes."""
    revision: str | None
    """Of the schema; None for a database without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTimes:
    """A round, and when it was opened and closed."""

    round: RoundNumber
    start_block: Block
    deadline_block: Block
    state: RoundState
    opened_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackProgress:
    """How far a round is in one track and queue; `track` is '' where the family is not known yet."""

    track: str
    queue: QueueName
    total: int
    queued: int
    running: int
    scored: int
    rejected: int
    parked: int
    waits: timedelta | None
    """The age of the oldest due evaluation; None where none is due."""


@dataclass(frozen=True, slots=True)
class HostCertificate:
    """The certificate under a host's newest receipt, as the receipt has it."""

    host: str
    certificate: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerHead:
    """The last entry of a ledger, and when it was folded."""

    round: RoundNumber
    state_hash: str
    kings: Mapping[str, Entrant]
    folded_at: datetime


@dataclass(frozen=True, slots=True)
class PartedLedger:
    """Another validator's ledger that differs, and the earliest of the last rounds in which it does."""

    validator: Hotkey
    round: RoundNumber


class NodeHealth:
    """Reads for an operator; a query each. They raise what `told_refusals` and the pool raise."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def moment(self, now: Callable[[], datetime]) -> ServerHealth:
        """The server now, and its schema's revision; `now` is the clock of who asks."""
        async with self._pool.connection() as connection:
            before = now()
            row = await connection.fetchrow(sql("health.moment"))
            return read(ServerHealth, row, asked=(before, now()), revision=await revision(connection))

    async def others(self) -> tuple[str, ...]:
        """Who else is connected to the database, by the names of their connections: of ours a process, and its release."""
        async with self._pool.connection() as connection:
            return tuple(row["name"] for row in await connection.fetch(sql("health.others")))

    async def round(self) -> RoundTimes | None:
        """The newest round; None before the first."""
        row = await self._row("health.round")
        return None if row is None else read(RoundTimes, row)

    async def tracks(self) -> tuple[TrackProgress, ...]:
        """The newest round by track and queue."""
        async with self._pool.connection() as connection:
            return tuple(read(TrackProgress, row) for row in await connection.fetch(sql("health.tracks")))

    async def certificates(self) -> tuple[HostCertificate, ...]:
        """The certificate under the newest receipt of each host, of the last rounds."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql("health.certificates"), _LAST_ROUNDS)
        return tuple(read(HostCertificate, row) for row in rows)

    async def head(self, validator: Hotkey) -> LedgerHead | None:
        """The last entry of a validator's ledger; None before its first fold."""
        row = await self._row("health.head", validator)
        return None if row is None else read(LedgerHead, row)

    async def parted(self, validator: Hotkey) -> tuple[PartedLedger, ...]:
        """Ledgers in this database that have other entries for the last rounds than this validator's."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql("health.parted"), validator, _LAST_ROUNDS)
        return tuple(read(PartedLedger, row) for row in rows)

    async def attempted(self, validator: Hotkey) -> datetime | None:
        """When a validator last tried to set weights; None where it never did."""
        row = await self._row("health.attempted", validator)
        return None if row is None else row["at"]

    async def _row(self, query: str, *parameters: object) -> Mapping[str, Any] | None:
        async with self._pool.connection() as connection:
            row: Mapping[str, Any] | None = await connection.fetchrow(sql(query), *parameters)
        return row


@contextmanager
def told_refusals() -> Iterator[None]:
    """Inside, whatever PostgreSQL refuses becomes an error of ours that says what to do.

    Raises PlatformError(SETTING_INVALID) where the role may not read it, DatabaseUnavailable where the schema is another release's.
    """
    try:
        yield
    except asyncpg.InsufficientPrivilegeError as exc:
        why = "the login in DATABASE_URL may not read this; `voice db roles` gives each role its rights"
        raise PlatformError(Code.SETTING_INVALID, why) from exc
    except asyncpg.PostgresError as exc:
        raise DatabaseUnavailable(f"PostgreSQL refuses what this release asks ({type(exc).__name__})") from exc
