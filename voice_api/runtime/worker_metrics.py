"""What a worker shows of its runs."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Gauge, Histogram

from scoring.errors import Blame, Code
from voice_api.db.states import VerdictState
from voice_api.runtime.process_metrics import new_registry

STAGE_SECONDS = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0)
"""Bounds of the histogram, from a check to a stage of an hour."""


class WorkerMetrics:
    """A worker's counters: runs by their end, and the time in each stage."""

    def __init__(self) -> None:
        self.registry = new_registry()
        self._runs = Counter(
            "voice_worker_runs",
            "Runs by how they ended and the code ('' without one).",
            ["outcome", "code"],
            registry=self.registry,
        )
        self._stages = Histogram(
            "voice_worker_stage_seconds", "Time in each stage.", ["stage"], buckets=STAGE_SECONDS, registry=self.registry
        )
        self._retries = Counter("voice_worker_retries", "Runs that were handed back to be tried again.", registry=self.registry)
        self._lost = Counter("voice_worker_leases_lost", "Runs that lost their lease.", registry=self.registry)
        for verdict in VerdictState:
            self._runs.labels(verdict.value, "")
        for code in Code:  # shown from 0 on: where the first one came as 1, no alert would see that it increased
            if code.blame is Blame.INFRASTRUCTURE:
                for outcome in ("handed back", "parked"):
                    self._runs.labels(outcome, code.slug)

    def certified_until(self, moment: Callable[[], float]) -> None:
        """Show when the service key's certificate ends, asked for each time that somebody looks: it may have been renewed."""
        ends = Gauge(
            "voice_certificate_expires_timestamp_seconds",
            "When the service key's certificate ends, in Unix time; 0 where there is none.",
            registry=self.registry,
        )
        ends.set_function(moment)

    def ended(self, outcome: str, code: Code | None = None) -> None:
        """Count one run by its outcome, a word of ours, and its code."""
        self._runs.labels(outcome, code.slug if code else "").inc()

    def retried(self) -> None:
        """Count one run that will be tried again."""
        self._retries.inc()

    def lease_lost(self) -> None:
        """Count one run that lost its lease."""
        self._lost.inc()

    @contextmanager
    def stages(self) -> Iterator[Callable[[str], None]]:
        """Measure the stages of one run: call what is given with the stage's name at every sign of progress; the last ends with it."""
        clock = _StageClock(self._stages)
        try:
            yield clock.at
        finally:
            clock.end()


class _StageClock:
    def __init__(self, seconds: Histogram) -> None:
        self._seconds = seconds
        self._spans: dict[str, tuple[float, float]] = {}  # first and last sign of each stage: two may run beside each other
        self._stage: str | None = None

    def at(self, stage: str) -> None:
        now = time.perf_counter()
        for heard in {stage, self._stage or stage}:  # a stage lasts until the next begins
            first, _ = self._spans.get(heard, (now, now))
            self._spans[heard] = (first, now)
        self._stage = stage

    def end(self) -> None:
        if self._stage is not None:
            self.at(self._stage)
        for stage, (first, last) in self._spans.items():
            self._seconds.labels(stage).observe(last - first)
