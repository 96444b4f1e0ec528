"""Attempts on processes: the worker and its host, the guest's own rights, and what would outlive it."""

import ctypes
import errno
import fcntl
import os
import re
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from workers.sandbox.clean_environment import clean_environment
from workers.sandbox.guest import landlock
from workers.sandbox.guest.kernel import capabilities
from workers.sandbox.selftest.attempt import PARENT, REFUSALS, Attempt, Possible, Target, Wall, call, prctl

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_MM = 1, 38, 35
_PTRACE_SEIZE, _KCMP_FILE, _PRIO_PROCESS, _IOPRIO_WHO_PROCESS = 0x4206, 0, 0, 1
_AT_EMPTY_PATH = 0x1000
_SECCOMP_SET_MODE_FILTER, _SECCOMP_RET_ALLOW = 1, 0x7FFF0000
_SIGEV_SIGNAL = 0


class _IoVector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _SignalEvent(ctypes.Structure):
    _fields_ = (("value", ctypes.c_void_p), ("number", ctypes.c_int), ("notify", ctypes.c_int), ("rest", ctypes.c_char * 48))


class _FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def _fork(_: Target) -> None:
    if os.fork() == 0:
        os._exit(0)


def _clone(_: Target) -> None:
    if call("clone", int(signal.SIGCHLD), 0, 0, 0, 0) == 0:
        os._exit(0)


def _clone3(_: Target) -> None:
    if call("clone3", ctypes.create_string_buffer(64), 64) == 0:
        os._exit(0)


def _spawn(_: Target) -> None:
    subprocess.run(["/bin/true"], check=True)


def _execute(_: Target) -> None:
    os.execv(sys.executable, ["python", "-c", "pass"])  # noqa: S606 - it must be refused


def _execute_descriptor(_: Target) -> None:
    """A program that is opened for its path alone."""
    program = os.open("/bin/true", os.O_PATH)
    try:
        call("execveat", program, b"", None, None, _AT_EMPTY_PATH)
    finally:
        os.close(program)


def _copy_memory(name: str) -> Callable[[Target], object]:
    """One byte from or to address 0 of the worker: where it is let through, nothing is there."""

    def act(_: Target) -> None:
        byte = ctypes.create_string_buffer(1)
        here, there = _IoVector(ctypes.addressof(byte), 1), _IoVector(0, 1)
        call(name, PARENT, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)

    return act


def _locks_of_worker(_: Target) -> None:
    head, size = ctypes.c_void_p(), ctypes.c_size_t()
    call("get_robust_list", PARENT, ctypes.byref(head), ctypes.byref(size))


def _signal_with_value(_: Target) -> None:
    call("rt_sigqueueinfo", PARENT, 0, ctypes.create_string_buffer(128))


def _worker_nearer(_: Target) -> None:
    """The worker's place among the processors, as it is."""
    mask = ctypes.create_string_buffer(128)
    size = call("sched_getaffinity", PARENT, 128, mask)
    call("sched_setaffinity", PARENT, size, mask)


def _worker_slower(_: Target) -> None:
    call("setpriority", _PRIO_PROCESS, PARENT, 20 - call("getpriority", _PRIO_PROCESS, PARENT))


def _worker_schedule(_: Target) -> None:
    call("sched_setscheduler", PARENT, 0, ctypes.byref(ctypes.c_int(0)))


def _worker_pages(name: str) -> Callable[[Target], object]:
    return lambda _: call(name, PARENT, 0, None, None, None, 0)


def _raise(kind: int) -> Callable[[Target], object]:
    def act(_: Target) -> None:
        _limit(kind, resource.RLIM_INFINITY)

    return act


def _limit(kind: int, most: int) -> None:
    try:
        resource.setrlimit(kind, (most, most))
    except ValueError as exc:  # how `resource` says EPERM
        raise OSError(errno.EPERM, "refused") from exc


def _less_time(_: Target) -> None:
    _limit(resource.RLIMIT_CPU, resource.getrlimit(resource.RLIMIT_CPU)[1] - 1)


def _killing_timer(_: Target) -> None:
    event, timer = _SignalEvent(None, signal.SIGKILL, _SIGEV_SIGNAL), ctypes.c_int()
    call("timer_create", 1, ctypes.byref(event), ctypes.byref(timer))


def _on_a_pipe(command: int, value: int) -> Callable[[Target], object]:
    def act(_: Target) -> None:
        ends = os.pipe()
        try:
            fcntl.fcntl(ends[0], command, value)
        finally:
            for end in ends:
                os.close(end)

    return act


def _in_a_thread(act: Callable[[], object]) -> Callable[[Target], object]:
    """In a thread of its own: what it puts on itself ends with it."""

    def run(_: Target) -> None:
        raised: list[OSError] = []

        def body() -> None:
            try:
                act()
            except OSError as exc:
                raised.append(exc)

        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        if raised:
            raise raised[0]

    return run


