"""`voice backup` on a real database: what comes back is what was there, and a database that holds something is safe."""

import asyncio
import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from neurons.backup.archive import MANIFEST, Archive
from scoring.errors import Code, PlatformError
from tests.builders.command_line import Ended, voice
from tests.integration.played import play
from voice_api.db import migrate, roles
from voice_api.db.backup import LEFT_OUT, backup_source
from voice_api.db.database import connection_to, open_pool, release
from voice_api.db.ledger import Ledger
from voice_api.db.submissions import NewSubmission, Submissions

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed

pytestmark = pytest.mark.usefixtures("alone_on_the_server")
SECRETS = {
    "VOICE_STORE_SECRET_KEY": "planted-storage-key",
    "VOICE_STORE_ACCESS_KEY": "planted-access",
    "HF_TOKEN": "hf_planted_token",
    "REDIS_URL": "redis://:planted-redis@localhost",
}
PRIVATE = """
insert into validations (hotkey, text, description, sha256, upload) values ('h', 'planted words', '', repeat('a', 64), 'planted recording');
insert into idempotency (hotkey, key, request, status, answer) values ('h', 'k', 'r', 200, 'planted answer');
insert into workers (name, host, queue) values ('planted-worker', 'h', 'cpu');
"""


async def voice_here(folder: Path, *arguments: str, url: str, **environment: str) -> Ended:
    """A command beside the loop that the test's own connections live in."""
    return await asyncio.to_thread(voice, folder, *arguments, DATABASE_URL=url, **environment)


async def rows(url: str) -> dict[str, bytes]:
    """Every table that a backup holds, as text."""
    found = {}
    async with backup_source(url) as source:
        for table in await source.tables():
            out = BytesIO()
            await source.copy(table, out)
            found[table.name] = b"".join(sorted(out.getvalue().splitlines(keepends=True)))
    return found


@pytest.fixture
async def backup(stack: "ValidatorBed", database_url: str, tmp_path: Path) -> Path:
    """Of a database with two folded rounds and of a store with a sound, in which much is private."""
    await play(stack, 2)
    async with stack.pool.connection() as connection:
        await connection.execute(PRIVATE)
    sound = tmp_path / "store" / "audio" / "ab" / "abcd.flac"
    sound.parent.mkdir(parents=True)
    sound.write_bytes(b"fLaC and more")
    (tmp_path / "wallets").mkdir()
    (tmp_path / "wallets" / "key").write_text("planted mnemonic")
    made = await voice_here(
        tmp_path, "backup", "create", "kept", "--with-store", "--json", url=database_url, VOICE_STORE="store", **SECRETS
    )
    assert made.returncode == 0, made.stderr
    return tmp_path / str(json.loads(made.stdout)["file"])


async def test_what_comes_back_is_what_was_there(
    stack: "ValidatorBed",
    backup: Path,
    database_url: str,
    empty_database_url: str,
    new_submission: Callable[..., NewSubmission],
    tmp_path: Path,
) -> None:
    """Every row of every table, the ledger to the letter, the roles' rights; new rows go on after the old ones, and the store is whole."""
    (tmp_path / "store" / "audio" / "ab" / "abcd.flac").unlink()
    there = await voice_here(tmp_path, "backup", "restore", str(backup), "--json", url=empty_database_url, VOICE_STORE="store")
    assert (there.returncode, there.stderr) == (0, "")
    assert json.loads(there.stdout)["store_files"] == {"named": 1, "missing": 1, "put_back": 1}
    assert (tmp_path / "store" / "audio" / "ab" / "abcd.flac").read_bytes() == b"fLaC and more"
    assert await rows(empty_database_url) == await rows(database_url)
    async with connection_to(empty_database_url) as connection, connection_to(database_url) as lost:
        keys = [await each.fetchval("select secret from sketch_keys") for each in (connection, lost)]
        assert len({len(key) for key in keys}) == 1
        assert keys[0] != keys[1]
    async with open_pool(empty_database_url, size=2) as pool:
        assert await Ledger(pool, stack.hotkey).page() == await stack.store.ledger.page()
        before = await stack.store.submissions.add([new_submission()])
        assert await Submissions(pool).add([new_submission()]) == before
        assert await migrate.at_head(pool)
    async with open_pool(f"{empty_database_url}&role=voice_reader", size=1) as reader, reader.connection() as connection:
        assert await connection.fetchval("select count(*) from ledger") == 2


