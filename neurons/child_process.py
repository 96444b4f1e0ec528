"""A child process that ends with its parent."""

import ctypes
import signal

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def die_with_parent() -> None:
    """Run in a child before it becomes its program: SIGTERM reaches it when its starter dies, however that dies."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
