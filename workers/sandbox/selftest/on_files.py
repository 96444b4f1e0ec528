"""Attempts on files: of the worker, of the model, of the host; and on what a file leaves behind."""

import ctypes
import errno
import fcntl
import mmap
import os
import struct
import termios
from collections.abc import Callable
from pathlib import Path

from workers.sandbox.selftest.attempt import PARENT, Attempt, Target, Wall, call, libc

_FS_GETFLAGS, _FS_SETFLAGS, _FS_SETVERSION, _FS_NODUMP = 0x80086601, 0x40086602, 0x40087602, 0x40
_F_OFD_SETLK, _F_NOTIFY = 37, 1026
_FALLOC_KEEP_SIZE = 1
_AT_FDCWD = -100


def _read(path: str) -> Callable[[Target], object]:
    return lambda _: os.close(os.open(path, os.O_RDONLY))


def _list(path: str) -> Callable[[Target], object]:
    return lambda _: os.scandir(path).close()


def _open_to_write(path: str) -> Callable[[Target], object]:
    """Opened, and nothing is written."""
    return lambda _: os.close(os.open(path, os.O_WRONLY))


def _make(path: Path) -> None:
    path.write_bytes(b"x")
    path.unlink(missing_ok=True)


def _attributes(target: Target) -> None:
    """The attributes of a file of the model set to what they are, with one of no effect beside."""
    with target.file.open("rb") as file:
        flags = bytearray(8)
        fcntl.ioctl(file, _FS_GETFLAGS, flags)
        (now,) = struct.unpack("l", flags)
        fcntl.ioctl(file, _FS_SETFLAGS, struct.pack("l", now | _FS_NODUMP))


def _on_file(how: Callable[[int], object]) -> Callable[[Target], object]:
    def act(target: Target) -> None:
        with target.file.open("rb") as file:
            how(file.fileno())

    return act


def _record_lock(command: int) -> Callable[[int], object]:
    return lambda fd: fcntl.fcntl(fd, command, struct.pack("hhlli", fcntl.F_RDLCK, 0, 0, 0, 0))


def _folder_watch(target: Target) -> None:
    folder = os.open(target.folder, os.O_RDONLY)
    try:
        fcntl.fcntl(folder, _F_NOTIFY, 0)
    finally:
        os.close(folder)


def _attribute_of_user(target: Target) -> None:
    os.setxattr(target.file, "user.made", b"x")


def _handle(target: Target) -> None:
    """The handle by which a file could be opened around every wall of paths."""
    handle, mount = ctypes.create_string_buffer(struct.pack("Ii", 128, 0), 136), ctypes.c_int()
    call("name_to_handle_at", _AT_FDCWD, os.fsencode(target.folder), handle, ctypes.byref(mount), 0)


def _behind_the_end(_: Target) -> None:
    with Path("hidden").open("wb") as file:
        call("fallocate", file.fileno(), _FALLOC_KEEP_SIZE, 0, 1 << 30)


def _remove_a_name(_: Target) -> None:
    Path("nameless").touch()
    Path("nameless").unlink()


def _replace_a_name(_: Target) -> None:
    Path("one").touch()
    Path("two").touch()
    Path("one").replace("two")


def _exchange_names(_: Target) -> None:
    Path("this").touch()
    Path("that").touch()
    call("renameat2", _AT_FDCWD, b"this", _AT_FDCWD, b"that", 2)


def _large_file(_: Target) -> None:
    with Path("large").open("wb") as file:
        os.truncate(file.fileno(), 1 << 40)


def _look(_: Target) -> None:
    Path("/etc/passwd").stat()


