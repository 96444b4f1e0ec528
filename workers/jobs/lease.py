"""Progress of an evaluation, turned into renewals of its lease; and the word that it has to end, told back."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import structlog

from voice_api.errors import DatabaseUnavailable
from workers.evaluation.progress import Progress, Stage

log = structlog.get_logger()

RENEWALS_PER_LEASE = 20
"""A renewal is sent at most this often within one lease, however often progress is reported."""


class Leases(Protocol):
    """Rows that are leased: evaluations, or recordings."""

    async def renew(self, claim: Any, lease: timedelta, stage: str, done: int, total: int) -> object:
        """Extend the claim's lease from now on; raises LeaseLost."""
        ...


@dataclass(frozen=True, slots=True)
class Renewals:
    """The listeners to progress: the lease in the database, and the worker's own sign of life (`heartbeat`), which must not fail."""

    queue: Leases
    heartbeat: Callable[[], None]


class LeaseKeeper:
    """Called from the evaluating thread; raises LeaseLost there when another worker has taken over, and whatever `end` was given.

    Only progress that rises counts, in each stage by itself, since two of them run beside each other; a stage with another total is
    another piece of work. `stage` is the last one of which something was heard, `progress_count` how often something new was.
    """

    def __init__(self, renewals: Renewals, claim: object, lease: timedelta, loop: asyncio.AbstractEventLoop) -> None:
        self._renewals, self._claim, self._lease, self._loop = renewals, claim, lease, loop
        self._renewed = float("-inf")
        self._renewed_stages: set[Stage] = set()
        self._heard: dict[Stage, tuple[int, int]] = {}  # total and done
        self._end: Exception | None = None
        self.stage = Stage.CHECK
        self.progress_count = 0

    def end(self, reason: Exception) -> None:
        """Let the next report raise this."""
        self._end = reason

    def __call__(self, stage: Stage, done: int, total: int) -> None:
        """Renew, unless nothing rose or the last renewal is young and the stage has been told."""
        if self._end is not None:
            raise self._end
        known_total, known_done = self._heard.get(stage, (-1, -1))
        if total == known_total and done <= known_done:
            return
        self.stage, self._heard[stage] = stage, (total, done)
        self.progress_count += 1
        now = time.monotonic()
        if stage in self._renewed_stages and now - self._renewed < self._lease.total_seconds() / RENEWALS_PER_LEASE:
            return
        if self._is_renewed(stage, done, total):
            self._renewed_stages.add(stage)
            self._renewed = now
        self._renewals.heartbeat()

    def _is_renewed(self, stage: Stage, done: int, total: int) -> bool:
        renewal = self._renewals.queue.renew(self._claim, self._lease, stage.value, done, total)
        sent = asyncio.run_coroutine_threadsafe(renewal, self._loop)
        try:
            sent.result(timeout=self._lease.total_seconds())
        except DatabaseUnavailable as outage:  # the lease may outlive it; who took over meanwhile, the next renewal tells
            log.warning("the lease could not be renewed", detail=outage.detail)
            return False
        except TimeoutError:  # as after a worker was stopped, and let go on
            log.warning("the lease was not renewed in its own time")
            sent.cancel()
            return False
        return True


class Timed:
    """Progress that is passed on, while the name of its stage is told to a clock of stages."""

    def __init__(self, progress: Progress, entered: Callable[[str], None]) -> None:
        self._progress, self._entered = progress, entered

    def __call__(self, stage: Stage, done: int, total: int) -> None:
        """Pass it on; raises what the other one raises."""
        self._entered(stage.value)
        self._progress(stage, done, total)
