"""Workers side by side: what they claim in a second, how soon a due row is taken, the connections that they hold, and what a verdict costs.

Real processes, the real way (row, wake-up, RQ, claim, lease, verdict); only the evaluation is a sleep of some milliseconds.
"""

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

import psutil
from redis import Redis

from benchmarks.service_bed import Bed, ServiceRow, cpu_seconds, in_ms, postgres_seconds
from benchmarks.service_jobs import a_commitment
from neurons.localnet.network import COMPETITION
from neurons.validator import certification
from scoring.competition import load
from scoring.types import Block, BlockHash, RoundNumber, SubmissionId
from tests.builders.processes import ROOT, Workers
from voice_api.db import processes as presence
from voice_api.db.database import Pool, open_pool
from voice_api.db.rounds import NewRound, RoundEntry, Rounds
from voice_api.db.states import QueueName
from voice_api.db.submissions import Submissions
from voice_api.keys import ServiceKey

COUNTS = (1, 2, 4, 8)
WORK_SECONDS = 0.005
ROWS = 4_000
"""Of a round that no fleet gets done in the time that is measured."""
PER_SECOND = 15
"""Rows that become due in a second while the fleet is idle otherwise."""
_WARM_SECONDS = 1.0
_START_SECONDS = 90.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalePoint:
    """A fleet of so many workers, measured."""

    workers: int
    claims: float
    """Verdicts in a second while more is due than they can do."""
    bare: float
    """Rows in a second of as many processes that do nothing but take one, sleep as long, and write it down."""
    p50_seconds: float
    """From due to claimed, while the fleet is idle: half take longer."""
    p99_seconds: float
    postgres_connections: int
    redis_connections: int
    cpu_ms: Mapping[str, float]
    """Processor time of a verdict, by the process that takes it: worker, dispatcher, postgres, redis."""

    @property
    def ratio(self) -> float:
        """Ours over the barest."""
        return self.claims / self.bare


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleBed:
    """The database, its fleet and a source of numbers for rounds."""

    bed: Bed
    pool: Pool
    fleet: Workers
    submissions: Sequence[SubmissionId]
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    async def open(self, rows: int) -> RoundNumber:
        """A round that asks for so many."""
        number = RoundNumber(next(self.numbers))
        new = NewRound(
            round=number,
            start_block=Block(number * 40),
            block_hash=BlockHash("0x" + "5a" * 32),
            deadline_block=Block(1_000_000),
            competition_hash=load(COMPETITION).at(number).hash,
        )
        entries = [RoundEntry(each, None, QueueName.CPU, place) for place, each in enumerate(self.submissions[:rows])]
        await Rounds(self.pool).open(new, entries)
        return number

    async def fetch(self, query: str, *arguments: object) -> float:
        """One number."""
        async with self.pool.connection() as connection:
            return float(await connection.fetchval(query, *arguments) or 0)


async def scale(bed: Bed, seconds: float) -> list[ScalePoint]:
    """Fleets of one worker, two, four and eight, after as many of the barest."""
    await bed.make("scale", 0, 0)
    await bed.make("bare_claims", 0, 0)
    environments = {f"scale-{number}": a_worker(bed, f"scale-{number}") for number in range(max(COUNTS))}
    bed.processes.start("scale-dispatcher", "neurons.cli", ["dispatcher"], bed.shared("scale"))
    fleet = Workers(bed.processes, environments, "benchmarks.service_fleet")
    try:
        async with open_pool(bed.database("scale"), application="bench") as pool:
            ids = await Submissions(pool).add([a_commitment(f"scale/{number}") for number in range(ROWS)])
            scale_bed = ScaleBed(bed=bed, pool=pool, fleet=fleet, submissions=ids)
            return [await _point(scale_bed, workers, seconds) for workers in COUNTS]
    finally:
        fleet.stop()
        bed.processes.kill("scale-dispatcher")


async def _point(bed: ScaleBed, workers: int, seconds: float) -> ScalePoint:
    bare = await _bare(bed.bed, workers, seconds)
    for name in bed.fleet.names[:workers]:
        if not bed.fleet.alive(name):
            bed.fleet.start(name)
    await alive(bed, workers)
    number = await bed.open(ROWS)
    await asyncio.sleep(_WARM_SECONDS)
    before, done, began = _cpu(bed), await _done(bed, number), time.monotonic()
    await asyncio.sleep(seconds)
    after, verdicts, lasted = _cpu(bed), await _done(bed, number) - done, time.monotonic() - began
    held = await _connections(bed)
    await Rounds(bed.pool).close(number)
    if not verdicts:
        raise RuntimeError("the fleet judges nothing")
    p50, p99 = await _waits(bed, seconds)
    return ScalePoint(
        workers=workers,
        claims=verdicts / lasted,
        bare=bare,
        p50_seconds=p50,
        p99_seconds=p99,
        postgres_connections=held[0],
        redis_connections=held[1],
        cpu_ms={part: 1000 * (after[part] - before[part]) / verdicts for part in after},
    )


