"""The database's roles: what each process may do, and nothing more."""

from pathlib import Path

from voice_api.db.database import connection_to, sql

ROLES = Path(__file__).with_name("roles.sql")


async def apply(url: str) -> None:
    """Make the roles, and give each exactly what roles.sql says; again, or at once with others, it changes nothing.

    The URL's user must own the tables and may create roles. Raises DatabaseUnavailable, also before the first migration.
    """
    async with connection_to(url) as connection, connection.transaction():
        await connection.execute(sql("migrations.lock"))
        await connection.execute(ROLES.read_text(encoding="utf-8"))
