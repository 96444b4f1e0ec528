"""Bring a database to the newest schema: Alembic orders the migrations, which are SQL files, and one connection runs them.

Alembic writes one script from the stored revision to the newest (its offline mode), because SQLAlchemy over asyncpg prepares
every statement, and PostgreSQL prepares one at a time only.
"""

import io
from functools import cache
from pathlib import Path

import asyncpg
from alembic import command, op
from alembic.config import Config
from alembic.script import ScriptDirectory

from scoring.errors import Code, PlatformError
from voice_api.db.database import Connection, Pool, connection_to, sql

MIGRATIONS = Path(__file__).with_name("migrations")


async def upgrade(url: str) -> None:
    """Apply every migration that is missing, all or none; concurrent calls wait for each other.

    Raises DatabaseUnavailable, and PlatformError(SCHEMA_UNKNOWN) for a database that a newer release has upgraded: there is no way back
    but a backup.
    """
    async with connection_to(url, session=True) as connection:
        await connection.execute(sql("migrations.lock"))
        current = await revision(connection)
        if current is not None and current not in revisions():
            why = f"the database is of schema {current}, which a newer release made; this one knows those up to {head()}"
            raise PlatformError(Code.SCHEMA_UNKNOWN, why)
        if current != head():
            await connection.execute(script_from(current))


async def revision_of(url: str) -> str | None:
    """The newest migration that a database has, None where it has none; raises DatabaseUnavailable."""
    async with connection_to(url) as connection:
        return await revision(connection)


async def at_head(pool: Pool) -> bool:
    """Whether every migration was applied."""
    async with pool.connection() as connection:
        return await revision(connection) == head()


async def revision(connection: Connection) -> str | None:
    """The name of a database's revision; None where it has no schema."""
    try:
        version: str | None = await connection.fetchval(sql("migrations.version"))
    except asyncpg.UndefinedTableError:
        return None
    return version


@cache
def head() -> str:
    """The newest revision's name."""
    newest = ScriptDirectory.from_config(_config(io.StringIO())).get_current_head()
    if newest is None:
        raise FileNotFoundError(f"{MIGRATIONS} holds no migration")
    return newest


def revisions() -> tuple[str, ...]:
    """Every revision that this release knows, oldest first."""
    known = ScriptDirectory.from_config(_config(io.StringIO())).walk_revisions()
    return tuple(script.revision for script in reversed(list(known)))


def script_from(revision: str | None, to: str = "head", *, whole: bool = True) -> str:
    """The SQL that leads from a revision (None: an empty database) to another: a `whole` transaction, or part of the caller's."""
    script = io.StringIO()
    config = _config(script)
    config.attributes["whole"] = whole
    command.upgrade(config, f"{revision or 'base'}:{to}", sql=True)
    return script.getvalue()


def write_out(name: str) -> None:
    """Put a file of `migrations/` into the script; for migrations only."""
    op.get_context().impl.static_output((MIGRATIONS / name).read_text(encoding="utf-8"))


def _config(output: io.StringIO) -> Config:
    config = Config(output_buffer=output)
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))  # it is read as a format
    config.set_main_option("path_separator", "os")
    return config
