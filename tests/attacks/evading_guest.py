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
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from scoring.synthesis.synthesiser import Request, Waveform
from workers.sandbox.guest import kernel, landlock
from workers.sandbox.guest.serve import serve
from workers.sandbox.guest.syscalls import MACHINES

PARENT = os.getppid()
MODEL = Path("../../../model/config.json")
"""The test lays both side by side; a guest's own folder is where it runs."""
_REFUSALS = {errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EINVAL}
_COLUMN = MACHINES.index(os.uname().machine)
_F_SETSIG, _FALLOC_KEEP_SIZE, _MAP_GROWSDOWN = 10, 1, 0x100
_FS_IOC_GETFLAGS, _FS_IOC_SETFLAGS, _FS_IOC_SETVERSION = 0x80086601, 0x40086602, 0x40087602
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


def _on_the_model(act: Callable[[int], object]) -> None:
    """Its own file, which it may read, and which the next guest reads, too."""
    with MODEL.open("rb") as file:
        act(file.fileno())


def _lock_with_fcntl(model: int) -> None:
    fcntl.lockf(model, fcntl.LOCK_SH | fcntl.LOCK_NB)


def _lock_the_open_file(model: int) -> None:
    fcntl.fcntl(model, 37, struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0))


def _give_pages_away() -> None:
    """Pages that a pipe keeps once the memory that they came from is given back: two MiB for each, where the kernel laid them so."""
    held = ctypes.create_string_buffer(1 << 20)
    _call(278, 75, os.pipe()[1], struct.pack("PN", ctypes.addressof(held), len(held)), ctypes.c_long(1), 0)


def _type_into_a_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSTI, b"x")


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
    "the model's attributes, read": lambda: _on_the_model(lambda file: fcntl.ioctl(file, _FS_IOC_GETFLAGS, bytes(8))),
    "the model's attributes, set": lambda: _on_the_model(
        lambda file: fcntl.ioctl(file, _FS_IOC_SETFLAGS, struct.pack("l", 0x10))
    ),
    "the model's version": lambda: _on_the_model(lambda file: fcntl.ioctl(file, _FS_IOC_SETVERSION, struct.pack("l", 7))),
    "a lock on the model": lambda: _on_the_model(lambda file: fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)),
    "a lock on a part of the model": lambda: _on_the_model(_lock_with_fcntl),
    "a lock of the open model": lambda: _on_the_model(_lock_the_open_file),
    "a lease on the model": lambda: _on_the_model(lambda file: fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)),
    "news of the model's folder": lambda: fcntl.fcntl(os.open(MODEL.parent, os.O_RDONLY), fcntl.F_NOTIFY, fcntl.DN_ACCESS),
    "a pipe that holds a MiB": lambda: _set_on_a_pipe(fcntl.F_SETPIPE_SZ, 1 << 20),
    "pages in a pipe": _give_pages_away,
    "shared memory of a device": lambda: os.open("/dev/zero", os.O_RDONLY),
    "typing into a terminal": _type_into_a_terminal,
    "the sockets of all": lambda: Path("/proc/self/net/tcp").read_bytes(),
    "the sockets of all, by its thread": lambda: Path("/proc/thread-self/net/unix").read_bytes(),
    "where things are mounted": lambda: Path("/proc/self/mountinfo").read_bytes(),
    "its own memory as a file": lambda: os.open("/proc/self/mem", os.O_RDWR),
    "the peak of its memory": lambda: Path("/proc/self/clear_refs").write_bytes(b"5"),
    "whom memory's end meets first": lambda: Path("/proc/self/oom_score_adj").write_bytes(b"-1000"),
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


def _map(size: int) -> int:
    found = _libc.mmap(None, ctypes.c_size_t(size), 3, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, ctypes.c_long(0))
    if found in (None, ctypes.c_void_p(-1).value):
        raise MemoryError
    return int(found)


def _hide_memory(mib: int = 1_536) -> None:
    """Write, and make it read-only: the kernel's limit of data forgets it."""
    for _ in range(mib // 16):
        place = _map(16 << 20)
        ctypes.memset(place, 1, 16 << 20)
        _libc.mprotect(ctypes.c_void_p(place), ctypes.c_size_t(16 << 20), 1)
    time.sleep(1.0)


def _leave_and_hide() -> None:
    """The first thread ends, and with it what the process shows of its memory; another goes on."""
    threading.Thread(target=_hide_memory, daemon=True).start()
    _libc.syscall(ctypes.c_long((60, 93)[_COLUMN]), 0)


def _page_tables() -> None:
    """Read a byte in every second MiB of address space without end: no page of its own, and a table for each."""
    _libc.mmap.restype = ctypes.c_void_p
    while True:
        found = _libc.mmap(None, ctypes.c_size_t(1 << 36), 1, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, ctypes.c_long(0))
        if found in (None, ctypes.c_void_p(-1).value):
            raise MemoryError
        for place in range(found, found + (1 << 36), 1 << 21):
            ctypes.string_at(place, 1)


def _many_files() -> None:
    for number in range(10):
        Path(f"f{number}").write_bytes(bytes(40 << 20))
    time.sleep(30)


WATCHED: dict[str, Callable[[], object]] = {
    "threads": _thread_bomb,
    "files": _many_files,
    "hidden memory": _hide_memory,
    "hidden memory, the first thread gone": _leave_and_hide,
    "page tables": _page_tables,
}
"""What the kernel permits for a while, and the worker sees."""


class Evading:
    """Tries what each text names; a text without a meaning is just spoken."""

    family = "evading"
    sample_rate = 22_050

    def generate(self, batch: Sequence[Request]) -> list[Waveform]:
        return [self._say(request.text) for request in batch]

    def _say(self, text: str) -> Waveform:
        match text:
            case "descriptors":
                links = list(Path("/proc/self/fd").iterdir())
                kinds = [str(link.readlink()).split(":")[0] for link in links if link.is_symlink()]  # not that of the listing
                return np.frombuffer("\n".join(sorted(kinds)).encode(), dtype=np.uint8).astype(np.float32) / 32767.0
            case "pause":
                time.sleep(2.0)
            case name if name in EVASIONS:
                _attempt(name)
            case name if name in WATCHED:
                WATCHED[name]()
        return np.zeros(100, dtype=np.float32)


if __name__ == "__main__":
    if sys.argv[1:-2] == ["a poor host"]:  # as old a kernel as will do, in a container that permits no namespaces
        vars(landlock)["abi"] = lambda: 3
        vars(kernel)["leave_namespaces"] = lambda: False
    with os.fdopen(int(sys.argv[-2]), "rb") as orders, os.fdopen(int(sys.argv[-1]), "wb") as answers:
        serve(orders, answers, lambda _family: lambda _model, _parts, _threads, _dtype: Evading())
