"""Claims of several worker processes, on PostgreSQL itself and by way of PgBouncer that pools by the transaction.

As a program it is one such process; its settings are of the environment (DATABASE_URL).
"""

import argparse
import asyncio
import json
import subprocess
import time
from contextlib import suppress
from datetime import timedelta

from benchmarks.service_bed import Bed, ServiceRow, in_ms
from benchmarks.service_client import Load
from benchmarks.service_jobs import open_rows
from benchmarks.service_worker import VERDICT
from neurons.settings import MigrationSettings
from tests.builders.pgbouncer import PROGRAM, pgbouncer
from voice_api.db.database import Pool, open_pool
from voice_api.db.processes import LIVE, Workers
from voice_api.db.queue import EvaluationQueue
from voice_api.db.states import QueueName

PROCESSES = 8
ROWS = 8_000
BEHIND = 4
"""Connections from PgBouncer to PostgreSQL."""
_LEASE = timedelta(minutes=1)
_PAUSE_SECONDS = 0.05
_START_SECONDS = 120.0


async def pooler(bed: Bed, seconds: float) -> list[ServiceRow]:
    """Both ways, and how many connections PostgreSQL holds; a row that says so where PgBouncer is not installed."""
    if PROGRAM is None:
        return [ServiceRow(what="claims by way of PgBouncer", ours="it is not installed", baseline="", ratio=None, target="")]
    direct, held = await _run(bed, "direct", bed.postgres, seconds)
    with pgbouncer(bed.folder, bed.postgres, BEHIND) as url:
        pooled, behind = await _run(bed, "pooled", url, seconds)
    return [
        ServiceRow(
            what=f"claims and verdicts/s, {PROCESSES} processes by way of PgBouncer",
            ours=f"{pooled.rate:.0f}",
            baseline=f"PostgreSQL itself {direct.rate:.0f}",
            ratio=pooled.rate / direct.rate,
            target="",
        ),
        ServiceRow(
            what="its p99, from asking for a claim to its verdict",
            ours=in_ms(pooled.p99),
            baseline=f"PostgreSQL itself {in_ms(direct.p99)}",
            ratio=pooled.p99 / direct.p99,
            target="",
        ),
        ServiceRow(
            what="connections that PostgreSQL holds, at most",
            ours=str(behind),
            baseline=f"PostgreSQL itself {held}",
            ratio=behind / held,
            target=f"≤ {BEHIND}",
        ),
    ]


async def _run(bed: Bed, name: str, server: str, seconds: float) -> tuple[Load, int]:
    """What all processes did on a database of its own, and the most connections to it but for those that measure."""
    await bed.make(name, 0, 0)
    environment = {"DATABASE_URL": bed.database(name, server)}
    names = [f"{name}-{number}" for number in range(PROCESSES)]
    async with open_pool(bed.database(name), application="bench", size=1) as pool:
        for each in names:
            bed.processes.start(each, "benchmarks.service_pooler", [each, str(seconds)], environment, stdout=subprocess.PIPE)
        await _all_there(pool)
        await open_rows(pool, 1, ROWS)
        saying = asyncio.gather(*(asyncio.to_thread(_said, bed, each) for each in names))
        most = 0
        while not saying.done():
            most = max(most, await _connections(pool))
            await asyncio.sleep(_PAUSE_SECONDS)
    return Load(seconds, [latency for each in await saying for latency in each]), most


async def _all_there(pool: Pool) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while len(await Workers(pool).live(LIVE)) < PROCESSES:
        if time.monotonic() > deadline:
            raise RuntimeError("not all processes showed themselves")
        await asyncio.sleep(_PAUSE_SECONDS)


async def _connections(pool: Pool) -> int:
    async with pool.connection() as connection:
        return int(
            await connection.fetchval(
                "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
            )
        )


def _said(bed: Bed, name: str) -> list[float]:
    output, _ = bed.processes.running[name].communicate()
    found: list[float] = json.loads(output)
    return found


async def work(name: str, seconds: float) -> list[float]:
    """Claim, report, and write verdicts as a worker does whose evaluation is nothing, from the first claim on; the seconds of each."""
    latencies: list[float] = []
    async with open_pool(MigrationSettings().database_url.get_secret_value()) as pool:
        queue, workers = EvaluationQueue(pool), Workers(pool)
        await workers.heartbeat(name, name, QueueName.CPU)
        until = None
        while until is None or time.perf_counter() < until:
            began = time.perf_counter()
            claim = await queue.claim(QueueName.CPU, name, _LEASE, name)
            if claim is None:
                if until is not None:
                    raise RuntimeError(f"{ROWS} rows are too few")
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            until = until or began + seconds
            await asyncio.gather(
                queue.renew(claim, _LEASE, "judge", 1, 2), workers.heartbeat(name, name, QueueName.CPU, claim.evaluation_id)
            )
            await queue.finish(claim, VERDICT)
            latencies.append(time.perf_counter() - began)
    return latencies


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="of the process, as a worker shows itself")
    parser.add_argument("seconds", type=float, help="for so long")
    asked = parser.parse_args()
    with suppress(BrokenPipeError):
        print(json.dumps(asyncio.run(work(asked.name, asked.seconds))))  # noqa: T201
