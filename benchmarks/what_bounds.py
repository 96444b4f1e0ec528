"""The resource that bounds a judge (Python, memory or arithmetic), by measurement.

Share of native time: the time inside functions that are not Python, by the profiler; the recogniser's own calls are hidden from it and
are what remains of the Python function around them. Slowed by memory: processor time beside a thread that copies memory without end, over
processor time without it. Both are of one thread.
"""

import cProfile
import pstats
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

AROUND_NATIVE = ("_attempt",)
"""Python functions whose own time is a native call's that the profiler does not see."""
HOG_FLOATS = 64 * 2**20
MOSTLY = 0.7
SLOWED = 1.25


@dataclass(frozen=True, slots=True)
class Bound:
    """Shares in [0, 1]; `slowed` is a ratio from about 1 (does not wait for memory)."""

    native: float
    slowed: float

    @property
    def name(self) -> str:
        """The first thing to make faster."""
        if self.native < MOSTLY:
            return "Python"
        return "memory" if self.slowed > SLOWED else "compute"


def bound(work: Callable[[], object]) -> Bound:
    """Run some work four times: to warm up, alone, beside memory traffic, and under the profiler."""
    work()
    alone = _thread_seconds(work)
    with _traffic():
        beside = _thread_seconds(work)
    return Bound(_native(work), beside / alone)


def _thread_seconds(work: Callable[[], object]) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began


def _native(work: Callable[[], object]) -> float:
    profiler = cProfile.Profile(time.thread_time)
    profiler.runcall(work)
    stats: Any = pstats.Stats(profiler)
    own = {(file, name): times[2] for (file, _, name), times in stats.stats.items()}
    native = sum(seconds for (file, name), seconds in own.items() if file == "~" or name in AROUND_NATIVE)
    return float(native / sum(own.values()))


@contextmanager
def _traffic() -> Any:
    """A thread that copies memory from here to there, until the end."""
    stop = threading.Event()
    here, there = torch.zeros(HOG_FLOATS), torch.zeros(HOG_FLOATS)

    def copy() -> None:
        while not stop.is_set():
            there.copy_(here)

    thread = threading.Thread(target=copy)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
