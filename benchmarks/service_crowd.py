"""A thousand workers' signs of life, and the dispatcher among them: what it costs to have so many, when none of them does anything.

The workers are made up: rows and keys as a thousand processes leave them, renewed as those renew them.
"""

import asyncio
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle

from redis import Redis
from rq import Queue
from rq.registry import StartedJobRegistry
from rq.serializers import JSONSerializer
from rq.worker import BaseWorker

from benchmarks.service_bed import Bed, ServiceRow, in_ms, postgres_seconds
from neurons.localnet.services import pick_port
from voice_api.db.database import open_pool
from voice_api.db.processes import Workers
from voice_api.db.states import QueueName
from voice_api.dispatch.wakeups import JOB, WakeUps

CROWD = 1_000
_AT_ONCE = 8
_WAKEUPS = 4 * CROWD
_START_SECONDS = 60.0
_RENEWALS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class CrowdCost:
    """What so many workers cost by being there."""

    workers: int
    heartbeats: float
    """Signs of life that PostgreSQL takes in a second."""
    heartbeat_ms: float
    """Its processor time of one."""
    sweep_seconds: float
    """One sweep of the dispatcher, while each worker has a wake-up under way."""
    sweep_alone_seconds: float
    """The same without a worker."""
    wakeups: float
    """Wake-ups that the dispatcher sends in a second, where as many rows become due at once."""


async def crowd(bed: Bed, seconds: float) -> CrowdCost:
    """Measure it."""
    await bed.make("crowd", 0, 0)
    alone = await _sweep(bed, "alone", seconds)
    async with open_pool(bed.database("crowd"), application="bench", size=_AT_ONCE) as pool:
        workers = Workers(pool)
        names = [f"crowd-{number}" for number in range(CROWD)]
        for name in names:
            await workers.heartbeat(name, name, QueueName.CPU)
        spent, began = postgres_seconds(bed), time.monotonic()
        done = sum(await asyncio.gather(*(_beat(workers, names[place::_AT_ONCE], seconds) for place in range(_AT_ONCE))))
        lasted, spent = time.monotonic() - began, postgres_seconds(bed) - spent
        await asyncio.to_thread(_busy, bed.redis, names)
        for name in names:
            await workers.heartbeat(name, name, QueueName.CPU)
        crowded = await _sweep(bed, "crowded", seconds)
        sent = await asyncio.to_thread(_sent, bed.redis)
    with Redis.from_url(bed.redis) as redis:
        redis.flushall()
    return CrowdCost(
        workers=CROWD,
        heartbeats=done / lasted,
        heartbeat_ms=1000 * spent / done,
        sweep_seconds=crowded,
        sweep_alone_seconds=alone,
        wakeups=sent,
    )


async def _beat(workers: Workers, names: list[str], seconds: float) -> int:
    """As a worker's presence does: asks whether its host is drained, and shows itself."""
    until, done = time.monotonic() + seconds, 0
    for name in cycle(names):
        if time.monotonic() > until:
            return done
        await workers.host_drained(name)
        await workers.heartbeat(name, name, QueueName.CPU)
        done += 1
    return done


def _busy(url: str, names: list[str]) -> None:
    """Redis as it is while each worker is at work: a wake-up that is under way, and the worker that took it."""
    with Redis.from_url(url) as redis:
        queue = Queue(QueueName.CPU.value, connection=redis, serializer=JSONSerializer)
        started = StartedJobRegistry(queue=queue)
        for name in names:
            job = queue.enqueue_call(JOB, args=(QueueName.CPU.value,), timeout=-1)
            job.worker_name = name
            job.save()
            redis.zadd(started.key, {f"{job.id}:{name}": time.time() + 3600})
            redis.set(f"{BaseWorker.redis_worker_namespace_prefix}{name}", 1)
        redis.delete(queue.key)


def _sent(url: str) -> float:
    """Wake-ups in a second, of several for each worker."""
    with WakeUps(url) as wakeups:
        began = time.monotonic()
        return wakeups.top_up(QueueName.GPU, _WAKEUPS, CROWD) / (time.monotonic() - began)


async def _sweep(bed: Bed, name: str, seconds: float) -> float:
    """Seconds of one of the dispatcher's turns, as its own numbers have it."""
    port = pick_port(None)
    environment = {**bed.shared("crowd"), "VOICE_METRICS_PORT": str(port), "VOICE_DISPATCH_SECONDS": "0.05"}
    bed.processes.start(name, "neurons.cli", ["dispatcher"], environment)
    before = await asyncio.to_thread(_turns, port, 1)
    await asyncio.sleep(seconds)
    after = await asyncio.to_thread(_turns, port, before["count"] + _RENEWALS)
    bed.processes.kill(name)
    return (after["sum"] - before["sum"]) / (after["count"] - before["count"])


def _turns(port: int, least: float) -> Mapping[str, float]:
    """How many turns there were, and their seconds; once there were so many."""
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            lines = []
        found = {line.split()[0]: float(line.split()[1]) for line in lines if line.startswith("voice_tick_seconds_")}
        if found.get("voice_tick_seconds_count", 0) >= least:
            return {kind: found[f"voice_tick_seconds_{kind}"] for kind in ("count", "sum")}
        time.sleep(0.1)
    raise RuntimeError("the dispatcher makes no turn")


def crowd_rows(cost: CrowdCost) -> list[ServiceRow]:
    """The costs as the table shows them."""
    return [
        ServiceRow(
            what=f"signs of life/s among {cost.workers:,} workers",
            ours=f"{cost.heartbeats:.0f}",
            baseline=f"PostgreSQL {cost.heartbeat_ms:.2f} ms of processor each",
            ratio=None,
            target="",
        ),
        ServiceRow(
            what=f"one sweep of the dispatcher, {cost.workers:,} workers at work",
            ours=in_ms(cost.sweep_seconds),
            baseline=f"without a worker {in_ms(cost.sweep_alone_seconds)}",
            ratio=cost.sweep_seconds / cost.sweep_alone_seconds,
            target="",
        ),
        ServiceRow(what="wake-ups/s that the dispatcher sends", ours=f"{cost.wakeups:.0f}", baseline="", ratio=None, target=""),
    ]
