"""The system call filter, run by a small interpreter of the kernel's filter machine: also for machines that are not at hand."""

import errno
import struct
from functools import cache

import pytest

from workers.sandbox.guest import seccomp
from workers.sandbox.guest.syscalls import EXAMINED, MACHINES, REFUSED, numbers

PID = 4711
ALLOW, ASK, KILL = "allow", "ask", "kill"
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


@cache
def instructions(code: bytes) -> tuple[tuple[int, int, int, int], ...]:
    """A filter as (code, jump if true, jump if false, value)."""
    return tuple(struct.iter_unpack("=HBBI", code))


def answer(machine: str, number: int, *arguments: int, audit: int | None = None, on_card: bool = False) -> str | int:
    """What the filter says to one call: ALLOW, KILL or an errno."""
    return said(_program(machine, on_card), machine, number, *arguments, audit=audit)


@cache
def _program(machine: str, on_card: bool) -> bytes:
    return seccomp.program(machine, PID, on_card=on_card)


def said(code: bytes, machine: str, number: int, *arguments: int, audit: int | None = None) -> str | int:
    """What a filter says to one call: ALLOW, ASK, KILL or an errno."""
    padded = (*arguments, *(0,) * (6 - len(arguments)))
    data = struct.pack("<IIQ6Q", number, AUDIT[machine] if audit is None else audit, 0, *padded)
    at = accumulator = 0
    while True:
        operation, if_true, if_false, value = instructions(code)[at]
        at += 1
        match operation:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, value)
            case 0x15:
                at += if_true if accumulator == value else if_false
            case 0x35:
                at += if_true if accumulator >= value else if_false
            case 0x45:
                at += if_true if accumulator & value else if_false
            case 0x54:
                accumulator &= value
            case 0x06:
                return {0x7FFF0000: ALLOW, 0x7FC00000: ASK, 0x80000000: KILL}.get(value, value & 0xFFFF)
            case _:
                raise ValueError(f"no such instruction: {operation}")


