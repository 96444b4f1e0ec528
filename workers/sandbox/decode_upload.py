"""A stranger's sound file becomes PCM inside the sandbox; whether the file or this host is at fault is told apart."""

import io
import math
import signal
import time
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scoring.errors import Code, InfrastructureFault, PlatformError
from workers.sandbox import confinement, conversation
from workers.sandbox.confinement import scratch
from workers.sandbox.guest.frames import MAX_RATE, Frame, FrameKind, Malformed
from workers.sandbox.guest.orders import FileTask
from workers.sandbox.guest_process import DeadlinePassed, GuestDied, GuestProcess, TooManyThreads, TooMuchMemory
from workers.sandbox.locked_tempdir import locked_tempdir

SECONDS = 20.0
"""Wall-clock and processor time for one file. A minute of FLAC takes a tenth of a second."""
RAM_BYTES = 512 << 20
_KNOWN_SHARE = 0.5
"""A file that is known to be good must be decoded in this share of the time, or the host is to blame."""
_PROGRAM = ("-m", "workers.sandbox.guest.decode")

Hold = Callable[[GuestProcess | None], None]


@dataclass(frozen=True, slots=True)
class Decoded:
    """A sound as a model would have sent it: signed 16-bit little-endian mono at `rate` Hz, not resampled."""

    rate: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class _Decoder:
    """The guest that decodes: where it runs, as which program, and by whom it can be ended."""

    root: Path
    program: tuple[str, ...]
    hold: Hold


class _Broken(Exception):
    """The decoder did not survive the file. What this says of the file holds only if a good file is decoded."""


def decode(
    scratch_root: Path,
    upload: bytes,
    most_seconds: float,
    *,
    seconds: float = SECONDS,
    program: Sequence[str] = _PROGRAM,
    hold: Hold = lambda _guest: None,
) -> Decoded:
    """Decode a WAV, FLAC or OGG file of at most `most_seconds` of sound in a fresh guest under `scratch_root`.

    Raises PlatformError(AUDIO_INVALID) with a sentence on what is wrong with the file, also for one that crashes the decoder or
    keeps it busy for `seconds`, and InfrastructureFault where this host is at fault. `program` is what Python runs as guest;
    only tests name another. `hold` is given the guest while it lives, then None: whoever kills it ends the decoding. No process
    and no file is left behind.
    """
    decoder = _Decoder(scratch_root.resolve(), tuple(program), hold)
    try:
        return _attempt(decoder, upload, most_seconds, seconds)
    except _Broken as broken:
        if not _works(decoder, seconds * _KNOWN_SHARE):
            raise InfrastructureFault(Code.SANDBOX_UNAVAILABLE, "not even a good file is decoded on this host") from broken
        raise PlatformError(Code.AUDIO_INVALID, str(broken)) from broken


def _works(decoder: _Decoder, seconds: float) -> bool:
    """Whether a tenth of a second of silence is decoded."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 16_000, 0, "NONE", ""))
        sound.writeframes(bytes(3_200))
    try:
        return _attempt(decoder, file.getvalue(), 1.0, seconds) == Decoded(16_000, bytes(3_200))
    except (_Broken, PlatformError, InfrastructureFault):
        return False


def _attempt(decoder: _Decoder, upload: bytes, most_seconds: float, seconds: float) -> Decoded:
    with locked_tempdir(decoder.root, "upload-") as folder, scratch(decoder.root) as room:
        file = folder / "upload"
        file.write_bytes(upload)
        walls = confinement.for_file(folder, room, RAM_BYTES, math.ceil(2 * seconds))
        try:
            guest = GuestProcess(decoder.program, room, 1, RAM_BYTES, confinement.SCRATCH_BYTES)
        except OSError as exc:
            raise InfrastructureFault(Code.SANDBOX_UNAVAILABLE, f"no guest can be started: {exc.strerror}") from exc
        try:
            with guest:
                decoder.hold(guest)
                conversation.confine(guest, walls)
                conversation.prepare(guest, FileTask(str(file), most_seconds), "the decoder")
                return _sound(_answer(guest, most_seconds, seconds))
        finally:
            decoder.hold(None)


def _answer(guest: GuestProcess, most_seconds: float, seconds: float) -> Frame:
    busy = f"it keeps a decoder busy for more than {seconds:g} s"
    try:
        return guest.receive(time.monotonic() + seconds, 2 * math.ceil(most_seconds * MAX_RATE))
    except DeadlinePassed as exc:
        raise _Broken(busy) from exc
    except TooMuchMemory as exc:
        raise _Broken(f"it takes a decoder more than {RAM_BYTES >> 20} MiB of memory") from exc
    except GuestDied as death:
        if death.signal == signal.SIGKILL and death.cpu_seconds >= seconds:
            raise _Broken(busy) from death
        if death.signal == signal.SIGKILL:  # a guest cannot send it to itself
            raise InfrastructureFault(Code.WORKER_ERROR, "the decoder was killed from outside the sandbox") from death
        raise _Broken("it crashes a decoder") from death
    except (TooManyThreads, Malformed) as exc:
        raise _Broken("it makes a decoder misbehave") from exc


def _sound(frame: Frame) -> Decoded:
    match frame.kind:
        case FrameKind.SAMPLE if frame.rate > 0 and frame.payload and len(frame.payload) % 2 == 0:
            return Decoded(frame.rate, frame.payload)
        case FrameKind.NOT_LOADED:
            raise PlatformError(Code.AUDIO_INVALID, frame.reason)
        case FrameKind.OUT_OF_MEMORY:
            raise _Broken(f"it takes a decoder more than {RAM_BYTES >> 20} MiB of memory")
        case _:
            raise _Broken("it makes a decoder misbehave")
