"""Queries and migrations against a real PostgreSQL."""

import asyncio
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from scoring.errors import Code
from scoring.types import Hotkey, RoundNumber
from voice_api.db import migrate
from voice_api.db.database import Connection, Pool, connection_to, open_pool, query_names, sql
from voice_api.db.ledger import Ledger
from voice_api.db.registry import Registry
from voice_api.db.rounds import Rounds
from voice_api.db.submissions import Submissions
from voice_api.errors import DatabaseBusy, DatabaseUnavailable, LedgerInvalid


@pytest.mark.parametrize("name", [pytest.param(name, id=name) for name in query_names()])
def test_query_is_explained(name: str) -> None:
    """Every query says what it does before it does it."""
    first, *rest = sql(name).splitlines()
    assert first.startswith("-- ") and first.endswith(".")
    assert rest


async def test_queries_are_sound(pool: Pool) -> None:
    """PostgreSQL accepts every query against the newest schema."""
    refused = {}
    async with pool.connection() as connection:
        for name in query_names():
            try:
                await connection.prepare(sql(name))
            except asyncpg.PostgresError as error:
                refused[name] = str(error)
    assert refused == {}


@pytest.mark.parametrize("name", [pytest.param(name, id=name) for name in query_names() if " for update" in sql(name)])
def test_rows_are_locked_in_order(name: str) -> None:
    """Whatever waits for more than one row takes them by id: two that take the same rows never wait for each other."""
    locking = re.findall(r"select (?:(?!select ).)*? for update(?! of \w+ skip| skip)", sql(name), re.DOTALL)
    assert [part for part in locking if not re.search(r"order by (e\.)?id|\b(e\.)?id = \$1 ", part)] == []


@pytest.mark.parametrize("name", [pytest.param("queue.nothing", id="query"), pytest.param("nothing.claim", id="file")])
def test_unknown_query(name: str) -> None:
    """A name that nothing carries is an error where it is used."""
    with pytest.raises(KeyError):
        sql(name)


async def test_migrating_from_nothing(empty_database_url: str) -> None:
    """Migrations lead from an empty database to the newest schema; running them again, or at once, changes nothing."""
    async with open_pool(empty_database_url) as pool:
        assert not await migrate.at_head(pool)
        await asyncio.gather(*(migrate.upgrade(empty_database_url) for _ in range(3)))
        assert await migrate.at_head(pool)
        await migrate.upgrade(empty_database_url)
        assert await Registry(pool).latest() is None


async def test_failed_migration_leaves_nothing(empty_database_url: str) -> None:
    """The whole script is one transaction: when a statement fails, nothing of it stays."""
    async with connection_to(empty_database_url) as connection:
        await connection.execute("create table weight_attempts (id integer)")
        with pytest.raises(Exception, match="already exists"):
            await migrate.upgrade(empty_database_url)
        assert await connection.fetchval("select to_regclass('submissions')") is None
        assert await connection.fetchval("select to_regclass('alembic_version')") is None


async def up_to(connection: Connection, revision: str) -> None:
    """The schema of an earlier release."""
    for file in sorted(migrate.MIGRATIONS.glob("*.sql")):
        if file.name[:4] <= revision:
            await connection.execute(file.read_text(encoding="utf-8"))
    await connection.execute("create table alembic_version (version_num varchar(32))")
    await connection.execute("insert into alembic_version values ($1)", revision)


async def test_what_was_judged_unsigned_stays_and_nothing_is_added_to_it(empty_database_url: str) -> None:
    """Verdicts of the first schema keep their receipt without a signature; from now on there is none without one."""
    judged = """insert into evaluations (submission_id, round, queue, priority, state, score, receipt, finished_at)
        select id, $1, 'cpu', 0, 'scored', 1, '{}', now() from submissions"""
    async with connection_to(empty_database_url) as connection:
        await up_to(connection, "0001")
        await connection.execute(
            """insert into submissions (hotkey, commit_block, tiebreak, public_key, commitment, refused, state)
            values ('h', 1, '00', repeat('0', 64), 'v1', true, 'queued');
            insert into rounds (round, start_block, block_hash, deadline_block, competition_hash)
            values (1, 0, '0x', 1, 'c'), (2, 0, '0x', 1, 'c')"""
        )
        await connection.execute(judged, 1)
        await migrate.upgrade(empty_database_url)
        assert await connection.fetchrow("select signature, certificate from evaluations") == (None, None)
        with pytest.raises(asyncpg.CheckViolationError, match="receipts_are_signed"):
            await connection.execute(judged, 2)
    async with open_pool(empty_database_url) as pool:
        (old,) = await Rounds(pool).results(RoundNumber(1))
        assert (old.receipt, old.signature, old.certificate) == ({}, None, None)


