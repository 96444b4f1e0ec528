"""The ends of processes that no loop waits for: a child's with its starter, and a command's own in good order."""

import ctypes
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def die_with_parent() -> None:
    """Run in a child before it becomes its program: SIGTERM reaches it when its starter dies, however that dies."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@contextmanager
def ended_by_sigterm(status: int) -> Iterator[None]:
    """SIGTERM raises SystemExit with this status within the context, so that all that is open is closed. For the main thread."""

    def end(_signum: int, _frame: FrameType | None) -> None:
        sys.exit(status)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
