"""The database's roles are made as they are declared, however often, and by one command."""

import asyncio

import pytest
from typer.testing import CliRunner

from neurons.cli.main import app
from voice_api.db import roles
from voice_api.db.database import Pool, connection_to
from voice_api.errors import DatabaseUnavailable

pytestmark = pytest.mark.usefixtures("alone_on_the_server")

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