def _pages_in_memory(_: Target) -> None:
    """Of the C library's own first page."""
    place = ctypes.cast(libc.getpid, ctypes.c_void_p).value or 0
    call("mincore", place // mmap.PAGESIZE * mmap.PAGESIZE, mmap.PAGESIZE, ctypes.create_string_buffer(1))


def _path_only(_: Target) -> None:
    os.close(os.open("/etc", os.O_PATH))


_L, _S = (Wall.LANDLOCK,), (Wall.SECCOMP,)
_FOREIGN = (Wall.LANDLOCK, Wall.NAMESPACES)
_OF_ROOT = (Wall.LANDLOCK, Wall.RIGHTS)
"""What a worker that is an ordinary user could not do either."""
_TOO_LARGE = frozenset({errno.EFBIG})

ATTEMPTS = (
    Attempt(name="passwords", walls=_L, act=_read("/etc/passwd")),
    Attempt(name="the worker's environment", walls=_FOREIGN, act=_read(f"/proc/{PARENT}/environ")),
    Attempt(name="the worker's memory", walls=_FOREIGN, act=_read(f"/proc/{PARENT}/mem")),
    Attempt(name="the worker's address space", walls=_FOREIGN, act=_read(f"/proc/{PARENT}/maps")),
    Attempt(name="the worker's command line", walls=_L, act=_read(f"/proc/{PARENT}/cmdline")),
    Attempt(name="the worker's descriptors", walls=_L, act=_list(f"/proc/{PARENT}/fd")),
    Attempt(name="the worker's root folder", walls=_FOREIGN, act=_list(f"/proc/{PARENT}/root/")),
    Attempt(name="the worker's files", walls=_L, act=lambda target: (target.folder.parent / "secret").read_bytes()),
    Attempt(name="a list of the worker's files", walls=_L, act=lambda target: os.scandir(target.folder.parent).close()),
    Attempt(name="a link out of the model", walls=_L, act=lambda target: (target.folder / "link").read_bytes()),
    Attempt(name="a list of all processes", walls=_L, act=_list("/proc")),
    Attempt(name="the first process", walls=_L, act=_read("/proc/1/cmdline")),
    Attempt(name="the host's mounts", walls=_L, act=_read("/proc/1/mounts")),
    Attempt(name="the kernel's settings", walls=_L, act=_read("/proc/sys/kernel/core_pattern")),
    Attempt(name="the kernel's log", walls=_OF_ROOT, act=_read("/dev/kmsg")),
    Attempt(name="the program that takes core dumps", walls=_OF_ROOT, act=_open_to_write("/proc/sys/kernel/core_pattern")),
    Attempt(name="the kernel's emergency keys", walls=_OF_ROOT, act=_open_to_write("/proc/sysrq-trigger")),
    Attempt(name="physical memory", walls=_OF_ROOT, act=_read("/dev/mem")),
    Attempt(name="the host's own cards and virtual machines", walls=_L, act=_read("/dev/kvm")),
    Attempt(name="file systems of its own", walls=_L, act=_read("/dev/fuse")),
    Attempt(name="page faults of others", walls=_L, act=_read("/dev/userfaultfd")),
    Attempt(name="shared memory of a device", walls=_L, act=_read("/dev/zero")),
    Attempt(name="typing into a terminal", walls=_S, act=lambda _: fcntl.ioctl(0, termios.TIOCSTI, b"x")),
    Attempt(name="a new terminal", walls=_L, act=_read("/dev/ptmx")),
    Attempt(name="the worker's terminal", walls=_L, act=_open_to_write("/dev/tty")),
    Attempt(name="control groups", walls=_OF_ROOT, act=_open_to_write("/sys/fs/cgroup/cgroup.procs")),
    Attempt(name="its own memory as a file", walls=_L, act=_open_to_write("/proc/self/mem")),
    Attempt(name="who is killed when memory runs out", walls=_L, act=_open_to_write("/proc/self/oom_score_adj")),
    Attempt(name="the peak of its memory forgotten", walls=_L, act=_open_to_write("/proc/self/clear_refs")),
    Attempt(name="where things are mounted", walls=_L, act=_read("/proc/self/mountinfo"), on_card=True),
    Attempt(name="who it is in its namespace", walls=_L, act=_open_to_write("/proc/self/uid_map")),
    Attempt(name="a file beside the model", walls=_L, act=lambda target: _make(target.folder.parent / "made")),
    Attempt(name="the model itself", walls=_L, act=lambda target: os.close(os.open(target.file, os.O_WRONLY))),
    Attempt(name="cutting the model off", walls=_L, act=lambda target: os.truncate(target.file, 2)),
    Attempt(name="a new file in the model", walls=_L, act=lambda target: _make(target.folder / "made")),
    Attempt(name="removing the model", walls=_L, act=lambda target: target.file.unlink()),
    Attempt(name="moving the model away", walls=_L, act=lambda target: target.file.rename("moved")),
    Attempt(name="a second name for the model's file", walls=_L, act=lambda target: os.link(target.file, "linked")),
    Attempt(name="a second name in the model", walls=_L, act=lambda target: os.link(target.file, target.folder / "linked")),
    Attempt(name="the mode of the model", walls=_S, act=lambda target: target.file.chmod(0o644)),
    Attempt(name="the owner of the model", walls=_S, act=lambda target: os.chown(target.file, os.getuid(), -1)),
    Attempt(name="the times of the model", walls=_S, act=lambda target: os.utime(target.file)),
    Attempt(name="extended attributes of the model", walls=_S, act=_attribute_of_user),
    Attempt(name="attributes of the model's file that stay", walls=_S, act=_attributes),
    Attempt(
        name="attributes of the model's file, read", walls=_S, act=_on_file(lambda fd: fcntl.ioctl(fd, _FS_GETFLAGS, bytes(8)))
    ),
    Attempt(
        name="the version of the model's file",
        walls=_S,
        act=_on_file(lambda fd: fcntl.ioctl(fd, _FS_SETVERSION, struct.pack("l", 7))),
    ),
    Attempt(name="a lock on the model", walls=_S, act=_on_file(lambda fd: fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB))),
    Attempt(name="a lock on a part of the model", walls=_S, act=_on_file(_record_lock(fcntl.F_SETLK))),
    Attempt(name="a lock that an open file holds", walls=_S, act=_on_file(_record_lock(_F_OFD_SETLK))),
    Attempt(name="a lease on the model", walls=_S, act=_on_file(lambda fd: fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK))),
    Attempt(name="signals when the model's folder changes", walls=_S, act=_folder_watch),
    Attempt(name="shared memory files", walls=_L, act=lambda _: _make(Path("/dev/shm/made-by-a-guest"))),  # noqa: S108 - it must be refused
    Attempt(name="temporary files", walls=_L, act=lambda _: _make(Path("/tmp/made-by-a-guest"))),  # noqa: S108 - it must be refused
    Attempt(name="a folder in the scratch", walls=_L, act=lambda _: Path("folder").mkdir()),
    Attempt(name="a symbolic link in the scratch", walls=_L, act=lambda _: Path("symbolic").symlink_to("/etc/passwd")),
    Attempt(name="a pipe in the scratch", walls=_L, act=lambda _: os.mkfifo("fifo")),
    Attempt(
        name="a device in the scratch",
        walls=(Wall.LANDLOCK, Wall.CAPABILITIES),
        act=lambda _: call("mknodat", _AT_FDCWD, b"device", 0o020600, 0x103),
    ),
    Attempt(name="a file without a name", walls=_S, act=lambda _: os.close(os.open(".", os.O_TMPFILE | os.O_RDWR, 0o600))),
    Attempt(name="disk behind a file's end", walls=_S, act=_behind_the_end),
    Attempt(name="removing a name", walls=_L, act=_remove_a_name),
    Attempt(name="replacing a name", walls=_L, act=_replace_a_name),
    Attempt(name="exchanging two names", walls=_L, act=_exchange_names),
    Attempt(name="a file without end", walls=(Wall.LIMITS,), act=_large_file, refusals=_TOO_LARGE),
    Attempt(name="opening by handle", walls=_S, act=_handle),
    Attempt(name="disk quotas", walls=_S, act=lambda _: call("quotactl", 0x800001 << 8, None, 0, None)),
    Attempt(name="watching other folders", walls=_S, act=lambda _: os.close(call("inotify_init1", 0))),
    Attempt(
        name="watching all files", walls=(Wall.SECCOMP, Wall.CAPABILITIES), act=lambda _: os.close(call("fanotify_init", 0, 0))
    ),
    Attempt(
        name="opening by the newer call",
        walls=(Wall.SECCOMP, Wall.LANDLOCK),
        act=lambda _: call("openat2", _AT_FDCWD, b"/etc/passwd", struct.pack("QQQ", 0, 0, 0), 24),
    ),
    Attempt(
        name="looking at the names of files",
        walls=(),
        act=_look,
        remains="Landlock refuses opening and listing, not `stat` of a path that is guessed: size, owner and times, no content",
    ),
    Attempt(
        name="which pages of a library lie in memory",
        walls=(),
        act=_pages_in_memory,
        remains="what was read lately on a host shows in `mincore`, and in how long reading takes; it tells no content",
    ),
    Attempt(
        name="a path without its content",
        walls=(),
        act=_path_only,
        remains="a descriptor of a path alone (`O_PATH`) names a file as `stat` does; it can be neither read nor listed",
    ),
)
