"""How many threads a judge's small steps take: one."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside, and in threads begun inside, torch works on one thread.

    No number depends on it. A clip's transforms are too short to share: handing them to a second thread costs more than it saves,
    and many times more where another process has that core.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