def _wider_landlock() -> None:
    """A second ruleset that allows everything, and then a file that the first one refuses."""
    landlock.restrict(landlock.Reach(readable=[Path("/")]))
    os.close(os.open("/etc/passwd", os.O_RDONLY))


def _wider_filter() -> None:
    """A second filter that allows everything, and then a call that the first one refuses."""
    allow = (6).to_bytes(2, sys.byteorder) + bytes(2) + _SECCOMP_RET_ALLOW.to_bytes(4, sys.byteorder)
    call("seccomp", _SECCOMP_SET_MODE_FILTER, 0, ctypes.byref(_FilterProgram(1, allow)))
    os.close(call("socket", 2, 1, 0))


def _more_capabilities(_: Target) -> None:
    """Every capability, effective and permitted."""
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(*[0xFFFFFFFF] * 6)
    call("capset", header, sets)


def _kept_capabilities(_: Target) -> None:
    if not any(capabilities()):
        raise OSError(errno.EPERM, "there are none")
    raise Possible("some are left")


def _own_variables(_: Target) -> None:
    if found := sorted(os.environ.keys() - clean_environment(Path(), 1, on_card=True).keys()):  # noqa: TID251 - the question itself
        raise Possible(f"it has {found[0]}")
    raise OSError(errno.EACCES, "nothing of the worker's")


def _own_descriptors(_: Target) -> None:
    """All that lies open is the null device, a card, a pipe, or a fact about itself or the machine that it may read anyway."""
    links = [
        str(link.readlink()) for link in sorted(Path("/proc/self/fd").iterdir()) if link.is_symlink()
    ]  # not that of the listing
    if found := [link for link in links if not _OWN_DESCRIPTOR.match(link)]:
        raise Possible(f"{found[0]} is open")
    raise OSError(errno.EACCES, "nothing of the worker's")


def _existence(_: Target) -> None:
    os.getpgid(PARENT)


_OWN_DESCRIPTOR = re.compile(rf"/dev/null$|/dev/nvidia|pipe:|/sys/|/proc/({os.getpid()}(/|$)|[a-z])")
_L, _S = (Wall.LANDLOCK,), (Wall.SECCOMP,)
_BOTH = (Wall.SECCOMP, Wall.LANDLOCK)
_OF_ROOT = (Wall.SECCOMP, Wall.RIGHTS)
"""What a worker with more capabilities than the guest's none is kept from by the kernel itself."""
_NONE_OF_OURS = (Wall.START,)

