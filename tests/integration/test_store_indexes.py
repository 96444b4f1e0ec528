"""What people and daemons ask often is answered by indexes, however many rows there are."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from neurons.localnet.services import EmbeddedService
from voice_api.db.database import connection_to, sql

BIG = {"submissions", "evaluations", "samples", "events", "sketches", "near_copies"}
# 50,000 submissions of 10,000 hotkeys, of which 256 are registered; 100,000 evaluations in 2,000 rounds, of which the last
# two are open with 80 rows that wait and 20 that run.
LOAD = """
set session_replication_role = replica;
insert into registry (netuid, block, block_hash) values (7, 100000, '0x');
insert into neurons select 'hotkey-' || n, n, 'c', 0, n * 1000 from generate_series(0, 255) n;
insert into coldkeys select 'hotkey-' || n, 'c-' || n from generate_series(0, 9999) n;
insert into submissions (hotkey, commit_block, tiebreak, public_key, commitment, repo, revision, tag, refused, state, code, copy_of,
                         tensors_hash)
select 'hotkey-' || n % 10000, n, md5(n::text), repeat(md5(n::text), 2), 'v1', 'a/b-' || n, repeat('a', 40), md5(n::text), false, state,
       case when state in ('rejected', 'copy') then 1202 end, case when state = 'copy' then 1 end, md5(n::text)
from (
    select n, (array['scored', 'queued', 'rejected', 'copy', 'superseded'])[case when n > 40000 then 1 + n % 2 else 3 + n % 3 end] as state
    from generate_series(1, 50000) n
) as new;
insert into rounds (round, start_block, block_hash, deadline_block, competition_hash, state, closed_at)
select n, n * 40, '0x', n * 40 + 160, 'c', case when n > 1998 then 'open' else 'closed' end, case when n <= 1998 then now() end
from generate_series(1, 2000) n;
insert into evaluations (submission_id, round, queue, priority, state, score, receipt, signature, certificate, receipt_hash, finished_at,
                         claimed_at, token, lease_until, host)
select 1 + n % 50000, 1 + n / 50, 'cpu', n % 24, state, case when state = 'scored' then n end,
       case when state = 'scored' then '{}'::json end, case when state = 'scored' then 'ab' end,
       case when state = 'scored' then '{}'::json end, case when state = 'scored' then md5(n::text) end,
       case when state = 'scored' then now() - (100000 - n) * interval '1 second' end, now() - interval '1 day',
       case when state = 'running' then gen_random_uuid() end, case when state = 'running' then now() + interval '1 hour' end, 'host-1'