async def _waits(bed: ScaleBed, seconds: float) -> tuple[float, float]:
    """Half and 99 of 100 rows are taken sooner, of those that become due one by one."""
    numbers = []
    for _ in range(round(2 * seconds * PER_SECOND)):
        numbers.append(await bed.open(1))
        await asyncio.sleep(1 / PER_SECOND)
    waiting = "select count(*) from evaluations where round = any($1) and state in ('queued', 'running')"
    until = time.monotonic() + _START_SECONDS
    while await bed.fetch(waiting, numbers) and time.monotonic() < until:  # noqa: ASYNC110  # workers are other processes
        await asyncio.sleep(_POLL_SECONDS)
    taken = (
        "select percentile_cont($2::float8) within group (order by extract(epoch from claimed_at - due_at)) "
        "from evaluations where round = any($1)"
    )
    return await bed.fetch(taken, numbers, 0.5), await bed.fetch(taken, numbers, 0.99)


async def _done(bed: ScaleBed, number: RoundNumber) -> float:
    return await bed.fetch("select count(*) from evaluations where round = $1 and state = 'scored'", number)


async def alive(bed: ScaleBed, workers: int) -> None:
    until = time.monotonic() + _START_SECONDS
    while len(await presence.Workers(bed.pool).live(presence.LIVE)) < workers:
        if time.monotonic() > until:
            raise RuntimeError("the workers do not start")
        await asyncio.sleep(_POLL_SECONDS)


async def _bare(bed: Bed, workers: int, seconds: float) -> float:
    command = (sys.executable, "-m", "benchmarks.service_bare_claims", str(workers), str(seconds), str(WORK_SECONDS))
    child = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env={"DATABASE_URL": bed.database("bare_claims")}, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await child.communicate()
    return float(printed)


async def _connections(bed: ScaleBed) -> tuple[int, int]:
    """Those of workers and dispatcher: in PostgreSQL, and in Redis, whose own count has ours beside them."""
    ours = "select count(*) from pg_stat_activity where datname = 'scale' and application_name not like 'bench%'"
    with Redis.from_url(bed.bed.redis) as redis:
        return int(await bed.fetch(ours)), len(redis.client_list()) - 1


def _cpu(bed: ScaleBed) -> dict[str, float]:
    """Seconds of processor time so far, by part."""
    with Redis.from_url(bed.bed.redis) as redis:
        valkey = psutil.Process(int(redis.info("server")["process_id"]))
    dispatcher = psutil.Process(bed.bed.processes.running["scale-dispatcher"].pid)
    workers = [bed.fleet.process(name) for name in bed.fleet.names if bed.fleet.alive(name)]
    return {
        "worker": sum(map(cpu_seconds, workers)),
        "dispatcher": cpu_seconds(dispatcher),
        "postgres": postgres_seconds(bed.bed),
        "redis": cpu_seconds(valkey),
    }


def a_worker(bed: Bed, name: str) -> Mapping[str, str]:
    """The environment of a worker of the fleet, certified under its own name."""
    data = bed.folder / name
    key, certificate = data / "service.key", data / "service.cert.json"
    signed = certification.certify(bed.wallet, ServiceKey.at(key).address, name, timedelta(days=1), datetime.now(UTC))
    certification.write(certificate, signed.to_json())
    return {
        **bed.shared("scale"),
        "VOICE_DATA": str(data),
        "VOICE_COMPETITION": str(COMPETITION),
        "VOICE_HOST": name,
        "BENCH_SECONDS": str(WORK_SECONDS),
        "CHAOS_LOG": str(bed.folder / "logs" / f"{name}.log"),
    }


def as_rows(points: Sequence[ScalePoint]) -> list[ServiceRow]:
    """The points as the table shows them."""
    rows = []
    for point in points:
        who = f"{point.workers} worker{'s' if point.workers > 1 else ''}"
        cost = ", ".join(f"{part} {ms:.1f}" for part, ms in point.cpu_ms.items())
        rows += [
            ServiceRow(
                what=f"{who}: verdicts/s, {1000 * WORK_SECONDS:g} ms of work each",
                ours=f"{point.claims:.0f}",
                baseline=f"bare SKIP LOCKED loop, same work {point.bare:.0f}",
                ratio=point.ratio,
                target="",
            ),
            ServiceRow(
                what=f"{who}: from due to claimed, p99; {PER_SECOND} rows/s",
                ours=in_ms(point.p99_seconds),
                baseline=f"p50 {in_ms(point.p50_seconds)}",
                ratio=None,
                target="",
            ),
            ServiceRow(
                what=f"{who}: connections, and ms of processor a verdict",
                ours=f"PostgreSQL {point.postgres_connections}, Redis {point.redis_connections}",
                baseline=cost,
                ratio=None,
                target="",
            ),
        ]
    return rows
