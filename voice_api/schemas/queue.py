"""The queue on the wire: running and waiting evaluations, and a pure estimate of how long each waits for its turn."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from statistics import median, quantiles
from typing import Annotated, Self

from pydantic import Field

from scoring.types import EvaluationId, RoundNumber, SubmissionId
from voice_api.db.evaluations import QueueRow
from voice_api.db.states import EvaluationState, QueueName
from voice_api.schemas.wire import Page, Ss58, Wire


@dataclass(frozen=True, slots=True)
class EtaRange:
    """Whole seconds until a worker takes an evaluation: of those like it one in ten waits P10 at most, half P50, nine in ten P90."""

    p10_seconds: int
    p50_seconds: int
    p90_seconds: int


NO_WAIT = EtaRange(0, 0, 0)
_WAITS = tuple(entry.name for entry in fields(EtaRange))


@dataclass(frozen=True, slots=True)
class Throughput:
    """One queue's speed now: live workers that take new work, evaluations that they hold, and how long recent ones took."""

    workers: int
    running: int
    durations: Sequence[timedelta]


def estimate(ahead: int, throughput: Throughput, due_in: timedelta = timedelta(0)) -> EtaRange | None:
    """Estimate the wait of an evaluation with `ahead` others before it in its queue, which may not start before `due_in`.

    It starts when enough workers came free: n = ahead + 1 − idle workers. W workers come free every median/W, so P50 = n · median / W;
    deviations of independent durations add up by √n, so P90 = P50 + √n · (p90 − median) / W, and P10 likewise below it. None when no
    worker lives, or when it must wait for workers to come free and nothing was measured.
    """
    if throughput.workers < 1:
        return None
    needed = ahead + 1 - max(0, throughput.workers - throughput.running)
    if needed > 0 and not throughput.durations:
        return None
    quick, typical, slow = _spread(throughput.durations) if needed > 0 else (0.0, 0.0, 0.0)
    half = max(needed, 0) * typical / throughput.workers
    spread = math.sqrt(max(needed, 0)) / throughput.workers
    floor = max(math.ceil(due_in.total_seconds()), 0)
    waits = (half - spread * (typical - quick), half, half + spread * (slow - typical))
    return EtaRange(*(max(math.ceil(wait), floor) for wait in waits))


def _spread(durations: Sequence[timedelta]) -> tuple[float, float, float]:
    """The 10th percentile, the median and the 90th percentile, in seconds."""
    seconds = [duration.total_seconds() for duration in durations]
    typical = median(seconds)
    if len(seconds) == 1:
        return typical, typical, typical
    tenths = quantiles(seconds, n=10, method="inclusive")
    return min(typical, tenths[0]), typical, max(typical, tenths[-1])


EtaOut = Annotated[
    int | None,
    Field(
        description="Seconds until it starts; 0 once it runs, absent where no worker lives or nothing was measured.",
        examples=[420],
    ),
]


class QueueRowOut(Wire):
    """An evaluation that runs or waits.

    Of those like it one in ten starts within `eta_p10_seconds`, half within `eta_p50_seconds`, nine in ten within `eta_p90_seconds`.
    """

    position: Annotated[int, Field(description="From 1 over all queues, running ones first.", examples=[7])]
    ahead: Annotated[int, Field(description="How many wait before it in its own queue.", examples=[3])]
    eta_p10_seconds: EtaOut
    eta_p50_seconds: EtaOut
    eta_p90_seconds: EtaOut
    evaluation_id: EvaluationId
    submission_id: SubmissionId
    hotkey: Ss58
    repo: str
    revision: str
    round: RoundNumber
    track: Annotated[str | None, Field(description="Absent until its family, which decides it, is known.", examples=["small"])]
    queue: QueueName
    state: EvaluationState
    attempt: int
    failures: int
    stage: str | None
    done: int | None
    total: int | None
    due_at: datetime
    claimed_at: datetime | None

    @classmethod
    def of(cls, row: QueueRow, wait: EtaRange | None) -> Self:
        """Build it from the stored row and the estimate of its wait."""
        eta = {f"eta_{name}": getattr(wait, name, None) for name in _WAITS}
        own = {name: getattr(row, name) for name in cls.model_fields if name not in eta}
        return cls(**own, **eta)


class QueuePage(Page[QueueRowOut]):
    """The queue in the order in which it is served; `next` is the next page's `after`, absent on the last page."""
