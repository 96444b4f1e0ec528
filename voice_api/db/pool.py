"""Connections to PostgreSQL. Foreign connection errors become DatabaseUnavailable here and nowhere else."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from voice_api.errors import DatabaseUnavailable

_OUTAGES = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.QueryCanceledError,
)
_CONNECT_SECONDS = 10
_COMMAND_SECONDS = 30
_CLOSE_SECONDS = 5

Connection = Any
"""An asyncpg connection; that package is untyped."""


class Pool:
    """A pool of connections that speak JSON, time out, and report every outage by one name."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection; raises DatabaseUnavailable when there is none, or when it breaks while lent."""
        try:
            async with self._pool.acquire(timeout=_CONNECT_SECONDS) as connection:
                try:
                    yield connection
                except asyncpg.InterfaceError as exc:
                    if connection.is_closed():
                        raise DatabaseUnavailable("the connection to PostgreSQL was lost") from exc
                    raise
        except _OUTAGES as exc:
            raise _unavailable(exc) from exc

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection inside a transaction: all or nothing."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def close(self) -> None:
        """Close every connection once those who hold one are done; after a few seconds, without waiting for them."""
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()


async def connect(url: str, *, application: str = "voice", size: int = 10) -> Pool:
    """Open a pool of at most `size` connections, which the caller closes; raises DatabaseUnavailable.

    `application` is the name under which PostgreSQL lists the connections.
    """
    try:
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=size,
            init=_speak_json,
            timeout=_CONNECT_SECONDS,
            command_timeout=_COMMAND_SECONDS,
            server_settings={"application_name": application},
        )
    except _OUTAGES as exc:
        raise _unavailable(exc) from exc
    except ValueError as exc:
        raise DatabaseUnavailable("DATABASE_URL is not a PostgreSQL URL") from exc
    return Pool(pool)


@asynccontextmanager
async def open_pool(url: str, *, application: str = "voice", size: int = 10) -> AsyncIterator[Pool]:
    """`connect` for as long as the context lasts."""
    pool = await connect(url, application=application, size=size)
    try:
        yield pool
    finally:
        await pool.close()


@asynccontextmanager
async def connection_to(url: str) -> AsyncIterator[Connection]:
    """Open one connection outside a pool, without a limit on a command's time; raises DatabaseUnavailable."""
    try:
        connection = await asyncpg.connect(url, timeout=_CONNECT_SECONDS)
        try:
            yield connection
        finally:
            await connection.close()
    except _OUTAGES as exc:
        raise _unavailable(exc) from exc
    except ValueError as exc:
        raise DatabaseUnavailable("DATABASE_URL is not a PostgreSQL URL") from exc


def _unavailable(exc: BaseException) -> DatabaseUnavailable:
    # The kind of error alone: messages of the driver may carry the address and the user.
    return DatabaseUnavailable(f"PostgreSQL cannot be reached ({type(exc).__name__})")


async def _speak_json(connection: Connection) -> None:
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(kind, encoder=_encode, decoder=json.loads, schema="pg_catalog")


def _encode(value: object) -> str:
    # PostgreSQL knows no NaN in JSON; refuse it here, with a ValueError that says so.
    return json.dumps(value, allow_nan=False, separators=(",", ":"))
