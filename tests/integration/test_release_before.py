"""The way back from an upgrade with the real release before: its own code, of the history, at its own schema."""

import asyncio
import io
import os
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.builders.command_line import voice
from tests.integration.played import play
from voice_api.db import migrate
from voice_api.db.backup import backup_source
from voice_api.db.database import connection_to, open_pool

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed

ROOT = Path(__file__).resolve().parents[2]
BEFORE = migrate.revisions()[-2]
PACKAGES = ("neurons", "workers", "voice_api", "scoring", "prompts")
SEQUENCES = """
select pg_get_serial_sequence(quote_ident(table_name), column_name) as sequence, table_name, column_name
from information_schema.columns
where table_schema = 'public' and pg_get_serial_sequence(quote_ident(table_name), column_name) is not null
"""

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("alone_on_the_server")]


def git(*arguments: str) -> bytes:
    """What git prints; the test is skipped where the history is not here."""
    done = subprocess.run(("git", "-C", str(ROOT), *arguments), capture_output=True, check=False)
    if done.returncode or not done.stdout:
        pytest.skip(f"the history is not here: git {arguments[0]} ends with {done.returncode}")
    return done.stdout


@pytest.fixture
def former(tmp_path: Path) -> Path:
    """The source of the commit before the newest migration."""
    migration = f"voice_api/db/migrations/versions/r{migrate.head()}_*.py"
    commit = git("log", "-1", "--diff-filter=A", "--format=%H", "--", migration).decode().strip()
    folder = tmp_path / "former"
    with tarfile.open(fileobj=io.BytesIO(git("archive", f"{commit}^", *PACKAGES))) as archive:
        archive.extractall(folder, filter="data")
    return folder


def run(former: Path, url: str, *arguments: str) -> str:
    """Run a command of the former release: what it printed."""
    given = {"PATH": os.defpath, "HOME": str(former), "PYTHONPATH": str(former), "DATABASE_URL": url}
    command = (sys.executable, "-m", "neurons.cli", *arguments)
    done = subprocess.run(command, cwd=former, env=given, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def rows_of(url: str) -> dict[str, int]:
    """How many rows each table has that a backup holds."""
    async with backup_source(url) as source, connection_to(url) as connection:
        return {table.name: await connection.fetchval(f"select count(*) from {table.name}") for table in await source.tables()}  # noqa: S608


async def as_the_former_release_wrote_them(new: str, old: str) -> None:
    """Copy the rows of a database at the newest schema into one at the schema before, as far as that has their columns."""
    async with (
        connection_to(old) as target,
        connection_to(new) as origin,
        backup_source(old) as source,
        backup_source(new) as ours,
    ):
        known = {table.name: table.columns for table in await ours.tables()}
        await target.execute(
            f"truncate {', '.join(table.name for table in await source.tables())} cascade"
        )  # migrations fill some
        for table in await source.tables():
            columns = [column for column in table.columns if column in known[table.name]]
            text = io.BytesIO()
            await origin.copy_from_table(table.name, columns=columns, output=text)
            text.seek(0)
            await target.copy_to_table(table.name, columns=columns, source=text)
        for row in await target.fetch(SEQUENCES):
            newest = f"select coalesce(max({row['column_name']}), 0) + 1 from {row['table_name']}"  # noqa: S608
            await target.execute("select setval($1, $2, false)", row["sequence"], await target.fetchval(newest))


async def test_a_node_goes_back_to_the_real_release_before(
    stack: "ValidatorBed", former: Path, database_url: str, empty_database_url: str, tmp_path: Path
) -> None:
    """Rows at its schema, an upgrade, a round of this release, back by its own hand; as many rows of each table, and on again."""
    await play(stack, 2)
    ledger = await stack.store.ledger.page()
    url = empty_database_url
    await asyncio.to_thread(run, former, url, "db", "upgrade")
    assert await migrate.revision_of(url) == BEFORE
    await as_the_former_release_wrote_them(database_url, url)
    before = await rows_of(url)
    assert (before["ledger"], before["evaluations"] > 2) == (2, True)

    async def goes_on() -> None:
        assert (
            await asyncio.to_thread(voice, tmp_path, "db", "upgrade", DATABASE_URL=url, VOICE_BACKUPS="points")
        ).returncode == 0
        assert await migrate.revision_of(url) == migrate.head()
        assert before.items() <= (await rows_of(url)).items()
        async with open_pool(url, application="tests", size=8) as pool:
            again = replace(stack, pool=pool)
            assert await again.store.ledger.page() == ledger
            await play(again, 1)

    await goes_on()
    assert (await rows_of(url))["ledger"] == 3
    [point] = (tmp_path / "points").iterdir()
    await asyncio.to_thread(run, former, url, "backup", "restore", str(point), "--force", "--yes")
    assert (await migrate.revision_of(url), await rows_of(url)) == (BEFORE, before)
    stack.chain.block = 2 * 360 + 5
    await goes_on()
