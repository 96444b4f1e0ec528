"""A worker that is asked to stop: it claims nothing more, and may finish its current work if that does not take too long."""

import time
from collections.abc import Callable
from datetime import timedelta


class Drained(Exception):
    """The worker stops: its current work goes back into the queue, and is nobody's failure."""


class Drain:
    """Asked for by signals. The first one leaves `patience` to the current work, the second one nothing."""

    def __init__(self, patience: timedelta = timedelta(seconds=60), clock: Callable[[], float] = time.monotonic) -> None:
        self._patience, self._clock = patience, clock
        self._deadline: float | None = None
        self._exit_status: int | None = None

    def request(self) -> None:
        """Ask once, or once more; safe in a signal's handler."""
        now = self._clock()
        self._deadline = now + self._patience.total_seconds() if self._deadline is None else now

    def leave_thread_behind(self) -> None:
        """End the process after the job, because one of its threads does not end: Python would wait for it for ever."""
        if self._exit_status is None:
            self._exit_status = 0 if self.requested else 1
        self.request()

    @property
    def requested(self) -> bool:
        """Whether to claim nothing more."""
        return self._deadline is not None

    @property
    def overdue(self) -> bool:
        """Whether to stop in the middle of the current work."""
        return self._deadline is not None and self._clock() >= self._deadline

    @property
    def left(self) -> timedelta:
        """Until it is overdue; all of the patience while nobody asked."""
        return self._patience if self._deadline is None else timedelta(seconds=max(0.0, self._deadline - self._clock()))

    @property
    def exit_status(self) -> int | None:
        """The status with which the process must end without a thread that does not: 0 if it was asked to stop before, else 1.

        None while no thread was left behind.
        """
        return self._exit_status
