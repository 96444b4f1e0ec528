"""Claims through a real PgBouncer that pools by the transaction: all that workers ask of PostgreSQL goes through it, and no more."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from scoring.errors import Code, PlatformError
from scoring.types import SubmissionId
from tests.builders.pgbouncer import PROGRAM, pgbouncer
from voice_api.db import migrate
from voice_api.db.database import Pool, open_pool
from voice_api.db.evaluations import Claim, Verdict
from voice_api.db.processes import LIVE, Workers, candidacy
from voice_api.db.queue import EvaluationQueue
from voice_api.db.states import QueueName
from voice_api.db.submissions import Submissions
from voice_api.errors import LeaseLost
from voice_api.runtime import reachable

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="Debian's package pgbouncer is not installed")

LEASE = timedelta(minutes=1)
CLIENTS = 8
"""Workers at once, over two connections of the pooler."""


@pytest.fixture
def pooled_url(database_url: str, server_folder: Path) -> Iterator[str]:
    """This test's database, by way of PgBouncer."""
    with pgbouncer(server_folder, database_url) as url:
        yield url


async def _work(url: str, name: str, verdict: Callable[..., Verdict]) -> list[Claim]:
    """What a worker asks of the database until nothing is due: it shows itself, claims, reports, and writes each verdict."""
    claims: list[Claim] = []
    async with open_pool(url) as pool:
        queue, workers = EvaluationQueue(pool), Workers(pool)
        await workers.heartbeat(name, "far", QueueName.CPU)
        while (claim := await queue.claim(QueueName.CPU, name, LEASE, "far")) is not None:
            claims.append(claim)
            await asyncio.gather(*(queue.renew(claim, LEASE, "judge", done, 4) for done in range(4)))
            await workers.heartbeat(name, "far", QueueName.CPU, claim.evaluation_id)
            await queue.finish(claim, verdict())
    return claims


async def test_workers_take_each_evaluation_once_through_it(
    pooled_url: str, pool: Pool, open_round: Callable[..., Awaitable[list[SubmissionId]]], verdict: Callable[..., Verdict]
) -> None:
    """Eight workers over two connections: no statement is missed, no claim is given twice, and every verdict stands with its samples."""
    submissions = await open_round(submissions=24)
    taken = await asyncio.gather(*(_work(pooled_url, f"w{number}", verdict) for number in range(CLIENTS)))

    assert sorted(claim.submission_id for claims in taken for claim in claims) == sorted(submissions)
    states = [(await Submissions(pool).evaluations(each))[0].state.value for each in submissions]
    assert states == ["scored"] * 24
    assert {worker.name for worker in await Workers(pool).live(LIVE)} == {f"w{number}" for number in range(CLIENTS)}
    async with pool.connection() as connection:
        assert await connection.fetchval("select count(*) from samples") == 48
        open_ones = await connection.fetch(
            "select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        )
    assert len(open_ones) <= 2


async def test_a_claim_that_another_took_over_is_fenced_through_it(
    pooled_url: str, open_round: Callable[..., Awaitable[list[SubmissionId]]], verdict: Callable[..., Verdict]
) -> None:
    """The lease runs out, another worker claims the same row, and the first one's verdict is refused, with all that it held."""
    await open_round()
    async with open_pool(pooled_url) as pool:
        queue = EvaluationQueue(pool)
        first = await queue.claim(QueueName.CPU, "w1", timedelta(0))
        assert first is not None
        await queue.expire_leases(3)
        async with pool.connection() as connection:
            await connection.execute("update evaluations set due_at = now()")
            assert await connection.fetchval("select count(*) from samples") == 0
        second = await queue.claim(QueueName.CPU, "w2", LEASE)
        assert second is not None
        with pytest.raises(LeaseLost):
            await queue.finish(first, verdict())
        await queue.finish(second, verdict())


async def test_what_needs_a_session_names_postgresql_itself(pooled_url: str, redis_url: str) -> None:
    """The dispatcher's lead and migrations end with a sentence that says what to write; a worker's wait does not mind."""
    with pytest.raises(PlatformError, match="without pgbouncer=true") as refused:
        async with candidacy(pooled_url):
            pass
    assert refused.value.code is Code.SETTING_INVALID
    with pytest.raises(PlatformError, match="without pgbouncer=true"):
        await migrate.upgrade(pooled_url)
    await reachable.check(pooled_url, redis_url)


async def test_a_url_without_the_mark_does_not_go_through_it(
    pooled_url: str, open_round: Callable[..., Awaitable[list[SubmissionId]]], verdict: Callable[..., Verdict]
) -> None:
    """Why the mark is there: with statements kept prepared, workers that share connections fail, and are told what to write."""
    await open_round(submissions=24)
    plain = urlunsplit(urlsplit(pooled_url)._replace(query=""))
    ends = await asyncio.gather(*(_work(plain, f"w{number}", verdict) for number in range(CLIENTS)), return_exceptions=True)
    failed = {str(end) for end in ends if isinstance(end, BaseException)}
    assert any("a prepared statement was lost" in end and "write pgbouncer=true into it" in end for end in failed)


async def test_what_needs_a_session_is_not_fooled_by_a_url_without_the_mark(pooled_url: str) -> None:
    """Two dispatchers would lead at once, by a lock that neither holds: whoever answers is compared with whom was connected to."""
    plain = urlunsplit(urlsplit(pooled_url)._replace(query=""))
    with pytest.raises(PlatformError, match="DATABASE_URL leads to a pooler") as refused:
        async with candidacy(plain):
            pass
    assert refused.value.code is Code.SETTING_INVALID
    with pytest.raises(PlatformError, match="DATABASE_URL leads to a pooler"):
        await migrate.upgrade(plain)
