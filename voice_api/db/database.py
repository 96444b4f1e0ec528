"""PostgreSQL as the stores use it: connections from a pool, queries by name, rows that become records.

Foreign connection errors become DatabaseUnavailable here and nowhere else. Queries stand in `queries/*.sql`.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, fields
from enum import Enum
from functools import cache
from importlib.metadata import version
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints
from urllib.parse import urlsplit

import asyncpg

from scoring.broken_connections import why_broken
from voice_api import tls
from voice_api.errors import DatabaseBusy, DatabaseUnavailable
from voice_api.pooler import insist_on_a_session, is_pooled, refuse_a_pooler, without_mark

_OUTAGES = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # it stops, starts, or was told to end a query
    asyncpg.InsufficientResourcesError,  # a full disk, no memory, too many connections
    asyncpg.PostgresSystemError,  # its disk cannot be read
    asyncpg.ReadOnlySQLTransactionError,  # another server leads now
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TransactionRollbackError,  # it met another transaction: nothing was written, and done again it goes on
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidSQLStatementNameError,  # a pooler gave the next transaction to another connection, which has no such statement
    asyncpg.DuplicatePreparedStatementError,  # or to one that another process prepared this statement on
    asyncpg.InternalClientError,  # the driver's protocol lost its place: news of the connection's end crossed a query
)
_POOLED = (
    "a prepared statement was lost, as by a pooler between here and PostgreSQL: "
    "where DATABASE_URL leads to PgBouncer, write pgbouncer=true into it"
)
_SENTENCES: Mapping[type[BaseException], str] = {
    asyncpg.InvalidSQLStatementNameError: _POOLED,
    asyncpg.DuplicatePreparedStatementError: _POOLED,
    asyncpg.DiskFullError: "PostgreSQL's disk is full",
    asyncpg.InvalidCatalogNameError: "PostgreSQL has no database of the name in DATABASE_URL",
    asyncpg.InvalidAuthorizationSpecificationError: "PostgreSQL refuses the login in DATABASE_URL",
    asyncpg.ReadOnlySQLTransactionError: "PostgreSQL only reads here: another server leads",
}
"""Servers that can be reached, and why they are of no use."""
_NO_SCHEMA = "the database is not migrated: `voice db upgrade` makes its tables"
_NOT_A_URL = "DATABASE_URL is not a PostgreSQL URL"
_CONNECT_SECONDS = 10.0
_COMMAND_SECONDS = 30.0
_CLOSE_SECONDS = 5
_STATEMENTS = 100
"""That a connection keeps prepared, as is the driver's own default."""
_QUERIES = Path(__file__).with_name("queries")
_HEADING = re.compile(r"^-- name: (\w+)$", re.MULTILINE)

Connection = Any
"""An asyncpg connection; that package is untyped."""
Record = TypeVar("Record")
JsonObject = Mapping[str, Any]
"""A JSON object: finite numbers only."""


class Pool:
    """A pool of connections that speak JSON, time out, and report every outage by one name."""

    def __init__(self, pool: Any, lends_within: float = _CONNECT_SECONDS) -> None:
        """`lends_within`: the seconds within which a connection is lent, and is taken back."""
        self._pool, self._lends_within = pool, lends_within

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection; raises DatabaseUnavailable when there is none, or when it breaks while lent, and DatabaseBusy when others
        hold them all for too long."""
        with _named_outages():
            async with AsyncExitStack() as held:
                try:
                    connection = await held.enter_async_context(self._pool.acquire(timeout=self._lends_within))
                except TimeoutError as exc:
                    self._complain_if_full(exc)
                    raise
                with _named_breaks(connection):
                    yield connection

    def _complain_if_full(self, timeout: TimeoutError) -> None:
        most = self._pool.get_max_size()
        if self._pool.get_size() == most and self._pool.get_idle_size() == 0:
            raise DatabaseBusy(
                f"all {most} connections of this process are in use, and none came free within {self._lends_within:g} s"
            ) from timeout

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection inside a transaction: all or nothing."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def one(self) -> AsyncIterator["Pool"]:
        """Lend one connection as a pool: what asks several times for one answer takes it, and gives it back, once."""
        async with self.connection() as connection:
            yield Pool(OneConnection(connection))

    async def close(self) -> None:
        """Close every connection once those who hold one are done; after a few seconds, without waiting for them."""
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()


@cache
def release() -> str:
    """The version of this release."""
    return version("voice-subnet")


class OneConnection:
    """One connection, in the place of the driver's pool of many."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @asynccontextmanager
    async def acquire(self, timeout: float) -> AsyncIterator[Connection]:  # noqa: ARG002, ASYNC109  # as the driver's pool has it
        """Lend it."""
        yield self._connection


