"""How long an evaluation waits for its turn: a pure estimate from those ahead of it, the live workers, and what recent ones took."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median, quantiles


@dataclass(frozen=True, slots=True)
class Wait:
    """From now until a worker takes it, in whole seconds: half, and nine in ten, wait no longer."""

    p50_seconds: int
    p90_seconds: int


NO_WAIT = Wait(0, 0)


@dataclass(frozen=True, slots=True)
class Pace:
    """One queue now: workers that live and are not draining, evaluations that they hold, and what recent ones took."""

    workers: int
    running: int
    durations: Sequence[timedelta]


def wait(ahead: int, pace: Pace, due_in: timedelta = timedelta(0)) -> Wait | None:
    """The wait of an evaluation with `ahead` others before it in its queue that may not start before `due_in`.

    It starts when enough workers came free: n = ahead + 1 − idle workers. W workers come free every median/W, so P50 = n · median / W;
    deviations of independent durations add up by √n, so P90 = P50 + √n · (p90 − median) / W. None when no worker lives, or when
    it must wait for workers to come free and nothing was measured.
    """
    if pace.workers < 1:
        return None
    needed = ahead + 1 - max(0, pace.workers - pace.running)
    if needed > 0 and not pace.durations:
        return None
    typical, slow = _spread(pace.durations) if needed > 0 else (0.0, 0.0)
    half = max(needed, 0) * typical / pace.workers
    most = half + math.sqrt(max(needed, 0)) * (slow - typical) / pace.workers
    least = math.ceil(due_in.total_seconds())
    return Wait(max(math.ceil(half), least, 0), max(math.ceil(most), least, 0))


def _spread(durations: Sequence[timedelta]) -> tuple[float, float]:
    """The median and the 90th percentile, in seconds."""
    seconds = [duration.total_seconds() for duration in durations]
    typical = median(seconds)
    if len(seconds) == 1:
        return typical, typical
    return typical, max(typical, quantiles(seconds, n=10, method="inclusive")[-1])
