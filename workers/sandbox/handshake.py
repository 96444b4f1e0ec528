"""How every talk with a guest begins: it confines itself and loads our own libraries. No untrusted byte is open, so all faults are ours."""

import json
import time

from scoring.errors import Code, InfrastructureFault
from workers.sandbox.guest.frames import Frame, Kind, Malformed
from workers.sandbox.guest.orders import Confinement, FileTask, Task, encode
from workers.sandbox.guest_process import DeadlinePassed, GuestDied, GuestProcess, TooManyThreads, TooMuchMemory

_CONFINE_SECONDS = 30.0
_PREPARE_SECONDS = 120.0
"""Our own libraries load in this time, or the host is too slow; it is no part of a model's or a file's deadline."""


def confine(guest: GuestProcess, walls: Confinement) -> None:
    """Let the guest build its walls and read its proof; or raise InfrastructureFault(SANDBOX_UNAVAILABLE, HOST_TOO_SLOW)."""
    frame = _ask(guest, encode(walls), "confine", _CONFINE_SECONDS)
    if frame.kind is not Kind.CONFINED:
        raise _unavailable("the guest did not report on its walls")
    report = json.loads(frame.payload)
    if report["open"]:
        raise _unavailable("; ".join(f"{name}: {why}" for name, why in sorted(report["open"].items())))


def prepare(guest: GuestProcess, task: Task | FileTask, what: str) -> None:
    """Give the task and wait until the libraries for it are there; or raise InfrastructureFault that names `what`."""
    frame = _ask(guest, encode(task), "prepare", _PREPARE_SECONDS)
    if frame.kind is not Kind.PREPARED:
        raise _unavailable(f"{what} cannot be used on this host: {frame.reason}")


def _ask(guest: GuestProcess, order: bytes, step: str, seconds: float) -> Frame:
    try:
        guest.send(order)
        return guest.receive(time.monotonic() + seconds, sample_bytes=0)
    except DeadlinePassed as exc:
        raise InfrastructureFault(Code.HOST_TOO_SLOW, f"the guest took too long to {step}") from exc
    except (GuestDied, TooMuchMemory, TooManyThreads, Malformed) as exc:
        raise _unavailable(f"the guest could not {step}: {exc}") from exc


def _unavailable(detail: str) -> InfrastructureFault:
    return InfrastructureFault(Code.SANDBOX_UNAVAILABLE, f"this host's sandbox cannot be used: {detail}")
