"""What a hostile guest does to break off: each ends it, and the verdict must be the one that it earns."""

import ctypes
import mmap
import os
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scoring.errors import Code
from workers.sandbox.guest.frames import FrameKind
from workers.sandbox.selftest.attempt import Wall, libc

_RATE = 16_000
_PROT_READ, _PROT_ALL = 1, 7
_MAP_NORESERVE = 0x4000
_STEP = 1 << 24
_MUCH = 2 << 30
"""What is taken where nothing stops it: more than a guest may have, and no harm to a host that has room for one."""
_WHILE = 30.0
_EXIT = {"x86_64": 60, "aarch64": 93}
"""The call that ends one thread."""
_STRETCH, _TABLE = 1 << 34, 1 << 21
"""Addresses mapped at once, and as far apart as those of one table of pages."""
_CALL_OF_I386 = bytes.fromhex("b814000000cd80c3")
"""mov eax, 20; int 0x80; ret: the process id, asked by the table of calls of 32 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """A way to break off; `verdict` is what the worker must say of it, within `seconds` for a sample."""

    act: Callable[[], object]
    verdict: Code
    walls: tuple[Wall, ...]
    seconds: float = 20.0


def answers() -> int:
    """The guest's pipe to the worker."""
    return int(sys.argv[-1])


def raw(data: bytes) -> None:
    """Write bytes where frames are expected."""
    while data:
        data = data[os.write(answers(), data) :]


def header(kind: int, rate: int, size: int) -> bytes:
    """A frame's beginning."""
    return struct.pack("<4sB3xII", b"VSG1", kind, rate, size)


def fill_memory() -> None:
    """Ask for memory without end."""
    held = []
    while True:
        held.append(bytearray(_STEP))


