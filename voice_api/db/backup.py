"""A database's rows as text: read all at one moment, and put back into an empty database, all or none.

It needs no program of PostgreSQL's own: rows go through COPY, and the migrations make what holds them. So a backup fits every server
that the migrations fit, and a process that reads needs no rights but to read.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Protocol

import asyncpg

from scoring.errors import Code, PlatformError
from scoring.types import Hotkey, RoundNumber
from voice_api.db import migrate
from voice_api.db.database import Connection, OneConnection, Pool, connection_to, speak_json, sql
from voice_api.db.ledger import Ledger, LedgerMark

LEFT_OUT = frozenset({"alembic_version", "idempotency", "sketch_keys", "sketches", "speeches", "validations", "workers"})
"""Tables that no backup holds: the schema's name, which the backup says itself; who works just now; what people asked for, which decides
nothing and is kept no longer than they were told (answers to signed requests, sentences to speak, recordings to judge); and the secret
that sketches are drawn by, with them: a restored database has another, and draws them anew."""
_MAY_NOT_READ = "the role in DATABASE_URL may not read all that a backup holds: name the login `backup`, or the tables' owner"
_NOT_EMPTY = "The database is not empty: --force deletes what it holds and puts the backup in its place."
_MAY_NOT_MAKE = "the role in DATABASE_URL may not make tables: name the database's owner, as `voice db upgrade` does"


class ByteSink(Protocol):
    """A file, as far as it is written."""

    def write(self, data: bytes, /) -> int:
        """Append to it."""
        ...


class ByteSource(Protocol):
    """A file, as far as it is read."""

    def read(self, most: int = -1, /) -> bytes:
        """The next bytes, at most so many; none at its end."""
        ...


@dataclass(frozen=True, slots=True)
class BackupTable:
    """A table and the columns of it that a backup holds, in their order."""

    name: str
    columns: tuple[str, ...]


class BackupSource:
    """A database as it was at one moment, whatever is written meanwhile."""

    def __init__(self, connection: Connection, schema: str) -> None:
        self._connection, self.schema = connection, schema

    async def tables(self) -> tuple[BackupTable, ...]:
        """Every table that a backup holds, each after those that its rows refer to."""
        rows = {row["name"]: row for row in await self._connection.fetch(sql("backup.tables"))}
        order = TopologicalSorter({name: row["needs"] for name, row in rows.items()}).static_order()
        return tuple(BackupTable(name, tuple(rows[name]["columns"])) for name in order if name not in LEFT_OUT)

    async def heads(self) -> Mapping[Hotkey, LedgerMark]:
        """The head of each validator's ledger."""
        return await _heads(self._connection)

    async def copy(self, table: BackupTable, out: ByteSink) -> int:
        """Write a table's rows as COPY's text, and count them; what `out` raises passes."""
        done = await self._connection.copy_from_table(table.name, schema_name="public", columns=table.columns, output=out)
        return _rows(done)


class BackupTarget:
    """A database that is made anew inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def load(self, table: BackupTable, source: ByteSource) -> int:
        """Read a table's rows, and count them; raises PlatformError(BACKUP_DAMAGED) for rows that the table does not take."""
        try:
            done = await self._connection.copy_to_table(table.name, schema_name="public", columns=table.columns, source=source)
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.SyntaxOrAccessError) as exc:
            raise PlatformError(
                Code.BACKUP_DAMAGED, f"the table {table.name} does not take its rows ({type(exc).__name__})"
            ) from exc
        return _rows(done)

    async def settle(self, schema: str) -> None:
        """End the loading, and bring what was loaded under `schema` to the newest schema."""
        for step in ("backup.settle", "backup.count_anew"):
            await self._connection.execute(sql(step))
        if schema != migrate.head():
            await self._connection.execute(migrate.script_from(schema, whole=False))

    async def heads(self) -> Mapping[Hotkey, LedgerMark]:
        """The head of each validator's ledger, as it was put back."""
        return await _heads(self._connection)

    def ledger(self, validator: Hotkey) -> Ledger:
        """A validator's ledger as it was put back."""
        return Ledger(Pool(OneConnection(self._connection)), validator)


@asynccontextmanager
async def backup_source(url: str) -> AsyncIterator[BackupSource]:
    """Read a database at one moment; raises DatabaseUnavailable, PlatformError(SETTING_INVALID) for a role that may not read it all."""
    with _allowed(_MAY_NOT_READ):
        async with connection_to(url) as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute(sql("backup.plain_output"))
            yield BackupSource(connection, await connection.fetchval(sql("migrations.version")))


@asynccontextmanager
async def backup_target(url: str, schema: str, *, replace: bool) -> AsyncIterator[BackupTarget]:
    """Make a database with the tables of a schema that this release knows, to be filled; undone when the context ends by an error.

    With `replace` what it holds goes; without, PlatformError(STATE_CONFLICT) for a database that is not empty, as for one that others
    are connected to. Raises DatabaseUnavailable, and PlatformError(SETTING_INVALID) for a role that may not define tables.
    """
    with _allowed(_MAY_NOT_MAKE):
        async with connection_to(url, session=True) as connection, connection.transaction():
            await speak_json(connection)
            await connection.execute(sql("migrations.lock"))
            if not (await connection.fetchrow(sql("backup.is_empty")))["empty"]:
                await _clear(connection, replace=replace)
            await connection.execute(migrate.script_from(None, schema, whole=False))
            await connection.fetchrow(sql("backup.left_out"), ",".join(sorted(LEFT_OUT)))
            for step in ("backup.note_unproved", "backup.make_room"):
                await connection.execute(sql(step))
            yield BackupTarget(connection)


async def _clear(connection: Connection, *, replace: bool) -> None:
    if not replace:
        raise PlatformError(Code.STATE_CONFLICT, _NOT_EMPTY)
    if others := [row["name"] for row in await connection.fetch(sql("health.others"))]:
        raise PlatformError(Code.STATE_CONFLICT, f"The database is in use by {', '.join(others)}: stop every process first.")
    await connection.execute(sql("backup.clear"))


@contextmanager
def _allowed(otherwise: str) -> Iterator[None]:
    try:
        yield
    except asyncpg.InsufficientPrivilegeError as exc:
        raise PlatformError(Code.SETTING_INVALID, otherwise) from exc


async def _heads(connection: Connection) -> Mapping[Hotkey, LedgerMark]:
    rows = await connection.fetch(sql("backup.heads"))
    return {Hotkey(row["validator"]): LedgerMark(RoundNumber(row["round"]), row["state_hash"]) for row in rows}


def _rows(status: str) -> int:
    """The number of rows that COPY says."""
    return int(status.rpartition(" ")[2])
