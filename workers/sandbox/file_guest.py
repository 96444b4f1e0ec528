"""A guest that is given one file of a stranger and answers once: what the file did to it is told in words."""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from scoring.errors import Code, InfrastructureFault
from workers.sandbox import conversation
from workers.sandbox.confinement import Scratch
from workers.sandbox.guest.frames import Frame, FrameKind, Malformed
from workers.sandbox.guest.orders import CheckpointTask, Confinement, FileTask
from workers.sandbox.guest_process import DeadlinePassed, GuestDied, GuestProcess, TooManyThreads, TooMuchMemory

Hold = Callable[[GuestProcess | None], None]


def hold_nothing(_guest: GuestProcess | None) -> None:
    """A `Hold` of one who never ends a guest early."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileGuest:
    """A guest for one file, and what it may use."""

    kind: str  # as in "it crashes a decoder"
    program: tuple[str, ...]  # what Python runs
    ram_bytes: int
    scratch_bytes: int
    seconds: float  # for the answer
    answer_bytes: int  # of sound, at most
    hold: Hold = hold_nothing  # is given the guest while it lives, then None


class BrokenByFile(Exception):
    """The guest did not survive the file; the message goes on from "the file …"."""


def ask(guest: FileGuest, task: FileTask | CheckpointTask, place: Scratch, walls: Confinement) -> Frame:
    """Start a guest, give it the file, and return its answer; no process is left behind.

    Raises BrokenByFile, and InfrastructureFault where this host is at fault.
    """
    try:
        process = GuestProcess(guest.program, place, 1, guest.ram_bytes, guest.scratch_bytes)
    except OSError as exc:
        raise InfrastructureFault(Code.SANDBOX_UNAVAILABLE, f"no guest can be started: {exc.strerror}") from exc
    try:
        with process:
            guest.hold(process)
            conversation.confine(process, walls)
            conversation.prepare(process, task, f"the {guest.kind}")
            return _answer(guest, process)
    finally:
        guest.hold(None)


def _answer(guest: FileGuest, process: GuestProcess) -> Frame:
    busy = f"it keeps a {guest.kind} busy for more than {guest.seconds:g} s"
    greedy = f"it takes a {guest.kind} more than {guest.ram_bytes >> 20} MiB of memory"
    try:
        frame = process.receive(time.monotonic() + guest.seconds, guest.answer_bytes)
        process.dismiss()
    except DeadlinePassed as exc:
        raise BrokenByFile(busy) from exc
    except TooMuchMemory as exc:
        raise BrokenByFile(greedy) from exc
    except GuestDied as death:
        if death.signal == signal.SIGKILL and death.cpu_seconds >= guest.seconds:
            raise BrokenByFile(busy) from death
        if death.signal == signal.SIGKILL:  # a guest cannot send it to itself
            raise conversation.killed_from_outside(guest.kind, death, guest.ram_bytes) from death
        raise BrokenByFile(f"it crashes a {guest.kind}") from death
    except (TooManyThreads, Malformed) as exc:
        raise BrokenByFile(f"it makes a {guest.kind} misbehave") from exc
    if frame.kind is FrameKind.OUT_OF_MEMORY:
        raise BrokenByFile(greedy)
    return frame
