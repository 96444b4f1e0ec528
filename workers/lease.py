"""Progress of an evaluation, turned into renewals of its lease."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from voice_api.db.queue import EvaluationQueue
from voice_api.db.records import Claim
from workers.progress import Stage

RENEWALS_PER_LEASE = 20
"""A renewal is sent at most this often within one lease, however often progress is reported."""


@dataclass(frozen=True, slots=True)
class Renewals:
    """Where progress is told: the lease in the database, and the worker's own sign of life (`beat`), which must not fail."""

    queue: EvaluationQueue
    beat: Callable[[], None]


class LeaseKeeper:
    """Called from the evaluating thread; raises LeaseLost there when another worker has taken over."""

    def __init__(self, renewals: Renewals, claim: Claim, lease: timedelta, loop: asyncio.AbstractEventLoop) -> None:
        self._renewals, self._claim, self._lease, self._loop = renewals, claim, lease, loop
        self._last = float("-inf")
        self._stage: Stage | None = None

    def __call__(self, stage: Stage, done: int, total: int) -> None:
        """Renew, unless the last renewal is young and of the same stage."""
        now = time.monotonic()
        if stage is self._stage and now - self._last < self._lease.total_seconds() / RENEWALS_PER_LEASE:
            return
        renewal = self._renewals.queue.renew(self._claim, self._lease, stage.value, done, total)
        asyncio.run_coroutine_threadsafe(renewal, self._loop).result(timeout=self._lease.total_seconds())
        self._renewals.beat()
        self._stage, self._last = stage, now
