"""A guest whose model is hostile: run in place of `workers.sandbox.guest`, with an attack's name as the model family.

The family `escape` tries the way out that each text names.

A wall may be left out on purpose by its name before the pipes: `hostile_guest.py landlock ORDERS ANSWERS`. So may the one step of a
guest on a card that needs one (`card`): its walls can be tried anywhere.
"""

import ctypes
import errno
import mmap
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np

from scoring.synthesis.load import Device, Loader, PartsUnusable
from scoring.synthesis.synthesiser import Request, Waveform
from workers.sandbox.guest import confine, kernel, landlock, on_card, seccomp
from workers.sandbox.guest.serve import serve

PARENT = os.getppid()
ANSWERS = int(sys.argv[-1]) if __name__ == "__main__" else -1
_libc = ctypes.CDLL(None, use_errno=True)
_REFUSALS = {errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EINVAL, errno.ENOMEM}


def _call(name: str, *arguments: object) -> None:
    """A libc function that must fail."""
    if getattr(_libc, name)(*arguments) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _write(path: str | Path) -> None:
    Path(path).write_bytes(b"x")


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _clear_death_signal() -> None:
    _call("prctl", 1, 0, 0, 0, 0)


ESCAPES: dict[str, Callable[[Path], object]] = {
    "internet socket": lambda _: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
    "datagram socket": lambda _: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM),
    "raw socket": lambda _: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "local socket": lambda _: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM),
    "socket pair": lambda _: socket.socketpair(),
    "passwords": lambda _: Path("/etc/passwd").read_bytes(),
    "the worker's environment": lambda _: Path(f"/proc/{PARENT}/environ").read_bytes(),
    "the worker's memory": lambda _: Path(f"/proc/{PARENT}/mem").read_bytes(),
    "the worker's files": lambda model: (model.parent / "secret").read_bytes(),
    "a list of the worker's files": lambda model: list(model.parent.iterdir()),
    "a link out of the model": lambda model: (model / "link").read_bytes(),
    "a file beside the model": lambda model: _write(model.parent / "made"),
    "the model itself": lambda model: _write(model / "config.json"),
    "a new file in the model": lambda model: _write(model / "made"),
    "removing the model": lambda model: (model / "config.json").unlink(),
    "the mode of the model": lambda model: (model / "config.json").chmod(0o777),
    "the times of the model": lambda model: os.utime(model / "config.json"),
    "shared memory files": lambda _: _write("/dev/shm/made"),
    "temporary files": lambda _: _write("/tmp/made-by-a-guest"),
    "a folder in the scratch": lambda _: Path("made").mkdir(),
    "a symbolic link in the scratch": lambda _: Path("made").symlink_to("/etc/passwd"),
    "a pipe in the scratch": lambda _: os.mkfifo("made"),
    "fork": lambda _: _fork(),
    "spawn": lambda _: subprocess.run(["/bin/true"], check=True),
    "exec": lambda _: os.execv(sys.executable, ["python", "-c", "pass"]),  # noqa: S606
    "a signal to the worker": lambda _: os.kill(PARENT, signal.SIGTERM),
    "a signal to everybody": lambda _: os.kill(-1, 0),
    "a signal to itself that looks like the host's": lambda _: os.kill(os.getpid(), signal.SIGKILL),
    "tracing the worker": lambda _: _call("ptrace", 16, PARENT, 0, 0),
    "reading the worker": lambda _: _call("process_vm_readv", PARENT, 0, 0, 0, 0, 0),
    "new namespaces": lambda _: _call("unshare", 0x10000000),
    "mounting": lambda _: _call("mount", b"none", b"/tmp", b"tmpfs", 0, 0),
    "a session of its own": lambda _: os.setsid(),
    "outliving the worker": lambda _: _clear_death_signal(),
    "memory that no limit counts": lambda _: mmap.mmap(-1, 1 << 20, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS),
    "anonymous files": lambda _: os.memfd_create("made"),
    "more memory": lambda _: resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)),
    "the worker's limits": lambda _: resource.prlimit(PARENT, resource.RLIMIT_NOFILE),
    "io_uring": lambda _: _call("syscall", ctypes.c_long(425), ctypes.c_long(1), 0),
    "clone3": lambda _: _call("syscall", ctypes.c_long(435), 0, ctypes.c_long(64)),
    "calls of the future": lambda _: _call("syscall", ctypes.c_long(4000), 0, 0),
}


class Escaped(Exception):
    """The attack was not refused."""


def _attempt(name: str, model: Path) -> None:
    try:
        ESCAPES[name](model)
    except OSError as exc:
        if exc.errno in _REFUSALS:
            return
        raise
    except ValueError as exc:  # how `resource` says EPERM
        if "not allowed" in str(exc) or "exceed" in str(exc):
            return
        raise
    raise Escaped(name)


def _no_library() -> None:
    raise ImportError("no such library")


def _broken_parts() -> None:
    raise PartsUnusable("the codec is torn")


def _raw(data: bytes) -> None:
    while data:
        data = data[os.write(ANSWERS, data) :]


def _header(kind: int, rate: int, size: int) -> bytes:
    return struct.pack("<4sB3xII", b"VSG1", kind, rate, size)


