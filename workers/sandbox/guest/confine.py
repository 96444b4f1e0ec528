"""A guest's first act, before any untrusted byte is opened: build the walls around this process for good, prove them, report."""

import json
import resource
import tempfile
from pathlib import Path
from typing import BinaryIO

from workers.sandbox.guest import kernel, landlock, seccomp
from workers.sandbox.guest.frames import Frame, FrameKind, send
from workers.sandbox.guest.orders import Confinement, read_confinement
from workers.sandbox.guest.proof import open_walls

_DEVICES_AND_FACTS = (
    "/dev/null",
    "/dev/zero",
    "/dev/urandom",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/self",
    "/sys/devices/system/cpu",
)

_THREADS = Path("/proc/self/task")
"""The driver of a card begins only where it can name its threads, which it does by writing here."""
_STACK_BYTES = 64 << 20
"""The main thread's; those of others count as data."""


def enter(orders: BinaryIO, answers: BinaryIO) -> bool:
    """Confine this process as ordered and send CONFINED; whether every wall stands. Without that nothing untrusted is opened."""
    walls = read_confinement(orders)
    try:
        used = confine(walls)
        found = open_walls(walls)
    except OSError as exc:
        used, found = {}, {"walls": str(exc)}
    send(answers, Frame(FrameKind.CONFINED, payload=json.dumps({"used": used, "open": found}).encode()))
    return not found


def confine(walls: Confinement) -> dict[str, str]:
    """Put every wall up; return the optional ones that were used. Raises OSError where a required one is not to be had."""
    kernel.die_with(walls.parent)
    tempfile.tempdir = walls.scratch  # named, not looked for: looking means to make a file and remove it
    namespaces = kernel.leave_namespaces()
    _limit_resources(walls)
    kernel.drop_capabilities()
    readable = [Path(path) for path in (*walls.readable, *_DEVICES_AND_FACTS)]
    reach = landlock.Reach(
        readable=readable,
        writable=[Path(walls.scratch)],
        changeable=[_THREADS] if walls.devices else [],
        devices=[Path(path) for path in walls.devices],
    )
    version = landlock.restrict(reach)
    seccomp.restrict(on_card=bool(walls.devices))
    return {"landlock": f"version {version}", "namespaces": "user, network, ipc" if namespaces else "none"}


def _limit_resources(walls: Confinement) -> None:
    """RLIMIT_DATA counts what a process really asks for; RLIMIT_AS would count the gigabytes that libraries merely map.

    A card's driver reserves many times what it uses, so there only what is held is bounded: the worker watches that.
    """
    limits = {
        resource.RLIMIT_STACK: _STACK_BYTES,
        resource.RLIMIT_CPU: walls.cpu_seconds,
        resource.RLIMIT_FSIZE: walls.file_bytes,
        resource.RLIMIT_NOFILE: walls.open_files,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_CORE: 0,
    }
    if not walls.devices:
        limits[resource.RLIMIT_DATA] = walls.ram_bytes
    for kind, most in limits.items():
        _, hard = resource.getrlimit(kind)
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (value, value))