async def test_neither_keys_nor_what_people_asked_for_is_in_it(backup: Path, database_url: str) -> None:
    """Nothing that was planted in the environment, beside the store or in private tables; every other table is there."""
    with zipfile.ZipFile(backup) as archive:
        inside = b"".join(archive.read(name) for name in archive.namelist())
        names = {name.removeprefix("tables/") for name in archive.namelist() if name.startswith("tables/")}
    async with connection_to(database_url) as connection:
        key: bytes = await connection.fetchval("select secret from sketch_keys")
    planted = (b"planted", b"hf_", database_url.encode(), key, key.hex().encode())
    assert [text for text in planted if text in inside] == []
    async with connection_to(database_url) as connection:
        every = await connection.fetch(
            "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"
        )
    assert names == {row["relname"] for row in every} - LEFT_OUT
    assert {row["relname"] for row in every} >= LEFT_OUT


def turn_a_byte(file: Path) -> None:
    """Another bit, in the rows of the first table that has any."""
    data = bytearray(file.read_bytes())
    data[500] ^= 0xFF
    file.write_bytes(data)


async def test_verify_says_what_is_in_it_and_needs_no_database(backup: Path, tmp_path: Path) -> None:
    """Each ledger's head and the store's files; damage ends with its code, and names the part."""
    whole = await voice_here(tmp_path, "backup", "verify", str(backup), "--json", url="")
    told = json.loads(whole.stdout)
    assert (told["whole"], told["rows"]["evaluations"], told["store"]["files"]) == (True, 4, 1)
    assert [ledger["round"] for ledger in told["ledgers"]] == [3]
    for_people = await voice_here(tmp_path, "backup", "verify", str(backup), url="")
    assert "is whole" in for_people.stdout
    assert told["ledgers"][0]["state_hash"] in for_people.stdout
    await asyncio.to_thread(turn_a_byte, backup)
    damaged = await voice_here(tmp_path, "backup", "verify", str(backup), url="")
    assert (damaged.returncode, f"error {Code.BACKUP_DAMAGED}" in damaged.stderr, "tables/" in damaged.stderr) == (1, True, True)


@contextmanager
def refused(code: Code, words: str) -> Iterator[None]:
    with pytest.raises(PlatformError, match=words) as found:
        yield
    assert found.value.code is code


def line_of(ended: Ended) -> str:
    """The line of a refusal."""
    assert ended.returncode == 1, ended.stdout
    return ended.stderr


async def test_a_database_that_holds_something_is_safe(
    backup: Path, database_url: str, stack: "ValidatorBed", tmp_path: Path
) -> None:
    """It takes --force and a yes, and that nobody is connected; what fails on the way changes nothing."""
    before = await rows(database_url)
    plain = await voice_here(tmp_path, "backup", "restore", str(backup), url=database_url)
    assert "not empty" in line_of(plain)
    unsure = await voice_here(tmp_path, "backup", "restore", str(backup), "--force", url=database_url)
    assert "--yes" in line_of(unsure)
    used = await voice_here(tmp_path, "backup", "restore", str(backup), "--force", "--yes", url=database_url)
    assert f"in use by tests {release()}: stop every process" in line_of(used)
    await stack.pool.close()
    assert await rows(database_url) == before


