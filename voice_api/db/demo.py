"""The demo's own database on a PostgreSQL server that somebody else runs."""

from urllib.parse import urlsplit, urlunsplit

from voice_api.db.database import connection_to, sql

_NAME = "voice_demo"


async def database_on(url: str, keep: bool) -> str:
    """The URL of the database `voice_demo` on the server of `url`: new, unless `keep` and it is there. Raises DatabaseUnavailable."""
    async with connection_to(url) as connection:
        if not keep:
            await connection.execute(sql("demo.drop"))
        if not await connection.fetchval(sql("demo.exists")):
            await connection.execute(sql("demo.create"))
    return urlunsplit(urlsplit(url)._replace(path=f"/{_NAME}"))
