"""What a worker counts and logs of one run, on a real PostgreSQL."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import bittensor as bt
import pytest
from pydantic import SecretStr
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from neurons.localnet.network import worker_identity
from scoring.errors import Code
from scoring.types import SubmissionId
from tests.builders.workers import a_worker
from voice_api.db.database import Pool
from voice_api.db.evaluations import Claim
from voice_api.db.queue import EvaluationQueue
from voice_api.db.states import QueueName
from voice_api.keys import read_certificate
from voice_api.runtime.worker_metrics import WorkerMetrics
from workers import main
from workers.evaluation.progress import Stage
from workers.jobs.context import WorkerContext
from workers.jobs.failures import RetryRule
from workers.jobs.lease import Timed
from workers.jobs.wakeup import work_one
from workers.settings import WorkerSettings

OpenRound = Callable[..., Awaitable[list[SubmissionId]]]
LEASE = timedelta(minutes=1)


class Overtaken(EvaluationQueue):
    """A queue whose leases are over at once, and are returned before anything can be written."""

    async def claim(self, queue: QueueName, worker: str, lease: timedelta, host: str = "") -> Claim | None:
        claim = await super().claim(queue, worker, timedelta(0), host)
        await self.expire_leases(budget=3)
        return claim


def context_of(pool: Pool, queue: EvaluationQueue, retries: int) -> WorkerContext:
    """A worker whose competition is not the round's: what it claims fails for our own reasons, before a model is touched."""
    return a_worker(pool, queue=queue, lease=LEASE, retry=RetryRule(retries, LEASE))


@pytest.mark.parametrize(
    ("retries", "outcome", "retried"),
    [pytest.param(3, "handed back", 1, id="tried again"), pytest.param(0, "parked", 0, id="parked")],
)
async def test_a_failed_run_is_counted_by_its_code(
    pool: Pool, open_round: OpenRound, retries: int, outcome: str, retried: int
) -> None:
    """Once by outcome and code, and as a retry if it is one."""
    await open_round()
    context = context_of(pool, EvaluationQueue(pool), retries)
    assert await work_one(context, QueueName.CPU) == outcome
    assert await work_one(context, QueueName.GPU) == "nothing due"
    value = context.metrics.registry.get_sample_value
    assert value("voice_worker_runs_total", {"outcome": outcome, "code": Code.COMPETITION_MISMATCH.slug}) == 1
    assert value("voice_worker_retries_total") == retried


async def test_a_lost_lease_is_counted(pool: Pool, open_round: OpenRound) -> None:
    """It is no run's outcome: the one that took over has that."""
    await open_round()
    context = context_of(pool, Overtaken(pool), 3)
    assert await work_one(context, QueueName.CPU) == "lease lost"
    value = context.metrics.registry.get_sample_value
    assert value("voice_worker_leases_lost_total") == 1
    assert value("voice_worker_retries_total") == 0


async def test_every_line_of_a_run_names_it(pool: Pool, open_round: OpenRound) -> None:
    """Evaluation, submission and round stand in each line, so that all of one run can be found."""
    [submission] = await open_round(number=3)
    with capture_logs(processors=[merge_contextvars]) as lines:
        await work_one(context_of(pool, EvaluationQueue(pool), 3), QueueName.CPU)
    assert [line["event"] for line in lines] == ["handed back"]
    assert [(line["evaluation"], line["submission"], line["round"]) for line in lines] == [(1, submission, 3)]


def test_what_ends_a_workers_work_one_day_is_shown(tmp_path: Path, writer: bt.Wallet) -> None:
    """Its certificate's end, as the file says it whenever somebody looks, and the disk of its data; a card only where one is used."""
    settings = WorkerSettings(
        database_url=SecretStr("postgresql:///nobody"), redis_url=SecretStr("redis://nobody"), data=tmp_path
    )
    metrics = WorkerMetrics()
    main.show_place(metrics, settings)
    value = metrics.registry.get_sample_value
    assert value("voice_certificate_expires_timestamp_seconds") == 0
    worker_identity(tmp_path, "host-1", writer)
    assert value("voice_certificate_expires_timestamp_seconds") == read_certificate(settings.certificate).not_after.timestamp()
    assert (value("voice_disk_free_bytes", {"of": "data"}) or 0) > 0
    assert value("voice_card_temperature_celsius") is None


def test_progress_names_its_stage_before_it_is_told_on() -> None:
    """The time of a stage begins with its first report, even one that ends the run."""
    heard: list[str] = []
    Timed(lambda stage, done, total: heard.append(f"{stage} {done}/{total}"), heard.append)(Stage.SPEAK, 3, 44)
    assert heard == ["speak", "speak 3/44"]
