"""A worker's side of the talk with one guest: each step has a deadline, and each way to fail has somebody to blame.

Every talk begins with `confine` and `prepare`: no untrusted byte is open then, so all faults are ours.
"""

import json
import math
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum

from scoring.audio.spoken import Spoken
from scoring.competition import SubmissionLimits
from scoring.errors import Code, InfrastructureFault, SubmissionFault, VoiceError
from scoring.report import Gate
from scoring.synthesis.synthesiser import Request
from workers.sandbox.guest.confine import CODE
from workers.sandbox.guest.frames import MAX_RATE, Frame, FrameKind, Malformed
from workers.sandbox.guest.orders import Confinement, ModelTask, Task, encode
from workers.sandbox.guest_process import DeadlinePassed, GuestDied, GuestProcess, TooManyThreads, TooMuchMemory

_CONFINE_SECONDS = 30.0
_PREPARE_SECONDS = 120.0
"""Our own libraries load in this time, or the host is too slow; it is no part of a model's or a file's deadline."""
_TWO_CODES = (
    "this process runs the project from {here}, and its guests, which see installed packages alone, from {there}: "
    "`pip install --editable {root}` into this environment, or start the program that is installed"
)
_KILLED_BY_LIMIT = {signal.SIGKILL, signal.SIGXCPU}

_CPU_SHARE = 0.9
"""A guest that computed until its deadline had this much of the processor; one that had less may have been stopped or starved."""
PATIENCE = 2.0
"""An answer is waited for so many times as long where the guest had less of the processor than it may have."""

OnSample = Callable[[int, int], None]
"""Called with the number of samples spoken so far and their total; an exception from it ends the guest."""


class GuestStage(StrEnum):
    """A request to a model: to load, or to speak."""

    LOAD = "load"
    SAMPLE = "speak"


class GuestTimedOut(Exception):
    """A model missed its deadline to load or to speak. Whose fault that is, the reference guest tells
    (`workers.sandbox.reference_guest`)."""

    def __init__(self, stage: GuestStage, *, withheld: bool = False) -> None:
        super().__init__(f"the model missed its deadline to {stage}")
        self.stage = stage
        self.withheld = withheld
        """Whether it had less of the processor than its deadline gives: it slept, or the host stopped or starved it."""

    @property
    def code(self) -> Code:
        """The submission's code, should it be its fault."""
        return Code.LOAD_TIMEOUT if self.stage is GuestStage.LOAD else Code.SAMPLE_TIMEOUT


class CardFailed(Exception):
    """The card answered a model with an error, or the model's process crashed on it. Whose fault that is, the reference model tells
    (`workers.evaluation.card_blame`)."""

    def __init__(self, stage: GuestStage, reason: str) -> None:
        super().__init__(f"the card failed while the model should {stage}: {reason}")
        self.stage = stage

    @property
    def code(self) -> Code:
        """The submission's code, should it be its fault."""
        return _broken_at(self.stage)


def confine(guest: GuestProcess, walls: Confinement) -> dict[str, str]:
    """Let the guest build its walls and read its proof; return what keeps what, as the host permits it.

    Raises InfrastructureFault(SANDBOX_UNAVAILABLE, HOST_TOO_SLOW), and LIBRARY_MISSING where the guest is of other code than this process.
    """
    frame = _ask(guest, encode(replace(walls, gate=guest.gate)), "confine", _CONFINE_SECONDS)
    if frame.kind is not FrameKind.CONFINED:
        raise _unavailable("the guest did not report on its walls")
    report = json.loads(frame.payload)
    if report["code"] != str(CODE):
        raise InfrastructureFault(Code.LIBRARY_MISSING, _TWO_CODES.format(here=CODE, there=report["code"], root=CODE.parent))
    if report["open"]:
        raise _unavailable("; ".join(f"{name}: {why}" for name, why in sorted(report["open"].items())))
    guest.open_gate()
    return {name: str(said) for name, said in report["used"].items()}


