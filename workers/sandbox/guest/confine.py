"""A guest's first act, before any untrusted byte is opened: build the walls around this process for good, prove them, report."""

import errno
import json
import mmap
import os
import resource
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import scoring
from workers.sandbox.guest import kernel, landlock, seccomp
from workers.sandbox.guest.frames import Frame, FrameKind, send
from workers.sandbox.guest.orders import Confinement, read_confinement
from workers.sandbox.guest.proof import open_walls

_FACTS = (
    "/dev/null",
    "/dev/urandom",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/sys/devices/system/cpu",
)

_ITSELF = ("/proc/self/fd", "/proc/self/maps", "/proc/self/stat", "/proc/self/statm", "/proc/self/status")
"""All of /proc that a guest sees of itself: no list of the host's sockets, of its mounts or of its groups."""
_ALL_OF_ITSELF = ("/proc/self",)
"""A card's driver reads more of it than others. Its folder `net` shows the sockets of all, where a host permits no namespaces."""
CODE = Path(scoring.__file__).resolve().parent
"""The project's code as this process imports it. A guest is a Python of its own, and may find another than its worker does."""
_THREADS = Path("/proc/self/task")
"""The driver of a card begins only where it can name its threads, which it does by writing here."""


def enter(orders: BinaryIO, answers: BinaryIO) -> Confinement | None:
    """Confine this process as ordered and send CONFINED; None unless every wall stands: then nothing untrusted is opened."""
    walls = read_confinement(orders)
    try:
        used = confine(walls)
        found = open_walls(walls)
    except OSError as exc:
        used, found = {}, {"walls": str(exc)}
    report = {"used": used, "open": found, "code": str(CODE)}
    send(answers, Frame(FrameKind.CONFINED, payload=json.dumps(report).encode()))
    return None if found else walls


def confine(walls: Confinement) -> dict[str, str]:
    """Put every wall up; return the optional ones that were used. Raises OSError where a required one is not to be had."""
    kernel.die_with(walls.parent)
    tempfile.tempdir = walls.scratch  # named, not looked for: looking means to make a file and remove it
    namespaces = kernel.leave_namespaces()
    _limit_resources(walls, alone=namespaces)
    kernel.drop_capabilities()
    readable = [Path(path) for path in (*walls.readable, *_FACTS, *(_ALL_OF_ITSELF if walls.devices else _ITSELF))]
    _pin(readable)
    reach = landlock.Reach(
        readable=readable,
        writable=[Path(walls.scratch)],
        changeable=[_THREADS] if walls.devices else [],
        devices=[Path(path) for path in walls.devices],
    )
    asks = walls.gate >= 0 and seccomp.ask_before_threads(walls.gate)
    version = landlock.restrict(reach)
    seccomp.restrict(on_card=bool(walls.devices))
    return {
        "landlock": f"version {version}",
        "namespaces": "user, network, ipc" if namespaces else "none",
        "memory": "held is watched" if walls.devices else "addresses are bounded, held is watched",
        "threads": "each is asked for" if asks else "watched",
    }


def _pin(paths: Iterable[Path]) -> None:
    """Keep those of /proc open, unread, as long as this process lives. A rule of Landlock's is about one file; where the kernel is short
    of memory it forgets that file, and makes another under the same name, which no rule is about."""
    for path in paths:
        if path.is_relative_to("/proc") and path.exists():
            os.open(path, os.O_PATH | os.O_CLOEXEC)


def close_memory(walls: Confinement) -> None:
    """Bound the address space: what is mapped now, the libraries that a guest's work needs, and what it may hold from now on.

    RLIMIT_DATA forgets memory that was written and then made read-only, and no limit counts page tables: neither grows where there
    are no addresses. A card's driver reserves many times what it uses; there the worker's watch is all. Raises OSError where the
    kernel does not keep it.
    """
    if walls.devices:
        return
    mapped = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * mmap.PAGESIZE
    room = walls.ram_bytes + walls.spare_bytes
    _limit(resource.RLIMIT_AS, mapped + room)
    try:
        mmap.mmap(-1, room + mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=mmap.PROT_READ).close()
    except OSError:
        return
    raise OSError(errno.EPERM, "the address space is not bounded")


def _limit_resources(walls: Confinement, *, alone: bool) -> None:
    """RLIMIT_DATA counts what a process asks to write to; the gigabytes that libraries merely map come later (`close_memory`).

    A card's driver reserves many times what it uses, so there only what is held is bounded: the worker watches that. Threads are
    counted by user: `alone` in a namespace, a guest's are its own.
    """
    limits = {
        resource.RLIMIT_STACK: walls.stack_bytes,
        resource.RLIMIT_CPU: walls.cpu_seconds,
        resource.RLIMIT_FSIZE: walls.file_bytes,
        resource.RLIMIT_NOFILE: walls.open_files,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_SIGPENDING: walls.pending_signals,
    }
    if alone:
        limits[resource.RLIMIT_NPROC] = walls.threads
    if not walls.devices:
        limits[resource.RLIMIT_DATA] = walls.ram_bytes
    for kind, most in limits.items():
        _limit(kind, most)


def _limit(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    value = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (value, value))