def _read_only_memory() -> None:
    """Written, then made read-only: RLIMIT_DATA no longer counts it."""
    for _ in range(_MUCH // _STEP):
        room = mmap.mmap(-1, _STEP, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        place = ctypes.addressof(ctypes.c_char.from_buffer(room))
        ctypes.memset(place, 1, _STEP)
        libc.mprotect(ctypes.c_void_p(place), ctypes.c_size_t(_STEP), _PROT_READ)
        _KEPT.append(room)
    time.sleep(_WHILE)


_KEPT: list[mmap.mmap] = []


def _first_thread_ends() -> None:
    """Another thread fills memory after the first one, whose numbers are zero then, has ended."""
    threading.Thread(target=_read_only_memory, daemon=True).start()
    libc.syscall(_EXIT[os.uname().machine], 0)


def _page_tables() -> None:
    """One page of zeros in each stretch that has a table of its own, read and never written: no memory is held but the tables."""
    for _ in range(_MUCH * _TABLE // mmap.PAGESIZE // _STRETCH):
        room = mmap.mmap(-1, _STRETCH, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE, prot=mmap.PROT_READ)
        for place in range(0, _STRETCH, _TABLE):
            room[place]
        _KEPT.append(room)
    time.sleep(_WHILE)


def _fill_scratch() -> None:
    for number in range(100_000):
        Path(f"f{number}").write_bytes(bytes(1 << 22))


def _wide_files() -> None:
    for number in range(10):
        Path(f"f{number}").write_bytes(bytes(40 << 20))
    time.sleep(_WHILE)


def _many_files() -> None:
    for number in range(100_000):
        Path(f"f{number}").touch()


def _many_threads() -> None:
    threading.stack_size(32_768)
    stop = threading.Event()
    while True:
        threading.Thread(target=stop.wait, daemon=True).start()


def loop() -> None:
    """Compute without end."""
    while True:
        pass


def _stubborn_sleep() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGXCPU, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(1)


def _vanish() -> None:
    os.close(answers())
    loop()


def _call_of_another_table() -> None:
    """Only the filter's first instruction, which asks for the table, sees that this is no harmless call."""
    if os.uname().machine != "x86_64":
        os.abort()
    room = libc.mmap(None, 4096, _PROT_ALL, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    ctypes.memmove(room, _CALL_OF_I386, len(_CALL_OF_I386))
    ctypes.CFUNCTYPE(ctypes.c_int)(room)()


def _alarm() -> None:
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    time.sleep(5)


_WATCH, _PROTOCOL = (Wall.WATCH,), (Wall.PROTOCOL,)
_MEMORY = (Wall.LIMITS, Wall.WATCH)

BEHAVIOURS: Mapping[str, Behaviour] = {
    "memory without end": Behaviour(act=fill_memory, verdict=Code.MEMORY_EXCEEDED, walls=_MEMORY),
    "memory made read-only": Behaviour(act=_read_only_memory, verdict=Code.MEMORY_EXCEEDED, walls=_MEMORY),
    "memory after its first thread ended": Behaviour(act=_first_thread_ends, verdict=Code.MEMORY_EXCEEDED, walls=_MEMORY),
    "page tables without end": Behaviour(act=_page_tables, verdict=Code.MEMORY_EXCEEDED, walls=_MEMORY),
    "scratch bytes without end": Behaviour(act=_fill_scratch, verdict=Code.MEMORY_EXCEEDED, walls=_WATCH),
    "more bytes than the scratch holds, then quiet": Behaviour(act=_wide_files, verdict=Code.MEMORY_EXCEEDED, walls=_WATCH),
    "scratch files without end": Behaviour(act=_many_files, verdict=Code.MEMORY_EXCEEDED, walls=_WATCH),
    "threads without end": Behaviour(act=_many_threads, verdict=Code.GENERATION_FAILED, walls=_WATCH),
    "a busy loop": Behaviour(act=loop, verdict=Code.SAMPLE_TIMEOUT, walls=_WATCH, seconds=1.0),
    "sleep, and no signal heard": Behaviour(act=_stubborn_sleep, verdict=Code.SAMPLE_TIMEOUT, walls=_WATCH, seconds=1.0),
    "garbage for an answer": Behaviour(act=lambda: raw(os.urandom(64) * 64), verdict=Code.GENERATION_FAILED, walls=_PROTOCOL),
    "a giant sample announced": Behaviour(
        act=lambda: raw(header(FrameKind.SAMPLE, _RATE, 0xFFFFFFF0)), verdict=Code.OUTPUT_TOO_LARGE, walls=_PROTOCOL
    ),
    "a giant reason announced": Behaviour(
        act=lambda: raw(header(FrameKind.SAMPLE_FAILED, 0, 1 << 30)), verdict=Code.GENERATION_FAILED, walls=_PROTOCOL
    ),
    "a sample of another rate": Behaviour(
        act=lambda: raw(header(FrameKind.SAMPLE, 44_100, 2) + b"ab"), verdict=Code.GENERATION_FAILED, walls=_PROTOCOL
    ),
    "half a sample": Behaviour(
        act=lambda: raw(header(FrameKind.SAMPLE, _RATE, 3) + b"abc"), verdict=Code.GENERATION_FAILED, walls=_PROTOCOL
    ),
    "an answer too many": Behaviour(
        act=lambda: raw(2 * (header(FrameKind.SAMPLE, _RATE, 2) + b"ab")), verdict=Code.GENERATION_FAILED, walls=_PROTOCOL
    ),
    "an answer out of turn": Behaviour(
        act=lambda: raw(header(FrameKind.PREPARED, 0, 0)), verdict=Code.GENERATION_FAILED, walls=_PROTOCOL
    ),
    "an end without an answer": Behaviour(act=lambda: os._exit(0), verdict=Code.GENERATION_FAILED, walls=_PROTOCOL),
    "a crash": Behaviour(act=os.abort, verdict=Code.GENERATION_FAILED, walls=_WATCH),
    "a wild pointer": Behaviour(act=lambda: ctypes.string_at(8), verdict=Code.GENERATION_FAILED, walls=_WATCH),
    "an alarm of its own": Behaviour(act=_alarm, verdict=Code.GENERATION_FAILED, walls=_WATCH),
    "its pipe closed, and on it goes": Behaviour(act=_vanish, verdict=Code.GENERATION_FAILED, walls=_PROTOCOL),
    "a call by the table of 32 bits": Behaviour(
        act=_call_of_another_table, verdict=Code.GENERATION_FAILED, walls=(Wall.SECCOMP,)
    ),
}
