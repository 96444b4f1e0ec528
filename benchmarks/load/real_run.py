"""One small run of the real stack, and the same on paper: real PostgreSQL, Valkey, dispatcher and workers, evaluations that sleep.

One worker is killed in the middle of an evaluation. What is compared is how long it takes until the last verdict, and how old the queue
becomes meanwhile.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from benchmarks.load.plan import FleetPlan, LoadPlan, Timing
from benchmarks.load.rows import Row
from benchmarks.load.simulation import PlayedRows, p95, play_rows
from benchmarks.service_bed import Bed
from benchmarks.service_jobs import a_commitment
from benchmarks.service_scale import ScaleBed, a_worker, alive
from scoring.types import RoundNumber
from tests.builders.processes import Workers
from voice_api.db.database import open_pool
from voice_api.db.operations import Watch
from voice_api.db.states import QueueName
from voice_api.db.submissions import Submissions

WORKERS = 3
SECONDS = tuple(1.0 + 0.25 * (number * 7 % 9) for number in range(24))
"""Of each evaluation, in the order in which they are asked for: 1 to 3."""
KILL_AT = 5.0
LEASE = timedelta(seconds=3)
SHARE, SLACK_SECONDS = 0.05, 2.0
"""Both agree within a twentieth and the time between two sweeps of the dispatcher."""
_MOST_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One number, real and on paper."""

    what: str
    real: float
    paper: float

    @property
    def agrees(self) -> bool:
        """Whether they are as near as is stated."""
        return abs(self.real - self.paper) <= SHARE * self.real + SLACK_SECONDS


def compare() -> list[Compared]:
    """Both runs, one after the other."""
    with Bed.standing("voice-load-") as bed:
        makespan, ages, failures = asyncio.run(really(bed))
    paper = on_paper(SECONDS)
    return [
        Compared(what="until the last verdict, s", real=makespan, paper=paper.seconds),
        Compared(what="age of the queue, 95 of 100 looks, s", real=p95(ages), paper=p95(paper.ages)),
        Compared(what="age of the queue in the mean, s", real=_mean(ages), paper=_mean(paper.ages)),
        Compared(what="tries that failed", real=failures, paper=paper.failures),
    ]


def on_paper(seconds: Sequence[float]) -> PlayedRows:
    """The same fleet, rows and death, simulated."""
    queue = QueueName.CPU
    plan = LoadPlan(tracks=(), fleets={queue: FleetPlan(workers=WORKERS)}, timing=Timing(lease=LEASE))
    rows = [
        Row(id=place, round=RoundNumber(1), track="", queue=queue, priority=place, seconds=each, due_at=0.0)
        for place, each in enumerate(seconds)
    ]
    return play_rows(plan, rows, (KILL_AT,), queue)


async def really(bed: Bed) -> tuple[float, list[float], float]:
    """Seconds until the last verdict, the age of the queue in each second, and how many tries failed."""
    await bed.make("scale", 0, 0)
    names = [f"load-{number}" for number in range(WORKERS)]
    shape = {"BENCH_SECONDS": " ".join(map(str, SECONDS)), "VOICE_LEASE_SECONDS": str(LEASE.total_seconds())}
    environments = {name: {**a_worker(bed, name), **shape} for name in names}
    bed.processes.start("scale-dispatcher", "neurons.cli", ["dispatcher"], bed.shared("scale"))
    fleet = Workers(bed.processes, environments, "benchmarks.service_fleet")
    try:
        async with open_pool(bed.database("scale"), application="bench") as pool:
            ids = await Submissions(pool).add([a_commitment(f"load/{number}") for number in range(len(SECONDS))])
            scale = ScaleBed(bed=bed, pool=pool, fleet=fleet, submissions=ids)
            for name in names:
                fleet.start(name)
            await alive(scale, WORKERS)
            number = await scale.open(len(SECONDS))
            ages = await _watched(scale, number, names[0])
            took = "select extract(epoch from max(finished_at) - min(created_at)) from evaluations where round = $1"
            failed = "select sum(failures) from evaluations where round = $1"
            return await scale.fetch(took, number), ages, await scale.fetch(failed, number)
    finally:
        fleet.stop()


async def _watched(bed: ScaleBed, number: RoundNumber, victim: str) -> list[float]:
    """Look at the queue each second until all is judged; the victim is killed on the way."""
    watch, began, ages = Watch(bed.pool), time.monotonic(), list[float]()
    open_rows = "select count(*) from evaluations where round = $1 and state in ('queued', 'running')"
    while await bed.fetch(open_rows, number):
        if time.monotonic() - began > _MOST_SECONDS:
            raise RuntimeError("the fleet does not end")
        ages.append((await watch.ages())[QueueName.CPU].total_seconds())
        if bed.fleet.alive(victim) and time.monotonic() - began >= KILL_AT:
            bed.fleet.kill(victim)
        await asyncio.sleep(max(0.0, began + len(ages) - time.monotonic()))
    return ages


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(len(values), 1)
