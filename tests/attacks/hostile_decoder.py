"""A decoder that was taken over by the file it reads: run in place of `workers.sandbox.guest.decode`. A file's content names the attack.

What begins as a sound file does is decoded as ever. `hostile_decoder.py OFFENCE ORDERS ANSWERS` is hostile to every file.
"""

import ctypes
import os
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from scoring.audio.sound_file import Samples, read
from workers.sandbox.guest.decode import Read, serve

ANSWERS = int(sys.argv[-1])
EVERY_FILE = sys.argv[1] if len(sys.argv) == 4 else ""
_libc = ctypes.CDLL(None)


def _busy() -> None:
    while True:
        pass


def _take_memory() -> None:
    kept = []
    while True:
        kept.append(np.ones(1 << 22))


def _announce() -> None:
    os.write(ANSWERS, struct.pack("<4sB3xII", b"VSG1", 4, 16_000, 1 << 31))
    time.sleep(60)


ATTACKS: dict[str, Callable[[], object]] = {
    "loop": _busy,
    "sleep": lambda: time.sleep(60),
    "memory": _take_memory,
    "segfault": lambda: ctypes.string_at(0),
    "abort": os.abort,
    "exit": lambda: os._exit(0),
    "exception": lambda: 1 / 0,
    "garbage": lambda: os.write(ANSWERS, b"RIFF" * 16),
    "announce": _announce,
    "odd": lambda: os.write(ANSWERS, struct.pack("<4sB3xII", b"VSG1", 4, 16_000, 3) + b"abc"),
    "no rate": lambda: os.write(ANSWERS, struct.pack("<4sB3xII", b"VSG1", 4, 0, 2) + b"ab"),
    "another answer": lambda: os.write(ANSWERS, struct.pack("<4sB3xII", b"VSG1", 3, 16_000, 0)),
}


def _hostile(path: Path, most_seconds: float) -> tuple[Samples, int]:
    content = EVERY_FILE.encode() or path.read_bytes()
    if attack := ATTACKS.get(content.decode("latin-1")):
        attack()
    return read(path, most_seconds)


def _prepare() -> Read:
    return _hostile


if __name__ == "__main__":
    with os.fdopen(int(sys.argv[-2]), "rb") as source, os.fdopen(ANSWERS, "wb") as sink:
        serve(source, sink, _prepare)
