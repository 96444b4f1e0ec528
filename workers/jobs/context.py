"""Everything a worker process keeps warm between jobs."""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta

from scoring.competition import Schedule
from scoring.types import EvaluationId
from voice_api.db.queue import EvaluationQueue
from voice_api.db.submissions import Submissions
from voice_api.db.validations import Validations
from voice_api.runtime.process_metrics import WorkerMetrics
from workers.evaluation.evaluate import Tools
from workers.evaluation.progress import StageLimits
from workers.evaluation.sign import ReceiptSigner
from workers.jobs.drain import Drain
from workers.jobs.retry import RetryRule


@dataclass(slots=True)
class CurrentJob:
    """What the worker is at, for whoever looks, and whether what it did last was an evaluation: then recordings have their turn."""

    evaluation: EvaluationId | None = None
    recordings_turn: bool = False


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """What jobs need, made once by the worker's entry point. `loop` runs in another thread than the jobs.

    `receipt_signer` is asked for at each job, so that a renewed certificate is taken up; it raises PlatformError without a valid one.
    `heartbeat` shows Redis that the worker lives, and never raises; `retire` ends the process after the job, `give_up` because its
    thread does not end. `host` is whom to drain, and to blame. `confirm` is how long a hub's refusal waits to be repeated.
    """

    name: str
    loop: asyncio.AbstractEventLoop
    queue: EvaluationQueue
    submissions: Submissions
    validations: Validations
    schedule: Schedule
    tools: Tools
    receipt_signer: Callable[[], ReceiptSigner]
    lease: timedelta
    retry: RetryRule
    heartbeat: Callable[[], None]
    retire: Callable[[], None]
    host: str = ""
    give_up: Callable[[], None] = lambda: None
    confirm: timedelta = timedelta(minutes=10)
    limits: StageLimits = field(default_factory=StageLimits)
    drain: Drain = field(default_factory=Drain)
    current_job: CurrentJob = field(default_factory=CurrentJob)
    metrics: WorkerMetrics = field(default_factory=WorkerMetrics)


worker_context: ContextVar[WorkerContext] = ContextVar("worker_context")
"""Set once by the worker's entry point: RQ calls jobs by name, so it cannot pass them in."""