ATTEMPTS = (
    Attempt(name="fork", walls=_S, act=_fork),
    Attempt(name="a process by clone", walls=_S, act=_clone),
    Attempt(name="clone3", walls=_S, act=_clone3),
    Attempt(name="spawn", walls=_BOTH, act=_spawn),
    Attempt(name="exec", walls=_BOTH, act=_execute),
    Attempt(name="exec of a descriptor", walls=_BOTH, act=_execute_descriptor),
    Attempt(name="a signal to the worker", walls=_BOTH, act=lambda _: os.kill(PARENT, 0)),
    Attempt(name="a signal to everybody", walls=_BOTH, act=lambda _: os.kill(-1, 0)),
    Attempt(name="a signal to the worker's group", walls=_S, act=lambda _: os.kill(0, 0)),
    Attempt(name="a signal to a thread of the worker's", walls=_BOTH, act=lambda _: call("tgkill", PARENT, PARENT, 0)),
    Attempt(name="a signal by the older call", walls=_BOTH, act=lambda _: call("tkill", PARENT, 0)),
    Attempt(name="a signal with a value", walls=_BOTH, act=_signal_with_value),
    Attempt(name="a signal to itself that looks like the host's", walls=_S, act=lambda _: os.kill(os.getpid(), signal.SIGKILL)),
    Attempt(name="the worker as a descriptor", walls=_S, act=lambda _: os.close(call("pidfd_open", PARENT, 0))),
    Attempt(name="a signal by descriptor", walls=_S, act=lambda _: call("pidfd_send_signal", 0, 0, None, 0)),
    Attempt(name="the worker's files by descriptor", walls=_S, act=lambda _: call("pidfd_getfd", 0, 0, 0)),
    Attempt(name="tracing the worker", walls=_BOTH, act=lambda _: call("ptrace", _PTRACE_SEIZE, PARENT, 0, 0)),
    Attempt(name="reading the worker", walls=_BOTH, act=_copy_memory("process_vm_readv")),
    Attempt(name="writing into the worker", walls=_BOTH, act=_copy_memory("process_vm_writev")),
    Attempt(name="comparing with the worker", walls=_BOTH, act=lambda _: call("kcmp", os.getpid(), PARENT, _KCMP_FILE, 0, 0)),
    Attempt(name="the worker's locks", walls=(Wall.LANDLOCK, Wall.NAMESPACES), act=_locks_of_worker),
    Attempt(name="the worker's pages", walls=_BOTH, act=_worker_pages("move_pages")),
    Attempt(name="the worker's memory given back", walls=_S, act=lambda _: call("process_madvise", 0, None, 0, 4, 0)),
    Attempt(name="the worker's memory nodes", walls=_OF_ROOT, act=lambda _: call("migrate_pages", PARENT, 0, None, None)),
    Attempt(name="where the worker runs", walls=_OF_ROOT, act=_worker_nearer),
    Attempt(name="the worker's priority", walls=_OF_ROOT, act=_worker_slower),
    Attempt(name="the worker's schedule", walls=_OF_ROOT, act=_worker_schedule),
    Attempt(
        name="the worker's place at the disk", walls=_OF_ROOT, act=lambda _: call("ioprio_set", _IOPRIO_WHO_PROCESS, PARENT, 0)
    ),
    Attempt(name="the worker's limits", walls=_S, act=lambda _: resource.prlimit(PARENT, resource.RLIMIT_NOFILE)),
    Attempt(
        name="counters of the processor",
        walls=_OF_ROOT,
        act=lambda _: call("perf_event_open", ctypes.create_string_buffer(128), 0, -1, -1, 0),
    ),
    Attempt(name="a session of its own", walls=(Wall.SECCOMP, Wall.START), act=lambda _: os.setsid()),
    Attempt(name="a group of its own", walls=(Wall.SECCOMP, Wall.START), act=lambda _: os.setpgid(0, 0)),
    Attempt(name="outliving the worker", walls=_S, act=lambda _: prctl(_PR_SET_PDEATHSIG)),
    Attempt(name="the worker's namespaces", walls=_S, act=lambda _: call("setns", 0, 0)),
    Attempt(
        name="another user",
        walls=(Wall.CAPABILITIES, Wall.NAMESPACES),
        act=lambda _: call("setresuid", *[os.getuid() + 1] * 3),
        refusals=REFUSALS | {errno.EINVAL},  # in a namespace of its own there is no other
    ),
    Attempt(name="other groups", walls=(Wall.CAPABILITIES, Wall.NAMESPACES), act=lambda _: call("setgroups", 0, None)),
    Attempt(name="capabilities that it gave up", walls=(Wall.CAPABILITIES,), act=_more_capabilities),
    Attempt(name="capabilities that it kept", walls=(Wall.CAPABILITIES,), act=_kept_capabilities),
    Attempt(
        name="programs that may do more",
        walls=(Wall.RIGHTS,),
        act=lambda _: prctl(_PR_SET_NO_NEW_PRIVS),
        refusals=frozenset({errno.EINVAL}),
    ),
    Attempt(
        name="its own description in memory", walls=(Wall.CAPABILITIES, Wall.NAMESPACES), act=lambda _: prctl(_PR_SET_MM, 8, 4096)
    ),
    Attempt(name="a wider Landlock", walls=_L, act=_in_a_thread(_wider_landlock)),
    Attempt(name="a wider filter", walls=_S, act=_in_a_thread(_wider_filter)),
    Attempt(name="more memory", walls=(Wall.SECCOMP, Wall.LIMITS), act=_raise(resource.RLIMIT_DATA)),
    Attempt(name="more open files", walls=(Wall.SECCOMP, Wall.LIMITS), act=_raise(resource.RLIMIT_NOFILE)),
    Attempt(name="larger files", walls=(Wall.SECCOMP, Wall.LIMITS), act=_raise(resource.RLIMIT_FSIZE)),
    Attempt(name="core dumps", walls=(Wall.SECCOMP, Wall.LIMITS), act=_raise(resource.RLIMIT_CORE)),
    Attempt(name="a stack without end", walls=(Wall.SECCOMP, Wall.LIMITS), act=_raise(resource.RLIMIT_STACK)),
    Attempt(name="less processor time", walls=_S, act=_less_time),
    Attempt(name="a timer that kills", walls=_S, act=_killing_timer),
    Attempt(name="another signal than SIGIO", walls=_S, act=_on_a_pipe(fcntl.F_SETSIG, signal.SIGKILL)),
    Attempt(name="a pipe that signals the worker", walls=_S, act=_on_a_pipe(fcntl.F_SETOWN, PARENT)),
    Attempt(name="a variable of the worker's", walls=_NONE_OF_OURS, act=_own_variables),
    Attempt(name="a descriptor of the worker's", walls=_NONE_OF_OURS, act=_own_descriptors),
    Attempt(
        name="which processes there are",
        walls=(),
        act=_existence,
        remains="a process id can be tried (`getpgid`, `getpriority`): whether it exists, its group and priority, nothing of what it is",
    ),
)
