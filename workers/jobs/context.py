"""Everything a worker process keeps warm between jobs."""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta

from scoring.competition import Schedule
from scoring.types import EvaluationId
from voice_api.db.copies import NearCopies
from voice_api.db.queue import EvaluationQueue
from voice_api.db.speeches import Speeches
from voice_api.db.states import WorkerDuty
from voice_api.db.submissions import Submissions
from voice_api.db.validations import Validations
from voice_api.runtime.worker_metrics import WorkerMetrics
from workers.evaluation.receipt_signer import ReceiptSigner
from workers.evaluation.tools import Tools
from workers.jobs.drain import Drain
from workers.jobs.failures import RetryRule
from workers.jobs.supervise import StageLimits


@dataclass(slots=True)
class CurrentJob:
    """The evaluation that the worker is busy with, for others to see; and its turns between evaluations and what people ask for."""

    evaluation: EvaluationId | None = None
    requests_turn: bool = False  # whether the last work was an evaluation
    recordings_turn: bool = False  # whether the last request was a sentence to speak, and no recording


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """The rows that a worker claims and writes. Their connections belong to `loop`, which runs in another thread than the jobs."""

    loop: asyncio.AbstractEventLoop
    queue: EvaluationQueue
    submissions: Submissions
    copies: NearCopies
    validations: Validations
    speeches: Speeches


@dataclass(frozen=True, slots=True)
class Judging:
    """The rules, the tools and the signer of evaluations.

    `receipt_signer` is asked for at each job, so that a renewed certificate is taken up; it raises PlatformError without a valid one.
    """

    schedule: Schedule
    tools: Tools
    receipt_signer: Callable[[], ReceiptSigner]


@dataclass(frozen=True, slots=True)
class Patience:
    """The times that a worker gives to leases, retries, a hub's refusal and each stage."""

    lease: timedelta  # a claim holds so long without progress
    retry: RetryRule = field(default_factory=RetryRule)
    confirm: timedelta = timedelta(minutes=10)  # a hub's first refusal waits so long to be repeated
    limits: StageLimits = field(default_factory=StageLimits)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerContext:
    """Everything that jobs need, made once by the worker's entry point."""

    name: str
    host: str = ""  # the unit that is drained, and on which failures count as one host's
    database: Database
    judging: Judging
    patience: Patience
    duty: WorkerDuty = WorkerDuty.ALL
    heartbeat: Callable[[], None]  # shows Redis that the worker lives; never raises
    drain: Drain = field(default_factory=Drain)
    current_job: CurrentJob = field(default_factory=CurrentJob)
    metrics: WorkerMetrics = field(default_factory=WorkerMetrics)


worker_context: ContextVar[WorkerContext] = ContextVar("worker_context")
"""Set once by the worker's entry point: RQ calls jobs by name, so it cannot pass them in."""