async def test_forced_it_takes_the_place_of_all_that_was_there(
    backup: Path, stack: "ValidatorBed", database_url: str, tmp_path: Path
) -> None:
    """What came after the backup is gone, tables of nobody's too; an archive that turns out to be another's leaves all as it was."""
    then = await rows(database_url)
    await play(stack)
    async with stack.pool.connection() as connection:
        await connection.execute("create table strange (id integer); create view stranger as select * from strange")
    await stack.pool.close()
    now = await rows(database_url)
    other_head = backup.with_name("other.zip")
    with zipfile.ZipFile(backup) as old, zipfile.ZipFile(other_head, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == MANIFEST:
                manifest = json.loads(data)
                manifest["ledgers"][0]["state_hash"] = "0" * 64
                data = json.dumps(manifest).encode()
            new.writestr(name, data)
    wrong = await voice_here(tmp_path, "backup", "restore", str(other_head), "--force", "--yes", url=database_url)
    assert f"error {Code.LEDGER_INVALID}" in line_of(wrong)
    assert await rows(database_url) == now
    assert (await voice_here(tmp_path, "backup", "restore", str(backup), "--force", "--yes", url=database_url)).returncode == 0
    assert await rows(database_url) == then


async def test_a_backup_of_a_newer_release_is_refused(backup: Path, empty_database_url: str, tmp_path: Path) -> None:
    """By the name of that release, before anything is touched."""
    newer = backup.with_name("newer.zip")
    with zipfile.ZipFile(backup) as old, zipfile.ZipFile(newer, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == MANIFEST:
                data = json.dumps({**json.loads(data), "schema_revision": "9999", "version": "7.0"}).encode()
            new.writestr(name, data)
    ended = await voice_here(tmp_path, "backup", "restore", str(newer), url=empty_database_url)
    assert f"error {Code.SCHEMA_UNKNOWN}" in line_of(ended)
    assert "schema 9999, made by release 7.0" in ended.stderr


async def test_an_older_schema_comes_back_as_the_newest(empty_database_url: str, database_url: str, tmp_path: Path) -> None:
    """Rows that were there before a rule was made need not keep it: an unsigned receipt of the first schemas."""
    async with connection_to(empty_database_url) as connection:
        await connection.execute(migrate.script_from(None, "0001"))
        await connection.execute(
            """insert into rounds (round, start_block, block_hash, deadline_block, competition_hash) values (1, 1, '0x', 2, 'c');
            insert into submissions (hotkey, commit_block, tiebreak, public_key, commitment, repo, revision, tag, refused, state)
            values ('h', 1, 't', repeat('a', 64), 'v1', 'a/b', repeat('a', 40), repeat('a', 32), false, 'scored');
            insert into evaluations (submission_id, round, queue, priority, state, score, receipt, finished_at)
            values (1, 1, 'cpu', 1, 'scored', 5, '{"b": 1,  "a": 2}', now())"""
        )
        await connection.execute(migrate.script_from("0001", "0014"))
    made = await voice_here(tmp_path, "backup", "create", "kept", url=empty_database_url)
    assert made.returncode == 0, made.stderr
    [file] = (tmp_path / "kept").iterdir()
    assert Archive(file).manifest.schema_revision == "0014"
    back = await voice_here(tmp_path, "backup", "restore", str(file), "--force", "--yes", url=database_url)
    assert back.returncode == 0, back.stderr
    await migrate.upgrade(empty_database_url)
    assert await rows(database_url) == await rows(empty_database_url)
    async with connection_to(database_url) as connection:
        assert await connection.fetchval("select receipt::text from evaluations") == '{"b": 1,  "a": 2}'
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute("update evaluations set receipt = '{}', finished_at = now()")


async def test_it_is_of_one_moment(
    stack: "ValidatorBed", database_url: str, new_submission: Callable[..., NewSubmission]
) -> None:
    """What is written while it is read is not in it, in no table."""
    async with backup_source(database_url) as source:
        first, second = BytesIO(), BytesIO()
        table = next(table for table in await source.tables() if table.name == "submissions")
        await source.copy(table, first)
        await stack.store.submissions.add([new_submission()])
        await source.copy(table, second)
    assert (first.getvalue(), first.getvalue().count(b"\n")) == (second.getvalue(), 2)


async def test_who_backs_up_may_read_what_a_backup_holds_and_nothing_else(database_url: str) -> None:
    """A table of a later release, too, without anybody's naming it."""
    async with connection_to(database_url) as connection:
        await connection.execute("create table later (id integer)")
    await roles.apply(database_url)
    assert "later" in await rows(f"{database_url}&role=voice_backup")
    async with connection_to(f"{database_url}&role=voice_backup") as connection:
        reads = [f"select from {table}" for table in sorted(LEFT_OUT - {"alembic_version"})]
        for statement in (*reads, "delete from votes"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)


@pytest.mark.parametrize("role", ["voice_worker", "voice_reader"])
async def test_a_role_that_may_not_read_it_all_is_told_so(database_url: str, tmp_path: Path, role: str) -> None:
    """And no file is left."""
    await roles.apply(database_url)
    ended = await voice_here(tmp_path, "backup", "create", "kept", url=f"{database_url}&role={role}")
    assert f"error {Code.SETTING_INVALID}" in line_of(ended)
    assert "name the login `backup`" in ended.stderr
    assert list((tmp_path / "kept").iterdir()) == []
