"""How a judge's small steps are computed: on one thread, and without kernels built for one length of clip."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def onednn(enabled: bool) -> Iterator[None]:
    """Inside, torch's oneDNN is on or off. It is a setting of the whole process: enter from one thread only."""
    backend: Any = torch.backends.mkldnn  # its types name the descriptor, not the bool behind it
    before = backend.enabled
    backend.enabled = enabled
    try:
        yield
    finally:
        backend.enabled = before


@contextmanager
def deterministic() -> Iterator[None]:
    """Inside, and in threads begun inside, torch works on one thread and without oneDNN. As `onednn`: enter from one thread only.

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