@pytest.mark.parametrize("machine", MACHINES)
def test_every_listed_call_is_refused(machine: str) -> None:
    """Each name on the list answers EPERM."""
    assert {name: answer(machine, number) for name, number in numbers(machine, REFUSED).items()} == dict.fromkeys(
        numbers(machine, REFUSED), errno.EPERM
    )


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        pytest.param("clone", (0x3D0F00,), ALLOW, id="a thread"),
        pytest.param("clone", (17,), errno.EPERM, id="a process"),
        pytest.param("clone3", (0,), errno.ENOSYS, id="clone3 does not exist"),
        pytest.param("mmap", (0, 4096, 3, 0x22), ALLOW, id="private memory"),
        pytest.param("mmap", (0, 4096, 1, 0x01), ALLOW, id="a shared file"),
        pytest.param("mmap", (0, 4096, 3, 0x21), errno.EPERM, id="shared memory"),
        pytest.param("mmap", (0, 4096, 3, 0x23), errno.EPERM, id="shared memory, checked flags"),
        pytest.param("mmap", (0, 4096, 3, 0x122), errno.EPERM, id="memory that grows like a stack"),
        pytest.param("openat", (3, 1, 0o102), ALLOW, id="a file with a name"),
        pytest.param("openat", (3, 1, 0x410002), errno.EPERM, id="a file without a name"),
        pytest.param("openat2", (3, 1), errno.ENOSYS, id="openat2 does not exist"),
        pytest.param("fcntl", (3, 4, 0x800), ALLOW, id="a pipe that does not block"),
        pytest.param("fcntl", (3, 8, 1), errno.EPERM, id="a pipe that signals another"),
        pytest.param("fcntl", (3, 10, 9), errno.EPERM, id="a pipe that kills"),
        pytest.param("fcntl", (3, 6, 0x1000), errno.EPERM, id="a lock"),
        pytest.param("fcntl", (3, 37, 0x1000), errno.EPERM, id="a lock of an open file"),
        pytest.param("fcntl", (3, 1024, 1), errno.EPERM, id="a lease"),
        pytest.param("fcntl", (3, 1031, 1 << 20), errno.EPERM, id="a pipe of a MiB"),
        pytest.param("fcntl", (3, 5, 0x1000), ALLOW, id="whether there is a lock"),
        pytest.param("ioctl", (3, 0x5401), ALLOW, id="whether a file is a terminal"),
        pytest.param("ioctl", (3, 0x40086602), errno.EPERM, id="a file's attributes"),
        pytest.param("ioctl", (3, 0xC020462A), errno.EPERM, id="a card's control file"),
        pytest.param("prlimit64", (0, 7), ALLOW, id="its own limits, read"),
        pytest.param("prlimit64", (0, 0, 0x1000), errno.EPERM, id="its own limits, set"),
        pytest.param("prlimit64", (0, 0, 0x7F00_0000_0000), errno.EPERM, id="its own limits, set from a round address"),
        pytest.param("prlimit64", (0, 9, 0x1000), ALLOW, id="its own address space, bounded"),
        pytest.param("prlimit64", (1, 9, 0x1000), errno.EPERM, id="another's address space"),
        pytest.param("prlimit64", (1, 7), errno.EPERM, id="another's limits"),
        pytest.param("prctl", (15,), ALLOW, id="a thread's name"),
        pytest.param("prctl", (1, 0), errno.EPERM, id="the parent's death"),
        pytest.param("kill", (PID, 15), ALLOW, id="a signal to itself"),
        pytest.param("kill", (1, 15), errno.EPERM, id="a signal to another"),
        pytest.param("kill", (PID, 9), errno.EPERM, id="an end that looks like the host's"),
        pytest.param("tgkill", (PID, PID + 1, 6), ALLOW, id="abort"),
        pytest.param("tgkill", (PID, PID + 1, 9), errno.EPERM, id="a thread's end that looks like the host's"),
        pytest.param("tgkill", (1, 1, 6), errno.EPERM, id="another's abort"),
    ],
)
def test_arguments_decide(machine: str, name: str, arguments: tuple[int, ...], expected: str | int) -> None:
    """Calls that are needed in one form and refused in another."""
    assert answer(machine, numbers(machine, EXAMINED)[name], *arguments) == expected


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        pytest.param("mmap", (0, 4096, 3, 0x21), ALLOW, id="memory that it shares with the card"),
        pytest.param("mmap", (0, 4096, 3, 0x122), errno.EPERM, id="memory that grows like a stack"),
        pytest.param("ioctl", (3, 0xC020462A), ALLOW, id="the driver's control file"),
        pytest.param("ioctl", (3, 0x30000001), ALLOW, id="unified memory begins"),
        pytest.param("ioctl", (3, 0x30000002), ALLOW, id="unified memory ends"),
        pytest.param("ioctl", (3, 75), ALLOW, id="unified memory"),
        pytest.param("ioctl", (0, 0x5401), ALLOW, id="whether a file is a terminal"),
        pytest.param("ioctl", (0, 0x5412), errno.EPERM, id="typing into a terminal"),
        pytest.param("ioctl", (3, 0x40086604), errno.EPERM, id="another file's attributes"),
        pytest.param("ioctl", (3, 0x100), errno.EPERM, id="the first number of nobody's"),
        pytest.param("prctl", (1, 0), errno.EPERM, id="the parent's death"),
    ],
)
def test_arguments_decide_on_a_card(machine: str, name: str, arguments: tuple[int, ...], expected: str | int) -> None:
    """What a card's driver needs beside the rest, and no more."""
    assert answer(machine, numbers(machine, EXAMINED)[name], *arguments, on_card=True) == expected


@pytest.mark.parametrize("machine", MACHINES)
def test_the_rest(machine: str) -> None:
    """Ordinary calls pass, unreviewed ones do not exist, and another architecture's calls end the process."""
    read = {"x86_64": 0, "aarch64": 63}[machine]
    assert (answer(machine, read), answer(machine, 463), answer(machine, 0x40000000 + 41)) == (ALLOW, errno.ENOSYS, errno.ENOSYS)
    assert answer(machine, read, audit=0x40000003) == KILL


@pytest.mark.parametrize("machine", MACHINES)
def test_the_worker_is_asked_for_threads_only(machine: str) -> None:
    """Beside the filter that refuses, another has the worker asked before each thread, and says nothing of other calls."""
    clone, read = numbers(machine, EXAMINED)["clone"], {"x86_64": 0, "aarch64": 63}[machine]
    code = seccomp.questions(machine)
    assert [said(code, machine, clone, 0x3D0F00), said(code, machine, clone, 17), said(code, machine, read)] == [
        ASK,
        ALLOW,
        ALLOW,
    ]
    assert said(code, machine, read, audit=0x40000003) == KILL


def test_a_machine_without_a_table() -> None:
    """There is no sandbox where nobody wrote down the numbers."""
    with pytest.raises(OSError, match="no seccomp table for riscv64"):
        seccomp.program("riscv64", PID)
