"""The database's roles are made as they are declared, however often, and by one command."""

import asyncio

import pytest
from typer.testing import CliRunner

from neurons.cli.main import app
from voice_api.db import migrate, roles
from voice_api.db.database import Pool, connection_to
from voice_api.errors import DatabaseUnavailable

pytestmark = pytest.mark.usefixtures("alone_on_the_server")

WAITS = "select exists (select from pg_locks where locktype = 'transactionid' and not granted)"
"""Whether a transaction of the server waits for another one's end."""
ROLES = ["voice_api", "voice_reader", "voice_validator", "voice_worker"]


async def test_applying_again_leaves_what_is_declared(pool: Pool, database_url: str) -> None:
    """Rights that somebody gave by hand are taken back; the roles can neither log in nor do more than PostgreSQL lets anybody."""
    await roles.apply(database_url)
    async with pool.connection() as connection:
        await connection.execute("grant update on ledger to voice_worker; alter role voice_reader login superuser")
    await roles.apply(database_url)
    async with pool.connection() as connection:
        assert not await connection.fetchval("select has_table_privilege('voice_worker', 'ledger', 'update')")
        rows = await connection.fetch(
            """select rolname from pg_roles where rolname = any($1) and not (
                rolcanlogin or rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls)""",
            ROLES,
        )
    assert sorted(row["rolname"] for row in rows) == ROLES


async def test_roles_need_the_schema(empty_database_url: str) -> None:
    """Before the first migration there is nothing to give rights on, and the error says what to do first."""
    with pytest.raises(DatabaseUnavailable, match="voice db upgrade"):
        await roles.apply(empty_database_url)


async def test_databases_of_one_server_may_apply_them_at_once(database_url: str, empty_database_url: str) -> None:
    """All databases of a server share its roles: whoever meets another one's change in the middle does it again."""
    await migrate.upgrade(empty_database_url)
    await roles.apply(database_url)
    async with connection_to(database_url) as first, connection_to(database_url) as watch:
        async with first.transaction():
            await first.execute("alter role voice_api nologin")
            second = asyncio.create_task(roles.apply(empty_database_url))
            async with asyncio.timeout(20):
                while not await watch.fetchval(WAITS):
                    assert not second.done()
                    await asyncio.sleep(0.01)
        await second
    await asyncio.gather(*(roles.apply(url) for _ in range(4) for url in (database_url, empty_database_url)))


def test_command(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`voice db roles` applies them to the database that the environment names."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert CliRunner().invoke(app, ["db", "roles"]).exit_code == 0

    async def may_claim() -> bool:
        async with connection_to(database_url) as connection:
            return bool(
                await connection.fetchval("select has_column_privilege('voice_worker', 'evaluations', 'score', 'update')")
            )

    assert asyncio.run(may_claim())
