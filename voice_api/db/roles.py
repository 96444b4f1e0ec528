"""The database's roles, which say what each process may do, and the logins that are members of them.

roles.sql holds the rights, `queries/logins.sql` makes the logins: each process has one of its own.
"""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

import asyncpg

from scoring.errors import Code, PlatformError
from voice_api.db.database import Connection, connection_to, sql

_RIGHTS = Path(__file__).with_name("roles.sql")
ROLES: Mapping[str, str] = MappingProxyType(
    {
        "api": "voice_api",
        "dispatcher": "voice_api",
        "worker": "voice_worker",
        "validator": "voice_validator",
        "reader": "voice_reader",
        "backup": "voice_backup",
    }
)
"""The role of each process's login."""
_HOSTS_WORKER = re.compile(r"worker-[a-z0-9][a-z0-9-]*", re.ASCII)
"""The login of another host's workers."""
_RACES = (asyncpg.InternalServerError, asyncpg.UniqueViolationError, asyncpg.DuplicateObjectError)
"""PostgreSQL's errors for a role that another transaction changed, or made, at the same moment."""
_TRIES = 20
_PAUSE = timedelta(milliseconds=200)
"""The longest between two tries."""

Change = Callable[[Connection], Awaitable[None]]


async def apply(url: str) -> None:
    """Make the roles, and give each exactly what roles.sql says; again, or at once with others, it changes nothing.

    The URL's user must own the tables and may create roles. Raises DatabaseUnavailable, also before the first migration.
    """

    async def give_rights(connection: Connection) -> None:
        await connection.execute(_RIGHTS.read_text(encoding="utf-8"))

    await _change_roles(url, give_rights)


@dataclass(frozen=True, slots=True)
class Login:
    """A role that may connect, and its password."""

    name: str
    password: str = field(repr=False)

    @classmethod
    def of(cls, url: str) -> "Login":
        """The login that a database URL carries; raises PlatformError(SETTING_INVALID), which names no password."""
        try:
            parts = urlsplit(url)
            name, password = unquote(parts.username or ""), unquote(parts.password or "")
        except ValueError as exc:
            raise PlatformError(Code.SETTING_INVALID, "A login's file holds no PostgreSQL URL.") from exc
        if not (name in ROLES or _HOSTS_WORKER.fullmatch(name)) or not password:
            known = f"one of the users {', '.join(ROLES)}, or worker-HOST"
            raise PlatformError(Code.SETTING_INVALID, f"A login's URL carries a password and {known}, not {name!r}.")
        return cls(name, password)

    @property
    def role(self) -> str:
        """Of whose members it is one."""
        return ROLES.get(self.name, ROLES["worker"])


async def ensure_logins(url: str, logins: Sequence[Login]) -> None:
    """Make each login, or give it its password anew; the roles must be there, and the URL's user may create logins."""

    async def make(connection: Connection) -> None:
        for login in logins:
            await connection.fetchrow(sql("logins.named"), login.name, login.role, login.password)
            await connection.execute(sql("logins.ensure"))

    await _change_roles(url, make)


async def _change_roles(url: str, change: Change) -> None:
    """Change the roles in one transaction, and again where that met another database's: all of a server share its roles.

    A lock holds within one database alone. Whoever loses the race finds nothing done, so another try does all of it; after a bounded
    number of tries the race's error is raised.
    """
    for tried in range(1, _TRIES + 1):
        try:
            async with connection_to(url, session=True) as connection, connection.transaction():
                await connection.execute(sql("migrations.lock"))
                await change(connection)
            return
        except _RACES as exc:
            if tried == _TRIES or (isinstance(exc, asyncpg.InternalServerError) and "concurrently" not in str(exc)):
                raise
        await asyncio.sleep(_PAUSE.total_seconds() * random.random())  # noqa: S311 - no secret: two that met shall not meet again