def _fill_memory() -> None:
    held = []
    while True:
        held.append(bytearray(1 << 24))


def _fill_scratch() -> None:
    for number in range(100_000):
        Path(f"f{number}").write_bytes(bytes(1 << 22))


def _many_files() -> None:
    for number in range(100_000):
        Path(f"f{number}").touch()


def _vanish() -> None:
    os.close(ANSWERS)
    _loop()


def _loop() -> None:
    while True:
        pass


def _stubborn_sleep() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGXCPU, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(1)


def _fail() -> None:
    raise RuntimeError("it broke in \u202emodel\n")


def _threads() -> None:
    done: list[int] = []
    threads = [threading.Thread(target=done.append, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(done) != 8:
        raise RuntimeError("threads do not run")


MISBEHAVIOUR: dict[str, Callable[[], object]] = {
    "well": lambda: None,
    "threads": _threads,
    "no library": _no_library,
    "broken parts": _broken_parts,
    "memory bomb": _fill_memory,
    "scratch bomb": _fill_scratch,
    "file bomb": _many_files,
    "endless loop": _loop,
    "stubborn sleep": _stubborn_sleep,
    "garbage": lambda: _raw(os.urandom(64) * 64),
    "giant announcement": lambda: _raw(_header(4, 22_050, 0xFFFFFFF0)),
    "giant reason": lambda: _raw(_header(13, 0, 1 << 30)),
    "another rate": lambda: _raw(_header(4, 44_100, 2) + b"ab"),
    "half a sample": lambda: _raw(_header(4, 22_050, 3) + b"abc"),
    "twice the answer": lambda: _raw(2 * (_header(4, 22_050, 2) + b"ab")),
    "twice prepared": lambda: _raw(_header(2, 0, 0)),
    "exit": lambda: os._exit(0),
    "abort": os.abort,
    "vanish": _vanish,
    "chatter": lambda: sys.stdout.write("x" * (1 << 20)) and sys.stderr.write("y" * (1 << 20)),
}


class Hostile:
    """Attacks at its first request; then says what else a model can return."""

    family = "hostile"
    sample_rate = 22_050

    def __init__(self, name: str, model: Path) -> None:
        self._name, self._model = name, model

    def to(self, device: Device) -> None:
        """Nothing of it needs a card."""

    def generate(self, batch: Sequence[Request]) -> list[Waveform]:
        return [self._say(request) for request in batch]

    def _say(self, request: Request) -> Waveform:
        match request.text:
            case "fail":
                _fail()
            case "nan":
                return np.full(100, np.nan, dtype=np.float32)
            case "giant":
                return np.zeros(22_050 * 100, dtype=np.float32)
            case "stereo":
                return np.zeros((2, 100), dtype=np.float32)
            case "environment":
                return np.frombuffer("\n".join(os.environ).encode(), dtype=np.uint8).astype(np.float32) / 32767.0
        if self._name == "escape":
            _attempt(request.text, self._model)
        elif self._name in MISBEHAVIOUR:
            MISBEHAVIOUR[self._name]()
        return np.zeros(100, dtype=np.float32)


def _load(name: str, model: Path) -> Hostile:
    when, _, what = name.partition(": ")
    if when == "load":
        _fail_to_load(model) if what == "fail" else MISBEHAVIOUR[what]()
    loaded = Hostile(name, model)
    if when == "rate":
        loaded.sample_rate = int(what)
    return loaded


def _fail_to_load(model: Path) -> None:
    raise ValueError(f"{model}/config.json \x1b[31mis odd\n")


def adapter(family: str) -> Loader:
    """The loader of an attack."""
    if family == "missing library":
        raise ImportError("no such library")
    return lambda model, _parts, _threads, _dtype: _load(family, model)


WALLS: dict[str, tuple[ModuleType, str, object]] = {
    "landlock": (landlock, "restrict", 0),
    "seccomp": (seccomp, "restrict", None),
    "limits": (confine, "_limit_resources", None),
    "capabilities": (kernel, "capabilities", (1, 0, 0, 0, 0, 0)),
}
"""What is replaced by nothing but an answer, so that a wall is missing; a guest without capabilities seems to keep one."""

HOSTS: dict[str, tuple[ModuleType, str, object]] = {
    "landlock 1": (landlock, "abi", 1),
    "landlock 3": (landlock, "abi", 3),
    "landlock 4": (landlock, "abi", 4),
    "landlock 6": (landlock, "abi", 6),
    "no namespaces": (kernel, "leave_namespaces", False),
}
"""Hosts that give less: an older kernel (the first is too old), a container that permits no namespaces."""


def leave_out(wall: str) -> None:
    """Do not build one wall."""
    module, name, answer = (WALLS | HOSTS)[wall]
    setattr(module, name, lambda *_, **__: answer)


if __name__ == "__main__":
    match sys.argv[1:-2]:
        case ["card"]:
            vars(on_card)["bound_memory"] = lambda _most: None
        case [wall]:
            leave_out(wall)
    with os.fdopen(int(sys.argv[-2]), "rb") as orders, os.fdopen(ANSWERS, "wb") as answers:
        serve(orders, answers, adapter)
