"""A seccomp filter assembled by hand: it refuses the calls that a model which only computes does not need.

Refused calls answer EPERM, so that a library which merely tries goes on; calls newer than the tables answer ENOSYS.
"""

import ctypes
import errno
import os
import platform
import signal
import socket
import struct

from workers.sandbox.guest.kernel import checked, prctl_no_new_privileges, syscall
from workers.sandbox.guest.syscalls import EXAMINED, FIRST_UNKNOWN, MACHINES, REFUSED, numbers

_SET_MODE_FILTER, _FLAG_TSYNC, _FLAG_NEW_LISTENER, _FLAG_TSYNC_ESRCH = 1, 1, 8, 16
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW, _ASK, _KILL, _ERRNO = 0x7FFF0000, 0x7FC00000, 0x80000000, 0x00050000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
"""Offsets in the kernel's `struct seccomp_data`."""
_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CLONE_THREAD, _MAP_SHARED, _MAP_ANONYMOUS, _MAP_GROWSDOWN = 0x00010000, 0x01, 0x20, 0x100
_PR_SET_PDEATHSIG, _PR_SET_MEMORY_MERGE = 1, 67
_RLIMIT_AS = 9
_O_TMPFILE = 0x400000
"""The bit of it that no other flag has."""
_REFUSED_COMMANDS = {
    "SETLK": 6,
    "SETLKW": 7,
    "SETOWN": 8,
    "SETSIG": 10,
    "SETOWN_EX": 15,
    "OFD_SETLK": 37,
    "OFD_SETLKW": 38,
    "SETLEASE": 1024,
    "NOTIFY": 1026,
    "SETPIPE_SZ": 1031,
}
"""Of fcntl: a pipe's signals go to others; locks, leases and watches keep others from a file; a pipe's room is memory."""
_PLAIN_REQUESTS = (0x5401, 0x802C542A, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
"""Of ioctl, what libraries ask of any file: whether it is a terminal (two forms) and of what size, how much waits in it, whether it
blocks, who inherits it. Attributes of files, which stay when a guest has ended, are none of them."""
_KIND_BITS, _NVIDIA_KIND = 0xFF00, 0x4600
"""The part of a request that says whose it is, and what stands there for the driver's control and card files."""
_UVM_BEGIN, _UVM_END, _UVM_NUMBERS = 0x30000001, 0x30000002, 0x100
"""Requests of the driver's unified memory: its first and its last one, and the numbers below which all others lie."""


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _answer(number: int) -> bytes:
    return _instruction(_RETURN, _ERRNO | number)


def _load_argument(position: int) -> bytes:
    """The low half of an argument: every flag, signal and process id looked at here fits in 32 bits."""
    return _instruction(_LOAD, _ARGUMENTS + 8 * position)


def _refuse_if(position: int, test: int, value: int) -> list[bytes]:
    return [_load_argument(position), _instruction(test, value, 0, 1), _answer(errno.EPERM)]


def _refuse_pointer(position: int) -> list[bytes]:
    """Both halves of an argument: an address is none only where both are zero."""
    high = _instruction(_LOAD, _ARGUMENTS + 8 * position + 4)
    zero_or_refused = (_instruction(_IF_EQUAL, 0, 1, 0), _answer(errno.EPERM))
    return [line for half in (_load_argument(position), high) for line in (half, *zero_or_refused)]


def _unless_equal(position: int, value: int, body: list[bytes]) -> list[bytes]:
    """Run `body` unless an argument has this value."""
    return [_load_argument(position), _instruction(_IF_EQUAL, value, len(body), 0), *body]


def _refuse_unless(position: int, test: int, value: int) -> list[bytes]:
    return [_load_argument(position), _instruction(test, value, 1, 0), _answer(errno.EPERM)]


def _rule(number: int, body: list[bytes]) -> list[bytes]:
    """Run `body` for one call, and allow the call if it falls through; every other call jumps over."""
    lines = [*body, _instruction(_RETURN, _ALLOW)]
    return [_instruction(_IF_EQUAL, number, 0, len(lines)), *lines]


def _ask_of_files(*others: int) -> list[bytes]:
    allowed = [
        line
        for request in (*_PLAIN_REQUESTS, *others)
        for line in (_instruction(_IF_EQUAL, request, 0, 1), _instruction(_RETURN, _ALLOW))
    ]
    return [_load_argument(1), *allowed]


def _ask_the_card() -> list[bytes]:
    """Of ioctl, requests that a card's driver knows, by the form of their numbers; of which file, only Landlock can tell."""
    kind = [_instruction(_AND, _KIND_BITS), _instruction(_IF_EQUAL, _NVIDIA_KIND, 0, 1), _instruction(_RETURN, _ALLOW)]
    return [*_ask_of_files(_UVM_BEGIN, _UVM_END), *kind, *_refuse_if(1, _IF_AT_LEAST, _UVM_NUMBERS)]


def _examine(calls: dict[str, int], pid: int, *, on_card: bool) -> list[bytes]:
    """The calls whose arguments decide.

    clone3 and openat2 hide their flags in memory, so they "do not exist" and libc takes clone, which may only make threads, and
    openat, which may not make files without a name: their bytes would not be seen. Anonymous memory that is shared, or that
    grows like a stack, would escape RLIMIT_DATA. Limits may be read, not set, but for that of addresses, which a guest bounds once its
    libraries are there and nobody can raise; signals of other processes are theirs, also those
    that the kernel sends for a pipe. A guest can neither outlive its parent nor SIGKILL itself: one found so was killed from
    outside, which is never the model's fault. Memory is not merged with that of others, whose content the time of a write would tell.
    A card's driver shares memory with the card, and is asked by ioctl.
    """
    shared_anonymous = [
        _load_argument(3),
        _instruction(_IF_ANY_BIT, _MAP_ANONYMOUS, 0, 2),
        _instruction(_IF_ANY_BIT, _MAP_SHARED, 0, 1),
        _answer(errno.EPERM),
    ]
    rules = {
        "clone3": [_answer(errno.ENOSYS)],
        "clone": _refuse_unless(0, _IF_ANY_BIT, _CLONE_THREAD),
        "mmap": [*([] if on_card else shared_anonymous), *_refuse_if(3, _IF_ANY_BIT, _MAP_GROWSDOWN)],
        "open": _refuse_if(1, _IF_ANY_BIT, _O_TMPFILE),
        "openat": _refuse_if(2, _IF_ANY_BIT, _O_TMPFILE),
        "openat2": [_answer(errno.ENOSYS)],
        "fcntl": [line for command in _REFUSED_COMMANDS.values() for line in _refuse_if(1, _IF_EQUAL, command)],
        "ioctl": _ask_the_card() if on_card else [*_ask_of_files(), _answer(errno.EPERM)],
        "prlimit64": [*_refuse_unless(0, _IF_EQUAL, 0), *_unless_equal(1, _RLIMIT_AS, _refuse_pointer(2))],
        "prctl": [*_refuse_if(0, _IF_EQUAL, _PR_SET_PDEATHSIG), *_refuse_if(0, _IF_EQUAL, _PR_SET_MEMORY_MERGE)],
        "kill": [*_refuse_unless(0, _IF_EQUAL, pid), *_refuse_if(1, _IF_EQUAL, signal.SIGKILL)],
        "tgkill": [*_refuse_unless(0, _IF_EQUAL, pid), *_refuse_if(2, _IF_EQUAL, signal.SIGKILL)],
    }
    return [line for name, body in rules.items() if name in calls for line in _rule(calls[name], body)]


def program(machine: str, pid: int, *, on_card: bool = False) -> bytes:
    """The filter, as the kernel's 8-byte instructions, for one machine type and the process that will wear it, perhaps on a card."""
    if machine not in MACHINES:
        raise OSError(errno.ENOSYS, f"no seccomp table for {machine}")
    lines = [
        _instruction(_LOAD, _ARCHITECTURE),
        _instruction(_IF_EQUAL, _AUDIT[machine], 1, 0),
        _instruction(_RETURN, _KILL),
        _instruction(_LOAD, _NUMBER),
        *_examine(numbers(machine, EXAMINED), pid, on_card=on_card),
        _instruction(_IF_AT_LEAST, FIRST_UNKNOWN, 0, 1),
        _answer(errno.ENOSYS),
    ]
    for number in numbers(machine, REFUSED).values():
        lines += [_instruction(_IF_EQUAL, number, 0, 1), _answer(errno.EPERM)]
    return b"".join([*lines, _instruction(_RETURN, _ALLOW)])


def questions(machine: str) -> bytes:
    """The filter that has the worker asked before a thread is made; all else is the other filter's, whose refusals go first."""
    lines = [
        _instruction(_LOAD, _ARCHITECTURE),
        _instruction(_IF_EQUAL, _AUDIT[machine], 1, 0),
        _instruction(_RETURN, _KILL),
        _instruction(_LOAD, _NUMBER),
        _instruction(_IF_EQUAL, numbers(machine, EXAMINED)["clone"], 0, 3),
        _load_argument(0),
        _instruction(_IF_ANY_BIT, _CLONE_THREAD, 0, 1),
        _instruction(_RETURN, _ASK),
        _instruction(_RETURN, _ALLOW),
    ]
    return b"".join(lines)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def restrict(*, on_card: bool) -> None:
    """Put the filter on every thread of this process, for good; raises OSError where the kernel cannot do it."""
    code = program(platform.machine(), os.getpid(), on_card=on_card)
    prctl_no_new_privileges()
    if checked("seccomp", _put_on(code, _FLAG_TSYNC)) != 0:
        raise OSError(errno.EBUSY, "a thread could not take the seccomp filter")


def ask_before_threads(gate: int) -> bool:
    """Have the kernel ask at the other end of the socket `gate` before it makes a thread, and give the socket up; False where it cannot.

    Before `restrict`, which refuses to send anything.
    """
    with socket.socket(fileno=gate) as there:
        prctl_no_new_privileges()
        listener = _put_on(questions(platform.machine()), _FLAG_TSYNC | _FLAG_TSYNC_ESRCH | _FLAG_NEW_LISTENER)
        if listener < 0:
            return False
        socket.send_fds(there, [b"?"], [listener])
        os.close(listener)
    return True


def _put_on(code: bytes, flags: int) -> int:
    whole = _Program(len(code) // 8, code)
    return syscall(numbers(platform.machine(), EXAMINED)["seccomp"], _SET_MODE_FILTER, flags, ctypes.byref(whole))
