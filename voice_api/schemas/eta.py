"""The wait of an evaluation for its turn: a pure estimate from those ahead of it, the live workers, and recent durations."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median, quantiles


@dataclass(frozen=True, slots=True)
class EtaRange:
    """Whole seconds until a worker takes an evaluation: half of those like it wait P50 at most, nine in ten P90 at most."""

    p50_seconds: int
    p90_seconds: int


NO_WAIT = EtaRange(0, 0)


@dataclass(frozen=True, slots=True)
class Throughput:
    """One queue's speed now: live workers that take new work, evaluations that they hold, and how long recent ones took."""

    workers: int
    running: int
    durations: Sequence[timedelta]


def estimate(ahead: int, throughput: Throughput, due_in: timedelta = timedelta(0)) -> EtaRange | None:
    """Estimate the wait of an evaluation with `ahead` others before it in its queue, which may not start before `due_in`.

    It starts when enough workers came free: n = ahead + 1 − idle workers. W workers come free every median/W, so P50 = n · median / W;
    deviations of independent durations add up by √n, so P90 = P50 + √n · (p90 − median) / W. None when no worker lives, or when
    it must wait for workers to come free and nothing was measured.
    """
    if throughput.workers < 1:
        return None
    needed = ahead + 1 - max(0, throughput.workers - throughput.running)
    if needed > 0 and not throughput.durations:
        return None
    typical, slow = _spread(throughput.durations) if needed > 0 else (0.0, 0.0)
    half = max(needed, 0) * typical / throughput.workers
    most = half + math.sqrt(max(needed, 0)) * (slow - typical) / throughput.workers
    least = math.ceil(due_in.total_seconds())
    return EtaRange(max(math.ceil(half), least, 0), max(math.ceil(most), least, 0))


def _spread(durations: Sequence[timedelta]) -> tuple[float, float]:
    """The median and the 90th percentile, in seconds."""
    seconds = [duration.total_seconds() for duration in durations]
    typical = median(seconds)
    if len(seconds) == 1:
        return typical, typical
    return typical, max(typical, quantiles(seconds, n=10, method="inclusive")[-1])
