"""A guest whose model evades limits and blame: run in place of `workers.sandbox.guest`. Each text names what it tries at that sample.

What a limit does not see must be refused by the kernel; how a guest may die must not look like somebody else's doing.
"""

import ctypes
import errno
import fcntl
import mmap
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from scoring.synthesis.synthesiser import Request, Waveform
from workers.sandbox.guest.serve import serve
from workers.sandbox.guest.syscalls import MACHINES

PARENT = os.getppid()
_REFUSALS = {errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EINVAL}
_COLUMN = MACHINES.index(os.uname().machine)
_F_SETSIG, _FALLOC_KEEP_SIZE, _MAP_GROWSDOWN = 10, 1, 0x100
_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p


class _SignalEvent(ctypes.Structure):
    _fields_ = (("value", ctypes.c_void_p), ("number", ctypes.c_int), ("notify", ctypes.c_int), ("rest", ctypes.c_char * 48))


def _call(x86_64: int, aarch64: int, *arguments: object) -> None:
    if _libc.syscall(ctypes.c_long((x86_64, aarch64)[_COLUMN]), *arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")


def _allocate_behind_the_end() -> None:
    with Path("hidden").open("wb") as file:
        _call(285, 47, file.fileno(), _FALLOC_KEEP_SIZE, ctypes.c_long(0), ctypes.c_long(1 << 30))


def _remove() -> None:
    Path("nameless").touch()
    Path("nameless").unlink()


def _replace() -> None:
    Path("one").touch()
    Path("two").touch()
    Path("one").replace("two")


def _growing_down() -> None:
    found = _libc.mmap(
        None, ctypes.c_size_t(1 << 36), 3, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_GROWSDOWN, -1, ctypes.c_long(0)
    )
    if found == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), "refused")


def _limit(kind: int, most: int) -> None:
    try:
        resource.setrlimit(kind, (most, most))
    except ValueError as exc:  # how `resource` says EPERM
        raise OSError(errno.EPERM, "refused") from exc


def _timer_that_kills() -> None:
    event, timer = _SignalEvent(None, signal.SIGKILL, 0), ctypes.c_int()
    _call(222, 107, 1, ctypes.byref(event), ctypes.byref(timer))


def _set_on_a_pipe(command: int, value: int) -> None:
    fcntl.fcntl(os.pipe()[0], command, value)


def _watch_folders() -> None:
    number = ctypes.c_long((294, 26)[_COLUMN])
    if _libc.syscall(number, 0) < 0:
        raise OSError(ctypes.get_errno(), "refused")


EVASIONS: dict[str, Callable[[], object]] = {
    "disk behind a file's end": _allocate_behind_the_end,
    "a file without a name": lambda: os.open(".", os.O_TMPFILE | os.O_RDWR, 0o600),
    "removing a name": _remove,
    "replacing a name": _replace,
    "memory that counts as stack": _growing_down,
    "a stack without end": lambda: _limit(resource.RLIMIT_STACK, resource.RLIM_INFINITY),
    "less processor time": lambda: _limit(resource.RLIMIT_CPU, 1),
    "a timer that kills": _timer_that_kills,
    "another signal than SIGIO": lambda: _set_on_a_pipe(_F_SETSIG, signal.SIGKILL),
    "a pipe that signals the worker": lambda: _set_on_a_pipe(fcntl.F_SETOWN, PARENT),
    "watching other folders": _watch_folders,
}


class Evaded(Exception):
    """The attempt was not refused."""


def _attempt(name: str) -> None:
    try:
        EVASIONS[name]()
    except OSError as exc:
        if exc.errno in _REFUSALS:
            return
        raise
    raise Evaded(name)


def _thread_bomb() -> None:
    threading.stack_size(32_768)
    stop = threading.Event()
    while True:
        threading.Thread(target=stop.wait, daemon=True).start()


def _many_files() -> None:
    for number in range(10):
        Path(f"f{number}").write_bytes(bytes(40 << 20))
    time.sleep(30)


class Evading:
    """Tries what each text names; a text without a meaning is just spoken."""

    family = "evading"
    sample_rate = 22_050

    def generate(self, batch: Sequence[Request]) -> list[Waveform]:
        return [self._say(request.text) for request in batch]

    def _say(self, text: str) -> Waveform:
        match text:
            case "threads":
                _thread_bomb()
            case "files":
                _many_files()
            case "descriptors":
                links = list(Path("/proc/self/fd").iterdir())
                kinds = [str(link.readlink()).split(":")[0] for link in links if link.is_symlink()]  # not that of the listing
                return np.frombuffer("\n".join(sorted(kinds)).encode(), dtype=np.uint8).astype(np.float32) / 32767.0
            case "pause":
                time.sleep(2.0)
            case name if name in EVASIONS:
                _attempt(name)
        return np.zeros(100, dtype=np.float32)


if __name__ == "__main__":
    with os.fdopen(int(sys.argv[-2]), "rb") as orders, os.fdopen(int(sys.argv[-1]), "wb") as answers:
        serve(orders, answers, lambda _family: lambda _model, _parts, _threads, _dtype: Evading())
