"""Jobs per second: from a row through dispatcher, wake-up, RQ and worker to a verdict, against RQ's own jobs that do nothing."""

import asyncio
import hashlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from neurons.chain import wallets
from neurons.localnet.network import COMPETITION
from neurons.validator import certification
from scoring.competition import load
from scoring.types import Block, BlockHash, Hotkey, PublicKey, RoundNumber, Tag
from tests.builders.processes import ROOT, Processes
from voice_api.db.database import Pool
from voice_api.db.rounds import NewRound, RoundEntry, Rounds
from voice_api.db.states import QueueName
from voice_api.db.submissions import NewSubmission, Submissions
from voice_api.keys import ServiceKey

_POLL_SECONDS = 0.05
_START_SECONDS = 60.0
_BARE = "bare"
_ADDED = 2_000
"""In one transaction, which locks each: PostgreSQL keeps room for some thousands of locks."""


async def through_the_service(
    pool: Pool, processes: Processes, folder: Path, shared: Mapping[str, str], jobs: int, most: float
) -> float:
    """Verdicts per second of one worker over `jobs` due rows, or over what it does in `most` seconds."""
    processes.start("jobs-dispatcher", "neurons.cli", ["dispatcher"], shared)
    processes.start("jobs-worker", "benchmarks.service_worker", [], {**shared, **_identity(folder)})
    await open_rows(pool, 1, 1)  # everything has started once this is judged
    if not await _judged(pool, 1, _START_SECONDS):
        raise RuntimeError("the worker judges nothing")
    started = time.perf_counter()
    await open_rows(pool, 2, jobs)
    done = await _judged(pool, 1 + jobs, most) - 1
    seconds = time.perf_counter() - started
    for name in ("jobs-worker", "jobs-dispatcher"):
        processes.kill(name)
    return done / seconds


async def through_rq(url: str, processes: Processes, jobs: int, most: float) -> float:
    """Jobs per second of one SimpleWorker."""
    arguments = ["worker", "--url", url, "--worker-class", "rq.SimpleWorker", "--serializer", "rq.serializers.JSONSerializer"]
    processes.start("bare-worker", "rq.cli", [*arguments, "--logging_level", "ERROR", _BARE], {"PYTHONPATH": str(ROOT)})
    with Redis.from_url(url) as redis:
        queue = Queue(_BARE, connection=redis, serializer=JSONSerializer)
        _enqueue(queue, 1)
        if not await _finished(queue, 1, _START_SECONDS):
            raise RuntimeError("the bare worker does nothing")
        started = time.perf_counter()
        await asyncio.to_thread(_enqueue, queue, jobs)
        done = await _finished(queue, 1 + jobs, most) - 1
        seconds = time.perf_counter() - started
    processes.kill("bare-worker")
    return done / seconds


def _enqueue(queue: Queue, jobs: int) -> None:
    for _ in range(jobs):
        queue.enqueue_call("benchmarks.service_worker.nothing", timeout=-1, result_ttl=600)


async def _finished(queue: Queue, jobs: int, most: float) -> int:
    until = time.perf_counter() + most
    while (done := int(queue.finished_job_registry.count)) < jobs and time.perf_counter() < until:  # noqa: ASYNC110  # Redis is another process
        await asyncio.sleep(_POLL_SECONDS)
    return done


async def _judged(pool: Pool, jobs: int, most: float) -> int:
    until = time.perf_counter() + most
    while True:
        async with pool.connection() as connection:
            done = int(
                await connection.fetchval("select count(*) from evaluations where worker is not null and state = 'scored'")
            )
        if done >= jobs or time.perf_counter() > until:
            return done
        await asyncio.sleep(_POLL_SECONDS)


async def open_rows(pool: Pool, number: int, jobs: int) -> None:
    """Open a round that asks for so many new submissions."""
    made = [a_commitment(f"{number}/{job}") for job in range(jobs)]
    parts = [made[first : first + _ADDED] for first in range(0, jobs, _ADDED)]
    ids = [each for part in parts for each in await Submissions(pool).add(part)]
    competition = load(COMPETITION).at(RoundNumber(number))
    round_ = NewRound(
        round=RoundNumber(number),
        start_block=Block(number * 40),
        block_hash=BlockHash("0x" + "5a" * 32),
        deadline_block=Block(10_000),
        competition_hash=competition.hash,
    )
    entries = [
        RoundEntry(submission, None, QueueName.CPU, priority) for priority, submission in enumerate(ids)
    ]  # as the validator has it
    await Rounds(pool).open(round_, entries)


def a_commitment(name: str) -> NewSubmission:
    """A submission of a hotkey of its own."""
    key = hashlib.sha256(name.encode()).hexdigest()
    return NewSubmission(
        hotkey=Hotkey(f"bench-{key[:20]}"),
        public_key=PublicKey(key),
        commit_block=Block(1),
        tiebreak=key,
        commitment="v2",
        repo="lab/voice",
        revision=key[:40],
        tag=Tag(key[:32]),
    )


def _identity(folder: Path) -> Mapping[str, str]:
    data = folder / "jobs-worker"
    key, certificate = data / "service.key", data / "service.cert.json"
    wallet = wallets.create("bench", "default", folder / "wallets")
    signed = certification.certify(wallet, ServiceKey.at(key).address, "bench", timedelta(days=1), datetime.now(UTC))
    certification.write(certificate, signed.to_json())
    return {
        "VOICE_DATA": str(data),
        "VOICE_SERVICE_KEY": str(key),
        "VOICE_CERTIFICATE": str(certificate),
        "VOICE_COMPETITION": str(COMPETITION),
    }
