"""One way out of the sandbox: what it tries, which walls refuse it, and how a refusal is told from a success.

An attempt does no harm where it succeeds: it sends signal 0, sets a limit to what it is, opens what it then leaves alone.
"""

import ctypes
import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from workers.sandbox.guest.syscalls import EXAMINED, MACHINES, REFUSED, Numbers

PARENT = os.getppid()
"""The worker, as long as this is imported by a guest before its walls stand."""
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
libc.mmap.restype = ctypes.c_void_p
REFUSALS = frozenset({errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EXDEV})
"""Answers of a wall; EXDEV is Landlock's to a second name in another folder. Every other error means that the call was let through."""
NOT_THERE = frozenset(
    {errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.EAFNOSUPPORT, errno.ENOTTY, errno.EOPNOTSUPP, errno.EPROTONOSUPPORT}
)
"""The host has nothing of this kind to reach."""
_OTHERS: dict[str, Numbers] = {
    "get_robust_list": (274, 100),
    "mlock": (149, 228),
    "renameat2": (316, 276),
    "setresuid": (117, 147),
    "setgroups": (116, 159),
    "sched_getaffinity": (204, 123),
    "getpriority": (140, 141),
    "capset": (126, 91),
    "mknodat": (259, 33),
    "vmsplice": (278, 75),
    "mincore": (27, 232),
}
"""Calls that the filter leaves alone."""
_CALLS: dict[str, Numbers] = {**REFUSED, **EXAMINED, **_OTHERS}


class Wall(StrEnum):
    """What refuses an attempt."""

    LANDLOCK = "Landlock"
    SECCOMP = "seccomp"
    CAPABILITIES = "no capabilities"
    NAMESPACES = "namespaces"
    LIMITS = "resource limits"
    RIGHTS = "the kernel's own rules"
    START = "the clean start"
    WATCH = "the worker's watch"
    PROTOCOL = "the worker's reading of answers"


@dataclass(frozen=True, slots=True)
class Target:
    """A guest's place: the folder that it may read, in which the file lies that it was given; beside the folder lies a secret."""

    folder: Path
    file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A way out, by its name for people. It is refused where `act` raises an OSError of `refusals`."""

    name: str
    walls: tuple[Wall, ...]
    act: Callable[[Target], object]
    refusals: frozenset[int] = field(default=REFUSALS)
    remains: str = ""  # why it may succeed; empty: it must not
    on_card: bool = False  # a card's driver needs it


class Possible(Exception):
    """An attempt that raised nothing of the kernel's, but found what it must not find; the message says what."""


def call(name: str, *arguments: object) -> int:
    """Make a system call by its name; raises OSError, with ENOSYS where this machine has no such call."""
    number = _CALLS[name][MACHINES.index(os.uname().machine)]
    if number is None:
        raise OSError(errno.ENOSYS, "no such call on this machine")
    return syscall(number, *arguments)


def syscall(number: int, *arguments: object) -> int:
    """Make a system call by its number; integers go as 64 bits. Raises OSError."""
    result = int(libc.syscall(ctypes.c_long(number), *(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments)))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def prctl(option: int, *arguments: int) -> int:
    """Make the call of this name; raises OSError."""
    return call("prctl", option, *(arguments + (0,) * (4 - len(arguments))))


class Outcome(StrEnum):
    """What became of an attempt."""

    REFUSED = "refused"
    NOT_THERE = "not there"
    POSSIBLE = "possible"


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt's outcome, and in a few words what the kernel said or what was found."""

    outcome: Outcome
    said: str


def attempt(one: Attempt, target: Target) -> Tried:
    """Try it, in a guest."""
    try:
        one.act(target)
    except OSError as exc:
        return _answered(one, exc.errno or 0)
    except Possible as found:
        return Tried(Outcome.POSSIBLE, str(found))
    return Tried(Outcome.POSSIBLE, "done")


def _answered(one: Attempt, number: int) -> Tried:
    name = errno.errorcode.get(number, str(number))
    if number in one.refusals:
        return Tried(Outcome.REFUSED, name)
    if number in NOT_THERE:
        return Tried(Outcome.NOT_THERE, name)
    return Tried(Outcome.POSSIBLE, f"let through, and then {name}")
