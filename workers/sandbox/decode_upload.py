"""A stranger's sound file becomes PCM inside the sandbox; whether the file or this host is at fault is told apart."""

import io
import math
import wave
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scoring.errors import Code, InfrastructureFault, PlatformError
from workers.sandbox import confinement
from workers.sandbox.confinement import scratch
from workers.sandbox.file_guest import BrokenByFile, FileGuest, Hold, ask, hold_nothing
from workers.sandbox.guest.frames import HIGHEST_RATE, Frame, FrameKind
from workers.sandbox.guest.orders import FileTask
from workers.sandbox.limits import SCRATCH_BYTES
from workers.sandbox.locked_tempdir import locked_tempdir

SECONDS = 20.0
"""Wall-clock and processor time for one file. A minute of FLAC takes a tenth of a second."""
RAM_BYTES = 512 << 20
_KNOWN_SHARE = 0.5
"""A file that is known to be good must be decoded in this share of the time, or the host is to blame."""
_PROGRAM = ("-m", "workers.sandbox.guest.decode")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A sound as a model would have sent it: signed 16-bit little-endian mono at `rate` Hz, not resampled."""

    rate: int
    pcm: bytes


def decode(
    scratch_root: Path,
    upload: bytes,
    most_seconds: float,
    *,
    seconds: float = SECONDS,
    program: Sequence[str] = _PROGRAM,
    hold: Hold = hold_nothing,
) -> Decoded:
    """Decode a WAV, FLAC or OGG file of at most `most_seconds` of sound in a fresh guest under `scratch_root`.

    Raises PlatformError(AUDIO_INVALID) with a sentence on what is wrong with the file, also for one that crashes the decoder or
    keeps it busy for `seconds`, and InfrastructureFault where this host is at fault. `program` is what Python runs as guest;
    only tests name another. `hold` is given the guest while it lives, then None: whoever kills it ends the decoding. No process
    and no file is left behind.
    """
    decoder = FileGuest(
        kind="decoder",
        program=tuple(program),
        ram_bytes=RAM_BYTES,
        scratch_bytes=SCRATCH_BYTES,
        seconds=seconds,
        answer_bytes=2 * math.ceil(most_seconds * HIGHEST_RATE),
        hold=hold,
    )
    root = scratch_root.resolve()
    try:
        return _attempt(root, decoder, upload, most_seconds)
    except BrokenByFile as broken:
        if not _works(root, replace(decoder, seconds=seconds * _KNOWN_SHARE)):
            raise InfrastructureFault(Code.SANDBOX_UNAVAILABLE, "not even a good file is decoded on this host") from broken
        raise PlatformError(Code.AUDIO_INVALID, str(broken)) from broken


def _works(root: Path, decoder: FileGuest) -> bool:
    """Whether a tenth of a second of silence is decoded."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 16_000, 0, "NONE", ""))
        sound.writeframes(bytes(3_200))
    try:
        return _attempt(root, decoder, file.getvalue(), 1.0) == Decoded(16_000, bytes(3_200))
    except (BrokenByFile, PlatformError, InfrastructureFault):
        return False


def _attempt(root: Path, decoder: FileGuest, upload: bytes, most_seconds: float) -> Decoded:
    with locked_tempdir(root, "upload-") as folder, scratch(root) as room:
        file = folder / "upload"
        file.write_bytes(upload)
        walls = confinement.for_file(folder, room, RAM_BYTES, math.ceil(2 * decoder.seconds))
        return _sound(ask(decoder, FileTask(str(file), most_seconds), room, walls))


def _sound(frame: Frame) -> Decoded:
    match frame.kind:
        case FrameKind.SAMPLE if frame.rate > 0 and frame.payload and len(frame.payload) % 2 == 0:
            return Decoded(frame.rate, frame.payload)
        case FrameKind.NOT_LOADED:
            raise PlatformError(Code.AUDIO_INVALID, frame.reason)
        case _:
            raise BrokenByFile("it makes a decoder misbehave")
