"""A guest whose model does at random what moves the numbers that limits are counted by: run in place of `workers.sandbox.guest`.

The text `pid` is answered with the guest's process id, any other is the seed of a sequence of steps.
"""

import ctypes
import itertools
import mmap
import os
import random
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scoring.synthesis.synthesiser import Request, Waveform
from workers.sandbox.guest.serve import serve

LIMIT_MIB, MOST_THREADS = 256, 128
_BASE_MIB = 64
"""What a guest holds before it begins, and the traces of threads and pipes."""
_HOLD_SECONDS = 0.4
_OFTEN = {"map": 5, "touch": 6, "protect": 4, "thread": 2, "memfd": 1, "pipe": 1, "file": 1}
_LEAVES = 0.15
"""As many sequences end their first thread on the way."""
_EXIT = {"x86_64": 60, "aarch64": 93}[os.uname().machine]
_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p


@dataclass(frozen=True)
class Step:
    """One thing to do, with so many MiB, threads or pipes, or to a map, counted from the latest."""

    kind: str
    size: int


def steps(seed: int) -> tuple[Step, ...]:
    """The sequence of a seed."""
    draw = random.Random(seed)
    sizes = {"map": (4, 160), "file": (1, 32), "thread": (1, 80), "pipe": (1, 8)}
    kinds = draw.choices(tuple(_OFTEN), tuple(_OFTEN.values()), k=draw.randint(3, 16))
    if draw.random() < _LEAVES:
        kinds.insert(draw.randint(0, len(kinds)), "leave")
    return tuple(Step(kind, draw.randint(*sizes.get(kind, (0, 2)))) for kind in kinds)


@dataclass(frozen=True)
class Claim:
    """What a sequence takes, in MiB and threads, if nothing stops it."""

    asked: int
    held: int
    threads: int
    leaves: bool

    @property
    def is_within(self) -> bool:
        """Whether it keeps to every limit, with something to spare."""
        return not self.leaves and self.threads < MOST_THREADS - 8 and self.asked + _BASE_MIB < LIMIT_MIB

    @property
    def is_beyond(self) -> bool:
        """Whether it must be ended."""
        return self.leaves or self.threads > MOST_THREADS + 8 or self.held > LIMIT_MIB


def place(maps: int, back: int) -> int:
    """Which of so many maps a step means."""
    return maps - 1 - back % maps


def claim(sequence: Sequence[Step]) -> Claim:
    """What a sequence takes: a map's memory once it is touched, and never where it was made read-only before."""
    maps: list[int] = []
    touched: set[int] = set()
    sealed: set[int] = set()
    for step in sequence:
        if step.kind == "map":
            maps.append(step.size)
        elif maps and step.kind == "protect":
            sealed.add(place(len(maps), step.size))
        elif maps and step.kind == "touch" and place(len(maps), step.size) not in sealed:
            touched.add(place(len(maps), step.size))
    files = sum(step.size for step in sequence if step.kind == "file")
    threads = 1 + sum(step.size for step in sequence if step.kind == "thread")
    leaves = any(step.kind == "leave" for step in sequence)
    return Claim(sum(maps) + files, sum(maps[number] for number in touched) + files, threads, leaves)


class Course:
    """A sequence as it runs."""

    def __init__(self) -> None:
        self._maps: list[tuple[int, int]] = []
        self._sealed: set[int] = set()
        self._kept: list[object] = []
        self._never = threading.Event()
        self._numbers = itertools.count()

    def run(self, rest: Iterator[Step]) -> None:
        """Do what is left; once the first thread ends, another goes on, and ends the process."""
        for step in rest:
            if step.kind == "leave" and threading.current_thread() is threading.main_thread():
                threading.Thread(target=self._go_on, args=(rest,)).start()
                _libc.syscall(ctypes.c_long(_EXIT), 0)
            getattr(self, f"_{step.kind}", lambda _size: None)(step.size)
        time.sleep(_HOLD_SECONDS)

    def _go_on(self, rest: Iterator[Step]) -> None:
        try:
            self.run(rest)
        finally:
            os._exit(1)

    def _map(self, mib: int) -> None:
        found = _libc.mmap(
            None, ctypes.c_size_t(mib << 20), mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0
        )
        if found in (None, ctypes.c_void_p(-1).value):
            raise MemoryError
        self._maps.append((int(found), mib << 20))

    def _touch(self, back: int) -> None:
        if self._maps and (number := place(len(self._maps), back)) not in self._sealed:
            start, size = self._maps[number]
            ctypes.memset(start, 1, size)

    def _protect(self, back: int) -> None:
        if self._maps:
            number = place(len(self._maps), back)
            start, size = self._maps[number]
            _libc.mprotect(ctypes.c_void_p(start), ctypes.c_size_t(size), mmap.PROT_READ)
            self._sealed.add(number)

    def _thread(self, count: int) -> None:
        threading.stack_size(64 << 10)
        for _ in range(count):
            threading.Thread(target=self._never.wait, daemon=True).start()

    def _memfd(self, _size: int) -> None:
        try:
            os.memfd_create("held")
        except PermissionError:
            return
        raise RuntimeError("a file that nobody counts")

    def _pipe(self, count: int) -> None:
        for _ in range(count):
            read, write = os.pipe()
            os.set_blocking(write, False)
            os.write(write, bytes(1 << 16))
            self._kept.append((read, write))

    def _file(self, mib: int) -> None:
        with Path(f"file{next(self._numbers)}").open("w+b") as file:
            file.write(b"x" * (mib << 20))
            file.flush()
            shared = mmap.mmap(file.fileno(), mib << 20)
        self._kept.append((shared, sum(shared[:: mmap.PAGESIZE])))


class Random:
    """Runs one sequence, if it is let."""

    family = "random"
    sample_rate = 22_050

    def generate(self, batch: Sequence[Request]) -> list[Waveform]:
        return [self._say(request.text) for request in batch]

    def _say(self, text: str) -> Waveform:
        if text == "pid":
            return np.frombuffer(str(os.getpid()).encode(), dtype=np.uint8).astype(np.float32) / 32767.0
        Course().run(iter(steps(int(text))))
        return np.zeros(100, dtype=np.float32)


if __name__ == "__main__":
    with os.fdopen(int(sys.argv[-2]), "rb") as orders, os.fdopen(int(sys.argv[-1]), "wb") as answers:
        serve(orders, answers, lambda _family: lambda _model, _parts, _threads, _dtype: Random())
