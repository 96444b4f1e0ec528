"""Try what must fail. A wall that was asked for and does not stand is worse than none, so a guest proves each before it works."""

import mmap
import os
import resource
import signal
import socket
from collections.abc import Callable
from pathlib import Path

from workers.guest import kernel, seccomp
from workers.guest.orders import Confinement

_SETUP_FLAGS = os.O_WRONLY | os.O_CREAT


def open_walls(walls: Confinement) -> dict[str, str]:
    """Names of the walls that do not stand, with what was possible; empty is a proof."""
    witness = Path(walls.witness)
    attempts: dict[str, Callable[[], object]] = {
        "network": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
        "local sockets": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM),
        "reading outside": lambda: witness.open("rb"),
        "listing outside": lambda: os.listdir(witness.parent),
        "writing outside": lambda: os.open(witness, _SETUP_FLAGS),
        "making files outside": lambda: os.open(witness.with_suffix(".made"), _SETUP_FLAGS, 0o600),
        "removing outside": witness.unlink,
        "changing modes": lambda: witness.chmod(0o600),
        "system files": lambda: Path("/etc/passwd").open("rb"),
        "the worker's environment": lambda: Path(f"/proc/{walls.parent}/environ").open("rb"),
        "signals": lambda: os.kill(walls.parent, 0),
        "processes": _fork,
        "programs": lambda: os.execv("/bin/true", ["true"]),
        "memory": lambda: mmap.mmap(-1, walls.ram_bytes + mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS),
        "shared memory": lambda: mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS),
        "leaving the parent": lambda: kernel.die_with(walls.parent),
    }
    found = {name: "it was possible" for name, attempt in attempts.items() if not _is_refused(attempt)}
    return found | _wrong_state(walls)


def _is_refused(attempt: Callable[[], object]) -> bool:
    """Whether the kernel says no; a file that is not there says nothing."""
    try:
        attempt()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _wrong_state(walls: Confinement) -> dict[str, str]:
    wrong: dict[str, str] = {}
    if any(kernel.capabilities()):
        wrong["capabilities"] = "some are left"
    if not kernel.has_no_new_privileges():
        wrong["privileges"] = "new ones can be had"
    if resource.getrlimit(resource.RLIMIT_CORE) != (0, 0):
        wrong["core dumps"] = "they are on"
    if resource.getrlimit(resource.RLIMIT_CPU)[1] > walls.cpu_seconds:
        wrong["processor time"] = "it is not limited"
    return wrong | _closed_scratch(walls)


def _closed_scratch(walls: Confinement) -> dict[str, str]:
    """The one folder that must be open: a sandbox in which nothing works proves nothing."""
    probe = Path(walls.scratch, "probe")
    try:
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as exc:
        return {"scratch": f"it cannot be written: {exc.strerror}"}
    return {}
