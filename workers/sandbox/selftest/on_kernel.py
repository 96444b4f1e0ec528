"""Attempts on the kernel's large interfaces: sockets, memory that no limit counts, mounts, and the host itself."""

import ctypes
import errno
import fcntl
import mmap
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path

from workers.sandbox.selftest.attempt import Attempt, Possible, Target, Wall, call, libc, prctl, syscall

_AF_ALG, _AF_VSOCK = 38, 40
_MAP_GROWSDOWN = 0x100
_IPC_CREAT, _IPC_RMID = 0o1000, 0
_BPF_MAP_CREATE, _KEY_GET_SESSION, _SYSLOG_SIZE = 0, 0, 10
_PR_SET_MEMORY_MERGE = 67
_CLOCK_REALTIME = 0
_CLONE_NEWUSER = 0x10000000
_X32_BIT = 0x40000000
_AT_FDCWD = -100
_F_SETPIPE_SZ = 1031
_TABLES = ("self/net/tcp", "self/net/tcp6", "self/net/udp", "self/net/unix", "thread-self/net/unix")


def _socket(family: int, kind: int = socket.SOCK_STREAM, protocol: int = 0) -> Callable[[Target], object]:
    return lambda _: socket.socket(family, kind, protocol).close()


def _message_out(_: Target) -> None:
    """By the call that needs no connection, on a descriptor that is no socket."""
    call("sendto", 0, b"x", 1, 0, None, 0)


def _network_of_host(_: Target) -> None:
    """Sockets of whoever shares the network namespace: none but the guest's own, which has none."""
    lines = [line for name in _TABLES for line in _lines(Path("/proc", name))]
    if lines:
        raise Possible(f"{len(lines)} sockets of this host's are listed")
    raise OSError(errno.EACCES, "there are none")


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()[1:]
    except FileNotFoundError:
        return []


def _shared_memory(_: Target) -> None:
    mmap.mmap(-1, 1 << 20, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS).close()


def _growing_down(_: Target) -> None:
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_GROWSDOWN
    found = libc.mmap(None, ctypes.c_size_t(1 << 20), 3, flags, -1, ctypes.c_long(0))
    if found == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), "refused")