async def test_what_was_judged_without_a_track_stays_and_kings_are_forgotten(empty_database_url: str) -> None:
    """Submissions and scores of before have neither family nor track; entries keep their chain, name no king, and are refused by name."""
    async with connection_to(empty_database_url) as connection:
        await up_to(connection, "0007")
        await connection.execute(
            """set session_replication_role = replica;
            insert into submissions (hotkey, commit_block, tiebreak, public_key, commitment, refused, state)
            values ('h', 1, '00', repeat('0', 64), 'v2', true, 'scored');
            insert into rounds (round, start_block, block_hash, deadline_block, competition_hash) values (1, 0, '0x', 1, 'c');
            insert into evaluations
            (submission_id, round, queue, priority, state, score, stderr, receipt, signature, certificate, finished_at)
            select id, 1, 'cpu', 0, 'scored', 700000, 9000, '{}', '', '{}', now() from submissions;
            insert into ledger (validator, round, state_hash, previous, state, inputs, king_entrant)
            values ('v', 1, 'a', '', '{"king": "h@1", "records": []}', '{"counted": {}}', 'h@1');
            reset session_replication_role"""
        )
        await migrate.upgrade(empty_database_url)
    async with open_pool(empty_database_url) as pool:
        (old,) = await Submissions(pool).page()
        (evaluation,) = await Submissions(pool).evaluations(old.id)
        assert (old.score, old.stderr, old.scored_round, old.family, old.track) == (700_000, 9_000, 1, None, None)
        assert (evaluation.score, evaluation.track) == (700_000, None)
        (candidate,) = await Submissions(pool).candidates()
        assert candidate.family is None
        ledger = Ledger(pool, Hotkey("v"))
        assert await ledger.kings(RoundNumber(0)) == {1: {}}
        with pytest.raises(LedgerInvalid, match="this is no ledger's state: it has king, records"):
            await ledger.head()


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("postgresql://postgres@/voice?host=/nonexistent", id="no socket"),
        pytest.param("postgresql://127.0.0.1:9/voice", id="nobody listens"),
        pytest.param("postgresql://host:port/voice", id="no port"),
        pytest.param("voice", id="no URL"),
    ],
)
async def test_unreachable_database(url: str) -> None:
    """A database that cannot be reached is one named outage, without the address."""
    with pytest.raises(DatabaseUnavailable) as outage:
        await migrate.upgrade(url)
    assert (outage.value.code, "nonexistent" in str(outage.value)) == (Code.DATABASE_UNAVAILABLE, False)
    with pytest.raises(DatabaseUnavailable):
        async with open_pool(url):
            pass


async def test_a_pool_that_is_lent_out_is_told_as_that(database_url: str) -> None:
    """PostgreSQL is there: the sentence says whose connections are taken, and the pool goes on when one comes back."""
    async with open_pool(database_url, size=1, patience=0.1) as pool:
        async with pool.connection():
            with pytest.raises(DatabaseBusy, match=r"all 1 connections of this process are in use, .* within 0.1 s") as busy:
                async with pool.connection():
                    pass
        assert await Registry(pool).latest() is None
    assert busy.value.code is Code.DATABASE_BUSY


async def test_a_server_that_takes_no_more_connections_is_told_as_that(database_url: str) -> None:
    """It answered, so nobody looks for it; the driver's message, which names the user, is not shown."""
    parts = urlsplit(database_url)
    login = parts._replace(netloc=f"nobody_more@{parts.netloc.rpartition('@')[2]}")
    async with connection_to(database_url) as owner:
        await owner.execute("create role nobody_more login connection limit 0")
        try:
            with pytest.raises(DatabaseBusy, match="PostgreSQL takes no more connections") as busy:
                async with connection_to(urlunsplit(login)):
                    pass
        finally:
            await owner.execute("drop role nobody_more")
    assert (busy.value.code, "nobody_more" in str(busy.value)) == (Code.DATABASE_BUSY, False)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"path": "/nowhere"}, "PostgreSQL has no database of the name in DATABASE_URL", id="no database"),
        pytest.param({"netloc": "nobody@"}, "PostgreSQL refuses the login in DATABASE_URL", id="no login"),
    ],
)
async def test_a_server_that_refuses_is_there(database_url: str, change: dict[str, str], said: str) -> None:
    """Which part of the URL is wrong is told, and nothing of what stands in it."""
    with pytest.raises(DatabaseUnavailable, match=said) as outage:
        async with connection_to(urlunsplit(urlsplit(database_url)._replace(**change))):
            pass
    assert (outage.value.code, "nowhere" in str(outage.value)) == (Code.DATABASE_UNAVAILABLE, False)


def test_a_checkout_may_lie_anywhere(tmp_path: Path) -> None:
    """Migrations are found below a folder whose name is full of signs that a format would take for its own."""
    folder = tmp_path / "100 % (here)s %d"
    shutil.copytree(Path(migrate.__file__).parents[1], folder / "voice_api", ignore=shutil.ignore_patterns("web", "__pycache__"))
    program = "from voice_api.db import migrate; print(migrate.MIGRATIONS); print(migrate.script_from(None))"
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True, timeout=60)
    place, script = done.stdout.split("\n", 1)
    assert place.startswith(str(folder))
    assert script == migrate.script_from(None) + "\n"


async def test_connection_lost_while_lent(pool: Pool, database_url: str) -> None:
    """When PostgreSQL ends a connection, at whatever moment that is noticed, the query is an outage, and the next one is served."""
    async with connection_to(database_url) as other:
        for moment in (0.0, 0.0005, 0.001, 0.002, 0.005, 0.05):
            with pytest.raises(DatabaseUnavailable):
                async with pool.connection() as lent:
                    await other.execute("select pg_terminate_backend($1)", lent.get_server_pid())
                    await asyncio.sleep(moment)
                    await lent.fetchval("select pg_sleep(1)")
            assert await Registry(pool).latest() is None


async def test_wrong_use_is_no_outage(pool: Pool) -> None:
    """A bug of ours keeps its own name."""
    with pytest.raises(asyncpg.InterfaceError):
        async with pool.connection() as lent:
            await lent.fetchval("select $1::integer")
