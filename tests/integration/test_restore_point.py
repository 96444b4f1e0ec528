"""A restore point is made before a migration, and a stack goes on from it with the release before."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from neurons.backup.archive import Archive
from neurons.backup.restore_point import restore_point
from scoring.errors import Code
from tests.builders.command_line import Ended, voice
from tests.integration.played import play
from voice_api.db import migrate
from voice_api.db.database import connection_to, open_pool
from voice_api.settings import ApiSettings

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed

pytestmark = pytest.mark.usefixtures("alone_on_the_server")
OLD = "0014"
NEXT_RELEASE = """
alter table evaluations rename column score to points;
drop table votes;
update alembic_version set version_num = '9001';
"""
"""A migration of a release to come, after which this one can do nothing with the tables."""


async def upgrade(folder: Path, url: str, *options: str, **environment: str) -> Ended:
    """`voice db upgrade`, its restore points in `points`."""
    given = {"VOICE_BACKUPS": "points", **environment}
    return await asyncio.to_thread(voice, folder, "db", "upgrade", *options, DATABASE_URL=url, **given)


def points(folder: Path) -> list[Path]:
    """The restore points that there are."""
    return sorted((folder / "points").glob("*")) if (folder / "points").is_dir() else []


async def at(url: str, revision: str) -> None:
    """An empty database gets an old schema."""
    async with connection_to(url) as connection:
        await connection.execute(migrate.script_from(None, revision))


async def test_one_is_made_before_a_schema_changes(empty_database_url: str, tmp_path: Path) -> None:
    """Once: not where nothing is yet, and not where nothing is to be done."""
    await at(empty_database_url, OLD)
    ended = await upgrade(tmp_path, empty_database_url)
    [point] = points(tmp_path)
    assert (ended.returncode, ended.stdout, str(point.relative_to(tmp_path)) in ended.stderr) == (0, "", True)
    assert Archive(point).manifest.schema_revision == OLD
    assert point.stem.endswith(f"Z-before-{migrate.head()}")
    assert await migrate.revision_of(empty_database_url) == migrate.head()
    assert (await upgrade(tmp_path, empty_database_url)).returncode == 0
    assert points(tmp_path) == [point]


async def test_old_ones_go_once_the_new_one_is_whole(empty_database_url: str, tmp_path: Path) -> None:
    """The newest stay, as many as are asked for."""
    await at(empty_database_url, OLD)
    (tmp_path / "points").mkdir()
    old = [tmp_path / "points" / f"voice-2026010{day}T000000Z-before-0013.zip" for day in (1, 2)]
    for path in old:
        path.touch()
    ended = await upgrade(tmp_path, empty_database_url, VOICE_RESTORE_POINTS_KEEP="2")
    assert ended.returncode == 0
    assert (len(points(tmp_path)), points(tmp_path)[0]) == (2, old[1])
    assert f"removed, as newer ones are kept: points/{old[0].name}" in ended.stderr


async def test_a_new_database_needs_none(empty_database_url: str, tmp_path: Path) -> None:
    """There is nothing to go back to."""
    assert (await upgrade(tmp_path, empty_database_url)).returncode == 0
    assert (points(tmp_path), await migrate.revision_of(empty_database_url)) == ([], migrate.head())


async def test_where_none_can_be_made_nothing_changes_unless_it_is_told_so(empty_database_url: str, tmp_path: Path) -> None:
    """A folder that is none ends the command before the first migration."""
    await at(empty_database_url, OLD)
    (tmp_path / "file").touch()
    ended = await upgrade(tmp_path, empty_database_url, VOICE_BACKUPS="file/points")
    assert (ended.returncode, f"error {Code.BACKUP_NOT_WRITTEN}" in ended.stderr) == (1, True)
    assert await migrate.revision_of(empty_database_url) == OLD
    assert (await upgrade(tmp_path, empty_database_url, "--no-restore-point", VOICE_BACKUPS="file/points")).returncode == 0
    assert await migrate.revision_of(empty_database_url) == migrate.head()


async def test_a_stack_goes_back_to_the_release_before(
    stack: "ValidatorBed",
    database_url: str,
    tmp_path: Path,
    listen: Callable[[ApiSettings], str],
    api_settings: Callable[..., ApiSettings],
) -> None:
    """Rounds, an upgrade that this release cannot live with, back by the restore point, and the next round on the same ledger."""
    await play(stack, 2)
    before = await stack.store.ledger.page()
    await stack.pool.close()
    point = await restore_point(database_url, tmp_path / "points", datetime.now(UTC), to="9001")
    assert point is not None
    async with connection_to(database_url) as connection:
        await connection.execute(NEXT_RELEASE)

    async def ready() -> bool:
        async with httpx.AsyncClient(base_url=listen(api_settings()), trust_env=False) as client:
            return (await client.get("/readyz")).is_success

    refused = await upgrade(tmp_path, database_url)
    assert (refused.returncode, f"error {Code.SCHEMA_UNKNOWN}" in refused.stderr) == (1, True)
    assert points(tmp_path) == [point.path]
    back = await asyncio.to_thread(
        voice, tmp_path, "backup", "restore", str(point.path), "--force", "--yes", DATABASE_URL=database_url
    )
    assert back.returncode == 0, back.stderr
    assert await ready()
    async with open_pool(database_url, size=8) as pool:
        again = replace(stack, pool=pool)
        assert await again.store.ledger.page() == before
        await play(again, 1)
        assert (await again.store.ledger.page())[:-1] == before