async def connect(
    url: str, *, application: str = "voice", size: int = 10, lazy: bool = False, patience: float | None = None
) -> Pool:
    """Open a pool of at most `size` connections, which the caller closes; raises DatabaseUnavailable.

    `application` is the name under which PostgreSQL lists the connections, with the release after it. A `lazy` one connects when it
    is first used, so that a process can start, and say that it is not ready, while PostgreSQL is away. `patience`: the seconds that a
    connection, and the answer to a command, are waited for; without it as long as a daemon can.
    """
    lends_within, answers_within = patience or _CONNECT_SECONDS, patience or _COMMAND_SECONDS
    with _named_outages():
        pooled = is_pooled(_checked(url))
        pool = await asyncpg.create_pool(
            without_mark(url),
            min_size=0 if lazy else 1,
            max_size=size,
            init=speak_json,
            reset=_keep if pooled else None,
            statement_cache_size=0 if pooled else _STATEMENTS,
            timeout=lends_within,
            command_timeout=answers_within,
            server_settings={"application_name": f"{application} {release()}"},
        )
    return Pool(pool, lends_within)


@asynccontextmanager
async def open_pool(
    url: str, *, application: str = "voice", size: int = 10, lazy: bool = False, patience: float | None = None
) -> AsyncIterator[Pool]:
    """`connect` for as long as the context lasts."""
    pool = await connect(url, application=application, size=size, lazy=lazy, patience=patience)
    try:
        yield pool
    finally:
        await pool.close()


async def _keep(_connection: Connection) -> None:
    """Reset nothing before a connection is lent again: of a pooler's sessions nothing is kept, and the question costs a transaction."""


@asynccontextmanager
async def connection_to(url: str, *, session: bool = False) -> AsyncIterator[Connection]:
    """Open one connection outside a pool, without a limit on a command's time; raises DatabaseUnavailable.

    A `session` is for locks and news that outlast a transaction: it raises PlatformError(SETTING_INVALID) for a URL that leads to a
    pooler, whether it says so or not.
    """
    with _named_outages():
        if session:
            insist_on_a_session(_checked(url))
        named, kept = {"application_name": f"voice {release()}"}, 0 if is_pooled(_checked(url)) else _STATEMENTS
        connection = await asyncpg.connect(
            without_mark(url), timeout=_CONNECT_SECONDS, statement_cache_size=kept, server_settings=named
        )
        try:
            with _named_breaks(connection):
                if session and connection.get_server_pid() != await connection.fetchval(sql("processes.serving")):
                    refuse_a_pooler()
                yield connection
        finally:
            await connection.close(timeout=_CLOSE_SECONDS)


@contextmanager
def _named_outages() -> Iterator[None]:
    try:
        yield
    except _OUTAGES as exc:
        raise _outage(exc) from exc
    except asyncpg.UndefinedTableError as exc:  # processes that start together with the first migration wait for it
        raise DatabaseUnavailable(_NO_SCHEMA) from exc
    except asyncpg.ClientConfigurationError as exc:
        raise DatabaseUnavailable(_NOT_A_URL) from exc