def _all_memory(_: Target) -> None:
    mmap.mmap(-1, 1 << 46, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()


def _locked_memory(_: Target) -> None:
    room = mmap.mmap(-1, 1 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    call("mlock", ctypes.addressof(ctypes.c_char.from_buffer(room)), 1 << 20)


def _wide_pipe(_: Target) -> None:
    ends = os.pipe()
    try:
        fcntl.fcntl(ends[1], _F_SETPIPE_SZ, 1 << 20)
    finally:
        for end in ends:
            os.close(end)


def _memory_into_pipe(_: Target) -> None:
    """A page that stays in a pipe when its memory is given back."""
    ends, page = os.pipe(), ctypes.create_string_buffer(4096)
    try:
        call("vmsplice", ends[1], struct.pack("QQ", ctypes.addressof(page), 4096), 1, 0)
    finally:
        for end in ends:
            os.close(end)


def _many_descriptors(_: Target) -> None:
    opened: list[int] = []
    try:
        for _number in range(2_000):
            opened.append(os.open("/dev/null", os.O_RDONLY))
    finally:
        for fd in opened:
            os.close(fd)


def _made_and_removed(kind: str, *size: int) -> Callable[[Target], object]:
    """A segment, a queue or semaphores of System V, which would outlive the guest."""

    def act(_: Target) -> None:
        made = call(f"{kind}get", 0, *size, _IPC_CREAT | 0o600)
        call(f"{kind}ctl", made, _IPC_RMID, _IPC_RMID)  # the second or the third argument, by kind

    return act


def _message_queue(_: Target) -> None:
    os.close(call("mq_open", b"made-by-a-guest", os.O_CREAT | os.O_RDWR, 0o600, None))
    call("mq_unlink", b"made-by-a-guest")


def _set_clock(_: Target) -> None:
    """To the time that it cannot be: a time before 1970 is refused after the right to set one was asked."""
    call("clock_settime", _CLOCK_REALTIME, struct.pack("qq", -1, -1))


def _other_table(_: Target) -> None:
    """A socket by the x32 table of calls, which x86_64 kernels may have beside their own."""
    if os.uname().machine != "x86_64":
        raise OSError(errno.ENOSYS, "no such table on this machine")
    os.close(syscall(_X32_BIT | 41, socket.AF_INET, socket.SOCK_STREAM, 0))


def _key(name: str) -> Callable[[Target], object]:
    return lambda _: call(name, b"user", b"made", b"x", 1, -2)


_S = (Wall.SECCOMP,)
_STRONG = (Wall.SECCOMP, Wall.CAPABILITIES)
_NO_ROOM = frozenset({errno.ENOMEM})
_NONE_LEFT = frozenset({errno.EMFILE})
_EMPTY = ctypes.create_string_buffer(256)

ATTEMPTS = (
    Attempt(name="internet socket", walls=_S, act=_socket(socket.AF_INET)),
    Attempt(name="datagram socket", walls=_S, act=_socket(socket.AF_INET6, socket.SOCK_DGRAM)),
    Attempt(name="raw socket", walls=_STRONG, act=_socket(socket.AF_PACKET, socket.SOCK_RAW)),
    Attempt(name="local socket", walls=_S, act=_socket(socket.AF_UNIX)),
    Attempt(name="socket of the kernel's settings", walls=_S, act=_socket(socket.AF_NETLINK, socket.SOCK_RAW)),
    Attempt(name="socket to a virtual machine's host", walls=_S, act=_socket(_AF_VSOCK)),
    Attempt(name="socket of the kernel's ciphers", walls=_S, act=_socket(_AF_ALG, socket.SOCK_SEQPACKET)),
    Attempt(name="socket pair", walls=_S, act=lambda _: socket.socketpair()),
    Attempt(name="a message without a connection", walls=_S, act=_message_out),
    Attempt(name="sockets of this host", walls=(Wall.LANDLOCK, Wall.NAMESPACES), act=_network_of_host),
    Attempt(name="memory that no limit counts", walls=_S, act=_shared_memory, on_card=True),
    Attempt(name="memory that counts as stack", walls=_S, act=_growing_down),
    Attempt(name="more addresses than there is memory", walls=(Wall.LIMITS,), act=_all_memory, refusals=_NO_ROOM),
    Attempt(name="memory that never leaves", walls=(Wall.LIMITS,), act=_locked_memory, refusals=_NO_ROOM | {errno.EPERM}),
    Attempt(name="memory in a wide pipe", walls=_S, act=_wide_pipe),
    Attempt(name="memory that stays in a pipe", walls=_S, act=_memory_into_pipe),
    Attempt(name="memory merged with others'", walls=_S, act=lambda _: prctl(_PR_SET_MEMORY_MERGE, 1)),
    Attempt(name="anonymous files", walls=_S, act=lambda _: os.close(os.memfd_create("made"))),
    Attempt(name="memory that nobody else sees", walls=_S, act=lambda _: os.close(call("memfd_secret", 0))),
    Attempt(name="shared memory of System V", walls=_S, act=_made_and_removed("shm", 4096)),
    Attempt(name="messages of System V", walls=_S, act=_made_and_removed("msg")),
    Attempt(name="semaphores of System V", walls=_S, act=_made_and_removed("sem", 1)),
    Attempt(name="message queues", walls=(Wall.SECCOMP, Wall.LIMITS), act=_message_queue),
    Attempt(name="descriptors without end", walls=(Wall.LIMITS,), act=_many_descriptors, refusals=_NONE_LEFT),
    Attempt(name="io_uring", walls=_S, act=lambda _: os.close(call("io_uring_setup", 1, _EMPTY))),
    Attempt(name="page faults in its own hands", walls=_S, act=lambda _: os.close(call("userfaultfd", 1))),
    Attempt(
        name="programs in the kernel",
        walls=_STRONG,
        act=lambda _: call("bpf", _BPF_MAP_CREATE, struct.pack("IIIII", 2, 4, 4, 1, 0), 20),
    ),
    Attempt(name="the kernel's keys", walls=_S, act=lambda _: call("keyctl", _KEY_GET_SESSION, -3, 0)),
    Attempt(name="a key of its own", walls=_S, act=_key("add_key")),
    Attempt(name="asking for a key", walls=_S, act=lambda _: call("request_key", b"user", b"made", None, -2)),
    Attempt(name="modules of the kernel", walls=_STRONG, act=lambda _: call("init_module", None, 0, b"")),
    Attempt(name="modules of the kernel from a file", walls=_STRONG, act=lambda _: call("finit_module", 0, b"", 0)),
    Attempt(name="another kernel", walls=_STRONG, act=lambda _: call("kexec_load", 0, 0, None, 0)),
    Attempt(name="a restart", walls=_STRONG, act=lambda _: call("reboot", 0, 0, 0, None)),
    Attempt(name="swap", walls=_STRONG, act=lambda _: call("swapoff", b"/nothing")),
    Attempt(name="the host's name", walls=_STRONG, act=lambda _: call("sethostname", b"x", -1)),
    Attempt(name="the clock", walls=_STRONG, act=_set_clock),
    Attempt(name="a disk's buffers written at once", walls=_S, act=lambda _: call("syncfs", -1)),
    Attempt(name="the kernel's messages", walls=_STRONG, act=lambda _: call("syslog", _SYSLOG_SIZE, None, 0)),
    Attempt(name="accounts of processes", walls=_STRONG, act=lambda _: call("acct", None)),
    Attempt(name="mounting", walls=_STRONG, act=lambda _: call("mount", b"none", b"/nothing", b"tmpfs", 0, None)),
    Attempt(name="unmounting", walls=_STRONG, act=lambda _: call("umount2", b"/nothing", 0)),
    Attempt(name="another root", walls=_STRONG, act=lambda _: call("chroot", b".")),
    Attempt(name="another root for all", walls=_STRONG, act=lambda _: call("pivot_root", b".", b".")),
    Attempt(name="a tree of mounts", walls=_S, act=lambda _: os.close(call("open_tree", _AT_FDCWD, b"/", 0))),
    Attempt(name="a file system by the newer calls", walls=_STRONG, act=lambda _: os.close(call("fsopen", b"tmpfs", 0))),
    Attempt(
        name="a list of mounts",
        walls=_S,
        act=lambda _: call("listmount", struct.pack("QQQ", 24, 0xFFFFFFFFFFFFFFFF, 0), _EMPTY, 8, 0),
    ),
    Attempt(name="the address space as the old days laid it out", walls=_S, act=lambda _: call("personality", 0xFFFFFFFF)),
    Attempt(name="input and output of the machine", walls=_STRONG, act=lambda _: call("iopl", 3)),
    Attempt(name="segments of the processor", walls=_S, act=lambda _: call("modify_ldt", 0, _EMPTY, 16)),
    Attempt(name="calls by another table", walls=(Wall.SECCOMP, Wall.RIGHTS), act=_other_table),
    Attempt(
        name="calls of the future",
        walls=(Wall.SECCOMP, Wall.RIGHTS),
        act=lambda _: syscall(4000, 0, 0),
        refusals=frozenset({errno.ENOSYS}),
    ),
    Attempt(
        name="what this machine is",
        walls=(),
        act=lambda _: os.uname(),
        remains="names of the host, of its kernel and processor, its load and free memory: a library that computes asks for them",
    ),
    Attempt(name="new namespaces", walls=_S, act=lambda _: call("unshare", _CLONE_NEWUSER)),
)