def prepare(guest: GuestProcess, task: Task, what: str) -> None:
    """Give the task and wait until the libraries for it are there; or raise InfrastructureFault that names `what`."""
    frame = _ask(guest, encode(task), "prepare", _PREPARE_SECONDS)
    if frame.kind is not FrameKind.PREPARED:
        raise _lacking(what, frame)


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


def _lacking(what: str, frame: Frame) -> InfrastructureFault:
    return InfrastructureFault(Code.LIBRARY_MISSING, f"{what} cannot be used on this host: {frame.reason}")


class Conversation:
    """Confine and load, in this order, once each; then say batch after batch, and end."""

    def __init__(self, guest: GuestProcess, walls: Confinement, limits: SubmissionLimits) -> None:
        self._guest, self._walls, self._limits = guest, walls, limits
        self._rate, self._sample_bytes = 0, 0

    def confine(self) -> dict[str, str]:
        """Let the guest build its walls and prove them, and say what keeps what; or raise InfrastructureFault."""
        return confine(self._guest, self._walls)

    def load(self, task: ModelTask) -> None:
        """Load the model."""
        prepare(self._guest, task, f"the family {task.family}")
        load_seconds = self._limits.load_seconds
        (frame,) = self._receive(1, GuestStage.LOAD, load_seconds, load_seconds)
        if frame.kind is FrameKind.NOT_LOADED:
            raise SubmissionFault(Code.LOAD_FAILED, f"the model cannot be loaded: {frame.reason}")
        if frame.kind is not FrameKind.LOADED or not 0 < frame.rate <= MAX_RATE:
            raise _answered_wrongly(frame, GuestStage.LOAD)
        self._rate, self._sample_bytes = frame.rate, 2 * math.ceil(self._limits.max_audio_seconds * frame.rate)

    def say(self, batch: Sequence[Request], most_seconds: float) -> list[Spoken]:
        """One result per request, in order; the whole batch must be spoken in so many seconds of the processor, and in twice of any."""
        if self._guest.spoke_unasked:
            raise self._blame(Malformed("it answers before it was asked"), GuestStage.SAMPLE)
        began = time.monotonic()
        self._send(encode(batch), GuestStage.SAMPLE)
        frames = self._receive(len(batch), GuestStage.SAMPLE, most_seconds, PATIENCE * most_seconds)
        seconds = (time.monotonic() - began) / len(batch)
        return [_spoken(request, frame, self._rate, seconds) for request, frame in zip(batch, frames, strict=True)]

    def end(self) -> None:
        """Close the talk, once all is said; a guest that says more answers what it was not asked, which is no answer."""
        try:
            self._guest.dismiss()
        except Malformed as exc:
            raise self._blame(exc, GuestStage.SAMPLE) from exc

    def _send(self, order: bytes, stage: GuestStage) -> None:
        try:
            self._guest.send(order)
        except (GuestDied, TooMuchMemory, Malformed) as exc:
            raise self._blame(exc, stage) from exc

    def _receive(self, count: int, stage: GuestStage, seconds: float, most_seconds: float) -> list[Frame]:
        """So many frames, within so many seconds from now; within `most_seconds` while the guest has less of the processor than that."""
        began, used = time.monotonic(), self._guest.cpu_seconds()
        frames: list[Frame] = []
        deadline = began + seconds
        while len(frames) < count:
            try:
                frames.append(self._guest.receive(deadline, self._sample_bytes))
            except DeadlinePassed as exc:
                owed = _CPU_SHARE * seconds - (self._guest.cpu_seconds() - used)
                left = began + most_seconds - time.monotonic()
                if min(owed, left) <= 0.0:
                    raise GuestTimedOut(stage, withheld=owed > 0.0) from exc
                deadline = time.monotonic() + min(owed, left)
            except (GuestDied, TooMuchMemory, TooManyThreads, Malformed) as exc:
                raise self._blame(exc, stage) from exc
        return frames

    def _blame(self, exc: Exception, stage: GuestStage) -> VoiceError | GuestTimedOut | CardFailed:
        match exc:
            case TooMuchMemory():
                return SubmissionFault(Code.MEMORY_EXCEEDED)
            case TooManyThreads():
                return SubmissionFault(_broken_at(stage), f"the model runs too many threads while it should {stage}")
            case GuestDied():
                return self._blame_death(exc, stage)
            case _:
                return SubmissionFault(Code.GENERATION_FAILED, f"the model broke the guest's protocol: {exc}")

    def _blame_death(self, death: GuestDied, stage: GuestStage) -> VoiceError | GuestTimedOut | CardFailed:
        """A guest cannot SIGKILL itself, so it came from the CPU limit or from outside, as when memory runs out: then it held no more
        than it may, as the watch would have ended it first.

        Where a card's driver lies in the process, a crash may be its own.
        """
        if death.signal in _KILLED_BY_LIMIT and death.cpu_seconds >= self._walls.cpu_seconds - 1:
            return GuestTimedOut(stage)
        if death.signal == signal.SIGKILL:
            return killed_from_outside("guest", death, self._walls.ram_bytes)
        if self._walls.devices and death.signal:
            return CardFailed(stage, f"its process died of signal {death.signal}")
        return SubmissionFault(_broken_at(stage), f"the model's process died while it should {stage}")


