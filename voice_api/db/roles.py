"""The database's roles, which say what each process may do, and the logins that are members of them.

roles.sql holds the rights. Each process has a login of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

from scoring.errors import Code, PlatformError
from voice_api.db.database import connection_to, sql

_RIGHTS = Path(__file__).with_name("roles.sql")
ROLES: Mapping[str, str] = MappingProxyType(
    {
        "api": "voice_api",
        "dispatcher": "voice_api",
        "worker": "voice_worker",
        "validator": "voice_validator",
        "reader": "voice_reader",
    }
)
"""The role of each process's login."""


async def apply(url: str) -> None:
    """Make the roles, and give each exactly what roles.sql says; again, or at once with others, it changes nothing.

    The URL's user must own the tables and may create roles. Raises DatabaseUnavailable, also before the first migration.
    """
    async with connection_to(url) as connection, connection.transaction():
        await connection.execute(sql("migrations.lock"))
        await connection.execute(_RIGHTS.read_text(encoding="utf-8"))


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
        if name not in ROLES or not password:
            raise PlatformError(
                Code.SETTING_INVALID, f"A login's URL carries a password and one of the users {', '.join(ROLES)}, not {name!r}."
            )
        return cls(name, password)


async def ensure_logins(url: str, logins: Sequence[Login]) -> None:
    """Make each login, or give it its password anew; the roles must be there, and the URL's user may create logins."""
    async with connection_to(url) as connection, connection.transaction():
        await connection.execute(sql("migrations.lock"))
        for login in logins:
            await connection.fetchrow(sql("logins.named"), login.name, ROLES[login.name], login.password)
            await connection.execute(sql("logins.ensure"))
