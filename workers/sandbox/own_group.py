"""A control group of its own for a guest, where the host hands the worker a tree to make some in.

The kernel then counts all memory of the guest, whatever it is called, and tells whose fault its end was. A host hands one over by
starting the worker in a group below the tree (systemd: `Delegate=memory pids` and `DelegateSubgroup=worker`); control groups of
version 2 only. Containers mount theirs read-only: there the other limits stand alone.
"""

import itertools
import os
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Self

from scoring.errors import Code, InfrastructureFault

_MOUNT, _OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
_CONTROLLERS = ("memory", "pids")
_EMPTY_SECONDS, _POLL_SECONDS = 1.0, 0.01
_numbers = itertools.count()


@cache
def delegated(mount: Path = _MOUNT, own: Path = _OWN) -> Path | None:
    """The tree that this process may make groups in: the folder above its own group, if memory and threads can be bounded there."""
    lines = own.read_text(encoding="ascii").splitlines()
    inside = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), "")
    above = (mount / inside).parent
    if not inside or not above.is_relative_to(mount):
        return None
    try:
        offered = (above / "cgroup.controllers").read_text(encoding="ascii").split()
        if not set(_CONTROLLERS) <= set(offered):
            return None
        _write(above / "cgroup.subtree_control", " ".join(f"+{name}" for name in _CONTROLLERS))
    except OSError:
        return None
    return above


class OwnGroup:
    """One guest's group, which ends with it."""

    def __init__(self, folder: Path, ram_bytes: int, threads: int) -> None:
        self._folder = folder
        try:
            _write(self._folder / "memory.max", str(ram_bytes))
            _write(self._folder / "memory.oom.group", "1")
            _write(self._folder / "pids.max", str(threads))
            with suppress(FileNotFoundError):  # a host without swap
                _write(self._folder / "memory.swap.max", "0")
        except OSError as exc:
            self.close()
            raise InfrastructureFault(
                Code.SANDBOX_UNAVAILABLE, f"no group can be bounded below {folder.parent}: {exc.strerror}"
            ) from exc

    @classmethod
    def below(cls, tree: Path, ram_bytes: int, threads: int) -> Self:
        """A new group with its limits; raises InfrastructureFault where the host does not let it be."""
        folder = tree / f"guest-{os.getpid()}-{next(_numbers)}"
        try:
            folder.mkdir()
        except OSError as exc:
            raise InfrastructureFault(Code.SANDBOX_UNAVAILABLE, f"no group can be made below {tree}: {exc.strerror}") from exc
        return cls(folder, ram_bytes, threads)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def take(self, pid: int) -> None:
        """Move a process in, whose later memory counts here."""
        try:
            _write(self._folder / "cgroup.procs", str(pid))
        except OSError as exc:
            raise InfrastructureFault(Code.SANDBOX_UNAVAILABLE, f"no guest can be put into its group: {exc.strerror}") from exc

    def ran_out_of_memory(self) -> bool:
        """Whether the kernel ended what is in it because it held more than it may: that is nobody else's doing."""
        events = (self._folder / "memory.events").read_text(encoding="ascii").splitlines()
        return any(name == "oom_kill" and int(count) > 0 for name, _, count in (line.partition(" ") for line in events))

    def close(self) -> None:
        """Remove the group, once what was in it is gone; one that stays is empty and takes nothing."""
        end = time.monotonic() + _EMPTY_SECONDS
        while self._folder.exists() and time.monotonic() < end:
            with suppress(OSError):
                self._folder.rmdir()
                return
            time.sleep(_POLL_SECONDS)


def _write(file: Path, value: str) -> None:
    """One write to a file of the kernel's, which is there already."""
    with file.open("r+", encoding="ascii") as control:
        control.write(value)