def killed_from_outside(what: str, death: GuestDied, ram_bytes: int) -> InfrastructureFault:
    """This host ended a guest that kept to its limits; what it held tells an operator whether memory was short."""
    held = f"it was seen with {death.held_bytes >> 20} of the {ram_bytes >> 20} MiB that it may hold"
    return InfrastructureFault(
        Code.WORKER_ERROR, f"the {what} was killed from outside the sandbox: {held}; where memory ran out, give the worker more"
    )


def _broken_at(stage: GuestStage) -> Code:
    return Code.LOAD_FAILED if stage is GuestStage.LOAD else Code.GENERATION_FAILED


def _spoken(request: Request, frame: Frame, rate: int, seconds: float) -> Spoken:
    match frame.kind:
        case FrameKind.SAMPLE if frame.rate == rate and len(frame.payload) % 2 == 0:
            return Spoken(prompt_id=request.prompt_id, rate=rate, pcm=frame.payload, seconds=seconds)
        case FrameKind.SAMPLE_FAILED:
            return _failed(request, Gate.GENERATION_FAILED, frame, seconds)
        case FrameKind.SAMPLE_NOT_FINITE:
            return _failed(request, Gate.NOT_FINITE, frame, seconds)
        case _:
            raise _answered_wrongly(frame, GuestStage.SAMPLE)


def _failed(request: Request, gate: Gate, frame: Frame, seconds: float) -> Spoken:
    return Spoken(prompt_id=request.prompt_id, rate=0, pcm=b"", seconds=seconds, failure=gate, reason=frame.reason)


def _answered_wrongly(frame: Frame, stage: GuestStage) -> VoiceError | CardFailed:
    """An answer that ends the evaluation, or this guest."""
    match frame.kind:
        case FrameKind.CARD_FAILED:
            return CardFailed(stage, frame.reason)
        case FrameKind.LIBRARY_MISSING:
            return _lacking("a library that the model's family needs", frame)
        case FrameKind.PARTS_UNUSABLE:
            return InfrastructureFault(Code.PART_UNAVAILABLE, f"what is pinned for the family cannot be opened: {frame.reason}")
        case FrameKind.OUT_OF_MEMORY:
            return SubmissionFault(Code.MEMORY_EXCEEDED)
        case FrameKind.SAMPLE_TOO_LARGE:
            return SubmissionFault(Code.OUTPUT_TOO_LARGE)
        case _:
            return SubmissionFault(Code.GENERATION_FAILED, "the model broke the guest's protocol")