from (
    select n, case when n < 99900 then 'scored' when n % 5 = 0 then 'running' else 'queued' end as state
    from generate_series(0, 99999) n
) as new;
insert into samples (evaluation_id, position, prompt_id, group_id, score, metrics, utilities, pcm_sha256, seconds)
select 1 + n / 44, n % 44, 'p' || n % 44, 'g', 0, '{}', '{}', md5(n::text), 1 from generate_series(0, 99999) n;
insert into events (kind, actor, submission_id, evaluation_id, from_state, to_state, code)
select 'evaluation', 'w', 1 + n / 2, 1 + n, 'running', 'queued', case when n % 10 = 0 then 2001 end from generate_series(0, 99999) n;
insert into sketches (submission_id, key_id, bands, sketch)
select n, 1, array(select 10000000::bigint * band + n * band from generate_series(1, 32) band), '\\x00'
from generate_series(1, 50000) n;
insert into near_copies (submission_id, original_id, evaluation_id, compared, prompts, most_distance, least_sound, appeal_until)
select n, n - 1, n, 1, 0, 0, 0, now() from generate_series(2, 5000) n;
analyze;
"""

QUERIES: dict[str, tuple[Any, ...]] = {
    "health.certificates": (20,),
    "health.tracks": (),
    "pages.incidents": (),
    "queue.claim": ("cpu", "w1", "15 minutes", "host-1"),
    "queue.expire_leases": (3, 2201, "", 8),
    "queue.park_set_aside": (None, "dispatcher", ""),
    "queue.due_counts": (),
    "queue.pending": (0, 50),
    "queue.durations": ("cpu", 50),
    "queue.get": (75000,),
    "queue.page": (75000, 50),
    "queue.page_of_round": (0, 50, 1999),
    "queue.page_of_submission": (0, 50, 45000, None),
    "queue.hand_back": (99999, "00000000-0000-0000-0000-000000000000", 2001, "", None, False, "w1", None, 8),
    "queue.settle_submission": (45000, "scored", None, None, None, None, None, "w1", 1, "vits"),
    "submissions.get": (45000,),
    "submissions.page": (45000, 50),
    "submissions.page_of_state": (0, 50, "copy"),
    "submissions.page_of_hotkey": (0, 50, "hotkey-7", None),
    "submissions.evaluations": (45000, 100),
    "submissions.events": (45000, 0, 50),
    "submissions.known_of": ("{hotkey-7,nobody}", "{7,7}", "{1001}"),
    "submissions.by_tensors": ("ab",),
    "copies.alike": ("{50000007,60000014,70000021}", 8, 16, 1, 4),
    "copies.leading": (1999, "small", 8, 6, 1, 2),
    "copies.spoken": (1999, "small", 8, "{p1,p2}"),
    "copies.page": (100, 50, False),
    "leaderboard.version": ("v",),
    "leaderboard.named": ("{hotkey-7,hotkey-8}", "{7,8}", 20),
    "leaderboard.searched": ("{hotkey-7,hotkey-8}", "{7,8}", "a/b"),
    "leaderboard.rest": ("{hotkey-7}", "{7}", None, None, None, "", 100, 20),
    "duels.page": ("v", 1999, "small", None, None, 50),
    "duels.curve": ("v", "small", 1999),
    "duels.groups": ("v", "small", 1999, 500),
    "submissions.statuses": ("{hotkey-7}", "{7}", 1999),
    "queue.samples": (2000, -1, 50),
    "queue.receipt": ("ab",),
    "rounds.results": (1999,),
    "rounds.samples": (3,),
    "rounds.latest": (),
    "rounds.page": (100, 50),
    "ledger.waiting": ("v", 1),
    "operations.stuck": (0, 50),
    "operations.parked_since_quarantine": (45000,),
    "operations.by_host": ("host-2", "2020-01-01", "2100-01-01"),
    "retention.reasons": ("{aa,bb,cc}", 3),
    "votes.rounds": ("small", 50, 2, None),
    "votes.scored": (1500, "small"),
    "votes.shared": (1500, 1501, "ab"),
    "votes.judged": (1500, 1501, "p1"),
    "votes.newest": ("small", 2000),
    "watch.ages": (),
    "watch.failures_today": (),
}


@pytest.fixture(scope="module")
def big_database(postgres: EmbeddedService, template: str) -> Iterator[str]:
    """A database as it is after years, made once for all tests here."""
    url = urlunsplit(urlsplit(postgres.url)._replace(path="/years"))

    async def make() -> None:
        async with connection_to(postgres.url) as server:
            await server.execute(f"create database years template {template}")
        async with connection_to(url) as connection:
            await connection.execute(LOAD)
            await connection.execute("vacuum evaluations")  # as autovacuum does: only then does an index answer by itself

    async def drop() -> None:
        async with connection_to(postgres.url) as server:
            await server.execute("drop database years with (force)")

    asyncio.run(make())
    yield url
    asyncio.run(drop())


def scanned(plan: dict[str, Any]) -> set[str]:
    """The tables that a plan reads from one end to the other."""
    own = {plan["Relation Name"]} if plan["Node Type"] == "Seq Scan" else set()
    return own.union(*(scanned(part) for part in plan.get("Plans", ())))


def read_alone(plan: dict[str, Any]) -> set[str]:
    """The indexes that answer by themselves, without their tables."""
    own = {plan["Index Name"]} if plan["Node Type"] == "Index Only Scan" else set()
    return own.union(*(read_alone(part) for part in plan.get("Plans", ())))


async def plan_of(connection: Any, query: str, *arguments: Any) -> dict[str, Any]:
    """How PostgreSQL would answer a query with these arguments."""
    typed = await connection.prepare(query)
    marks = ", ".join(
        "null" if value is None else f"'{value}'::{kind.name}"
        for value, kind in zip(arguments, typed.get_parameters(), strict=True)
    )
    await connection.execute(f"prepare asked as {query}")
    explained = await connection.fetchval(f"explain (format json) execute asked{f'({marks})' if marks else ''}")
    plan: dict[str, Any] = json.loads(explained)[0]["Plan"]
    return plan


@pytest.mark.parametrize("name", [pytest.param(name, id=name) for name in QUERIES])
async def test_answered_by_indexes(big_database: str, name: str) -> None:
    """No big table is read from one end to the other."""
    async with connection_to(big_database) as connection:
        plan = await plan_of(connection, sql(name), *QUERIES[name])
    assert scanned(plan) & BIG == set(), plan


@pytest.mark.parametrize("name", ["leaderboard.named", "leaderboard.rest"])
async def test_the_public_table_reads_scores_without_rows(big_database: str, name: str) -> None:
    """A thousand rounds of 256 submissions are 24,000 scores: their rows would be as many pages."""
    async with connection_to(big_database) as connection:
        plan = await plan_of(connection, sql(name), *QUERIES[name])
    assert "evaluations_scored" in read_alone(plan), plan


async def test_reading_everything_would_be_seen(big_database: str) -> None:
    """The check above sees a table that is read as a whole, also where it is joined to another."""
    query = "select count(*) from samples s join evaluations e on e.id = s.evaluation_id where s.seconds > $1::float8"
    async with connection_to(big_database) as connection:
        plan = await plan_of(connection, query, 0)
    assert "samples" in scanned(plan)
