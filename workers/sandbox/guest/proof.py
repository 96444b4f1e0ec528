"""Attempts that must fail. A wall that was asked for and does not stand is worse than none, so a guest proves each before it works."""

import mmap
import os
import resource
import socket
from collections.abc import Callable
from pathlib import Path

from workers.sandbox.guest import kernel
from workers.sandbox.guest.orders import Confinement

_CREATE = os.O_WRONLY | os.O_CREAT


def open_walls(walls: Confinement) -> dict[str, str]:
    """Names of the walls that do not stand, with what was possible; empty is a proof."""
    witness = Path(walls.witness)
    attempts: dict[str, Callable[[], object]] = {
        "network": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
        "local sockets": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM),
        "reading outside": lambda: _open(walls.witness),
        "listing outside": lambda: list(witness.parent.iterdir()),
        "writing outside": lambda: os.open(witness, _CREATE),
        "making files outside": lambda: os.open(witness.with_suffix(".made"), _CREATE, 0o600),
        "truncating outside": lambda: os.truncate(witness, 0),
        "removing outside": witness.unlink,
        "changing modes": lambda: witness.chmod(0o600),
        "system files": lambda: _open("/etc/passwd"),
        "the worker's environment": lambda: _open(f"/proc/{walls.parent}/environ"),
        "signals": lambda: os.kill(walls.parent, 0),
        "processes": _fork,
        "programs": _execute,
        "leaving the parent": lambda: kernel.die_with(walls.parent),
    }
    if not walls.devices:  # a card's driver needs both
        attempts |= {
            "memory": lambda: mmap.mmap(-1, walls.ram_bytes + mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS),
            "shared memory": lambda: mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS),
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


def _open(path: str) -> None:
    os.close(os.open(path, os.O_RDONLY))


def _execute() -> None:
    """The filter answers before the kernel looks for the file; without a filter it would not be found."""
    os.execv("/proc/self/nothing", ["nothing"])  # noqa: S606 - there is nothing to start


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
    except OSError as exc:
        return {"scratch": f"it cannot be written: {exc.strerror}"}
    return {} if _is_refused(probe.unlink) else {"scratch": "a file in it can lose its name"}
