"""A converter that was taken over by its checkpoint: run in place of `workers.sandbox.guest.convert`. A file's content names the attack."""

import ctypes
import os
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from workers.sandbox.guest.convert import Convert, serve

ANSWERS = int(sys.argv[-1])


def _busy(_target: Path) -> None:
    while True:
        pass


def _take_memory(_target: Path) -> None:
    kept = []
    while True:
        kept.append(np.zeros(1 << 26))


def _fill_the_disk(target: Path) -> None:
    with target.open("wb") as file:
        while True:
            file.write(bytes(1 << 20))


def _many_files(target: Path) -> None:
    for number in range(2_000):
        target.with_name(str(number)).touch()
    time.sleep(60)


def _name_twice(target: Path) -> None:
    other = target.with_name("other")
    other.touch()
    os.link(other, target)


ATTACKS: dict[str, Callable[[Path], object]] = {
    "loop": _busy,
    "memory": _take_memory,
    "disk": _fill_the_disk,
    "files": _many_files,
    "segfault": lambda _: ctypes.string_at(0),
    "exit": lambda _: os._exit(0),
    "garbage": lambda _: os.write(ANSWERS, b"RIFF" * 16),
    "sound": lambda _: os.write(ANSWERS, struct.pack("<4sB3xII", b"VSG1", 4, 16_000, 2) + b"ab"),
    "nothing written": lambda _: None,
    "no safetensors": lambda target: target.write_bytes(b"\x80\x04}\x94."),
    "a torn header": lambda target: target.write_bytes(struct.pack("<Q", 1 << 40) + b"{}"),
    "a link": lambda target: target.symlink_to("/etc/passwd"),
    "a second name": _name_twice,
}


def _hostile(source: Path, target: Path) -> None:
    attack = source.read_bytes().decode("latin-1")
    ATTACKS[attack](target)


def _prepare() -> Convert:
    return _hostile


if __name__ == "__main__":
    with os.fdopen(int(sys.argv[-2]), "rb") as source, os.fdopen(ANSWERS, "wb") as sink:
        serve(source, sink, _prepare)
