"""The few kernel calls that Python does not offer, each with its error checked."""

import ctypes
import os
import signal
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG, _PR_SET_SECUREBITS, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_GET_NO_NEW_PRIVS = 1, 28, 24, 38, 39
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_SECBITS_NO_ROOT = 0b1111
"""No capabilities for uid 0, kept across uid changes, both locked."""
_CAPABILITY_VERSION_3 = 0x20080522
_CLONE_NEWIPC, _CLONE_NEWUSER, _CLONE_NEWNET = 0x08000000, 0x10000000, 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_libc.prctl.argtypes = (ctypes.c_int, *(ctypes.c_ulong,) * 4)


class _CapHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapSets(ctypes.Structure):
    _fields_ = (("words", ctypes.c_uint32 * 6),)


def syscall(number: int, *arguments: Any) -> int:
    """Make a system call by number; integers go as 64 bits, so that no register keeps old bits."""
    return int(_libc.syscall(ctypes.c_long(number), *(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments)))


def checked(name: str, result: int) -> int:
    """The result of a call, or OSError with its errno and name."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def _prctl(name: str, option: int, *arguments: int) -> int:
    return checked(name, int(_libc.prctl(option, *(arguments + (0,) * (4 - len(arguments))))))


def prctl_no_new_privileges() -> None:
    """No set-uid program or file capability gives this process more than it has."""
    _prctl("no_new_privs", _PR_SET_NO_NEW_PRIVS, 1)


def has_no_new_privileges() -> bool:
    """Whether that is in force."""
    return _prctl("no_new_privs", _PR_GET_NO_NEW_PRIVS) == 1


def die_with(parent: int) -> None:
    """Ask the kernel to kill this process when its parent dies; end at once if the parent is gone already."""
    _prctl("pdeathsig", _PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != parent:
        raise SystemExit("the parent is gone")


def drop_capabilities() -> None:
    """Give up every capability for good, also as root; an ordinary user has none to give up."""
    _prctl("cap_ambient", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    if any(capabilities()):
        _prctl("securebits", _PR_SET_SECUREBITS, _SECBITS_NO_ROOT)
        last = int(Path("/proc/sys/kernel/cap_last_cap").read_text(encoding="ascii"))
        for capability in range(last + 1):
            _prctl("cap_bounding", _PR_CAPBSET_DROP, capability)
    header = _CapHeader(_CAPABILITY_VERSION_3, 0)
    checked("capset", _libc.capset(ctypes.byref(header), ctypes.byref(_CapSets())))


def capabilities() -> tuple[int, ...]:
    """Effective, permitted and inheritable sets as words; all zero is none."""
    header, sets = _CapHeader(_CAPABILITY_VERSION_3, 0), _CapSets()
    checked("capget", _libc.capget(ctypes.byref(header), ctypes.byref(sets)))
    return tuple(sets.words)


def leave_namespaces() -> bool:
    """Move to new user, network and IPC namespaces; False where the host does not permit it (many containers do not)."""
    uid, gid = os.getuid(), os.getgid()
    if _libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET | _CLONE_NEWIPC) != 0:
        return False
    for name, line in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        Path("/proc/self", name).write_text(line, encoding="ascii")
    return True