def _outage(exc: BaseException) -> DatabaseUnavailable:
    """The outage in a sentence of ours: messages of the driver may carry the address and the user."""
    if isinstance(exc, asyncpg.TooManyConnectionsError):
        return DatabaseBusy(
            "PostgreSQL takes no more connections: as many are open as it allows (max_connections, or a role's own limit)"
        )
    for kind, sentence in _SENTENCES.items():
        if isinstance(exc, kind):
            return DatabaseUnavailable(sentence)
    why = tls.trouble(exc, "DATABASE_URL") or why_broken(exc)
    return DatabaseUnavailable(f"PostgreSQL cannot be reached ({why})")


def _checked(url: str) -> str:
    try:
        _ = urlsplit(url).port, is_pooled(url)
    except ValueError as exc:
        raise DatabaseUnavailable(_NOT_A_URL) from exc
    missing = tls.missing_file(url, "DATABASE_URL")
    if missing is not None:
        raise DatabaseUnavailable(missing)
    return url


@contextmanager
def _named_breaks(connection: Connection) -> Iterator[None]:
    """The driver has one error for a connection that ended and for wrong use: only the first is an outage."""
    try:
        yield
    except asyncpg.InterfaceError as exc:
        if _ended(connection):
            raise DatabaseUnavailable("the connection to PostgreSQL was lost") from exc
        raise


def _ended(connection: Connection) -> bool:
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True  # the pool has taken it back, as it does when a connection ends


async def speak_json(connection: Connection) -> None:
    """Let a connection take JSON columns as Python's values."""
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(kind, encoder=_encode, decoder=_decode, schema="pg_catalog")


def _decode(text: str) -> Any:
    """JSON that PostgreSQL takes and Python cannot read (nesting, digits) stays text, for its reader to refuse."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _encode(value: object) -> str:
    # PostgreSQL knows no NaN in JSON; refuse it here, with a ValueError that says so.
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def sql(name: str) -> str:
    """The text of a query, comments included: `sql("queue.claim")` is `claim` of queue.sql. Raises KeyError for a name without one."""
    file, _, query = name.partition(".")
    return _queries_of(file)[query]


def query_names() -> tuple[str, ...]:
    """Every query's name, in order."""
    return tuple(f"{path.stem}.{query}" for path in sorted(_QUERIES.glob("*.sql")) for query in _queries_of(path.stem))


@cache
def _queries_of(file: str) -> dict[str, str]:
    path = _QUERIES / f"{file}.sql"
    if not path.is_file():
        raise KeyError(file)
    _, *parts = _HEADING.split(path.read_text(encoding="utf-8"))
    return {query: text.strip() for query, text in zip(parts[::2], parts[1::2], strict=True)}


def read(kind: type[Record], row: Mapping[str, Any], **others: Any) -> Record:
    """Build a record from a row, whose columns are named as its fields are; `others` are fields that no column holds.

    Closed sets become their enums. Raises KeyError for a missing column.
    """
    key: Any = kind  # mypy does not take a type variable's class as hashable
    columns = _columns(key, frozenset(others))
    values = dict(zip(columns.names, columns.pick(row), strict=True))
    for name, members in columns.enums:  # apart from the rest: most columns are taken as they are, and pages have very many
        if values[name] is not None:
            values[name] = members[values[name]]
    return kind(**values, **others)


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns of a record, the function that takes them from a row, and the members by value of those that become an enum."""

    names: tuple[str, ...]
    pick: Callable[[Mapping[str, Any]], Sequence[Any]]
    enums: tuple[tuple[str, Mapping[Any, Enum]], ...]


@cache
def _columns(kind: type[Any], without: frozenset[str]) -> _Columns:
    hints = get_type_hints(kind)
    names = tuple(field.name for field in fields(kind) if field.name not in without)
    enums = ((name, enum) for name in names if (enum := _enum_of(hints[name])) is not None)
    pick = itemgetter(*names) if len(names) > 1 else lambda row: [row[name] for name in names]
    return _Columns(names, pick, tuple((name, {member.value: member for member in enum}) for name, enum in enums))


def _enum_of(hint: Any) -> type[Enum] | None:
    for part in (hint, *get_args(hint)):
        if isinstance(part, type) and issubclass(part, Enum):
            return part
    return None
