"""A worker that is asked to stop: it claims nothing more, and what it works on may end if that does not take too long."""

import time
from collections.abc import Callable
from datetime import timedelta


class Drained(Exception):
    """The worker stops: what it works on goes back into the queue, and is nobody's failure."""


class Drain:
    """Asked for by signals. The first one leaves `patience` to what is being worked on, the second one nothing."""

    def __init__(self, patience: timedelta = timedelta(seconds=60), clock: Callable[[], float] = time.monotonic) -> None:
        self._patience, self._clock = patience, clock
        self._deadline: float | None = None

    def request(self) -> None:
        """Ask once, or once more; safe in a signal's handler."""
        now = self._clock()
        self._deadline = now + self._patience.total_seconds() if self._deadline is None else now

    @property
    def requested(self) -> bool:
        """Whether to claim nothing more."""
        return self._deadline is not None

    @property
    def overdue(self) -> bool:
        """Whether to stop in the middle of it."""
        return self._deadline is not None and self._clock() >= self._deadline

    @property
    def left(self) -> timedelta:
        """Until it is overdue; all of the patience while nobody asked."""
        return self._patience if self._deadline is None else timedelta(seconds=max(0.0, self._deadline - self._clock()))
