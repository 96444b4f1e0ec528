"""A database of one's own on a server that is there."""

import re
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from scoring.errors import Code, PlatformError
from voice_api.db import migrate
from voice_api.db.database import connection_to, sql

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)


async def create(url: str, name: str) -> str:
    """Make the database `name` on the server of `url` where it is missing, bring it to the newest schema, and return its URL.

    Raises PlatformError for a name that is none, and for a user who may make no databases; DatabaseUnavailable.
    """
    if not _NAME.fullmatch(name):
        raise PlatformError(
            Code.ARGUMENT_INVALID,
            f"{name!r} is no database's name here: small letters, digits and _, a letter first, at most 63.",
        )
    async with connection_to(url) as connection:
        if not await connection.fetchval(sql("databases.exists"), name):
            try:
                await connection.execute(await connection.fetchval(sql("databases.creation"), name))
            except asyncpg.InsufficientPrivilegeError as exc:
                raise PlatformError(
                    Code.SETTING_INVALID, "The user in DATABASE_URL may make no databases: name the server's owner there."
                ) from exc
    made = urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    await migrate.upgrade(made)
    return made
