"""Reproducible arithmetic for a judge's small steps: one thread, and no kernels built for one length of clip."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def onednn(enabled: bool) -> Iterator[None]:
    """Switch torch's oneDNN on or off inside. It is a setting of the whole process: enter from one thread only."""
    backend: Any = torch.backends.mkldnn  # its types name the descriptor, not the bool behind it
    before = backend.enabled
    backend.enabled = enabled
    try:
        yield
    finally:
        backend.enabled = before


@contextmanager
def deterministic() -> Iterator[None]:
    """Keep torch on one thread and without oneDNN inside, also in threads begun inside. Enter from one thread only.

    A clip's transforms are too short to share: handing them to a second thread costs more than it saves, and many times more where
    another process has that core. oneDNN builds and keeps code for each new length, about 1 MB of it per clip, and takes longer to
    build it than to filter without it.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with onednn(enabled=False):
            yield
    finally:
        torch.set_num_threads(before)
