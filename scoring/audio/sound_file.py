"""Reads a sound file into mono samples, without torch. Any bytes give either a sound or AUDIO_INVALID with a reason."""

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from scoring.audio.containers import StreamFile, invalid, streams

LOWEST_RATE, HIGHEST_RATE = 8_000, 192_000
"""Hz."""
MOST_SECONDS = 600
MOST_CHANNELS = 64
SUBTYPES = frozenset({"PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "VORBIS", "OPUS"})
BLOCK = 1 << 18
"""Values read at a time, over all channels."""
NO_FRAMES = 1 << 40
"""More frames than any file holds: the decoder says so of a stream that states none."""

Samples = NDArray[np.float32]


def read(source: bytes | Path, most_seconds: float = MOST_SECONDS) -> tuple[Samples, int]:
    """A WAV, FLAC or OGG file, 8 … 192 kHz, up to `most_seconds`, as mono float32 in [-1, 1], and its rate; channels are averaged.

    Integers of 8, 16, 24 and 32 bits and floats; floats beyond full scale are cut off there, as a player does. Tags in front are
    skipped, streams in a row are one sound, a stream without a stated length ends with the file. Raises PlatformError(AUDIO_INVALID)
    with a sentence for anything else: no such file, not audio, another format or encoding, a torn header, less sound than the header
    says, no sample, too long, a rate out of range or that changes, NaN or infinite samples.
    """
    try:
        with _opened(source) as file:
            return _read_all(file, most_seconds)
    except soundfile.LibsndfileError as exc:
        raise invalid(f"the file cannot be decoded: {exc.error_string.rstrip('.')}") from exc
    except OSError as exc:
        raise invalid(f"the file cannot be read: {exc.strerror}") from exc


@contextmanager
def _opened(source: bytes | Path) -> Iterator[BinaryIO]:
    if isinstance(source, bytes):
        yield io.BytesIO(source)
        return
    if source.exists() and not source.is_file():
        raise invalid(f"{source} is no file")
    with source.open("rb") as file:
        yield file


class _Forward(soundfile.SoundFile):  # type: ignore[misc]  # the library has no types
    """A sound that is read once, from its start to its end: a stream that states no length cannot be searched."""

    def seekable(self) -> bool:
        return False


def _read_all(file: BinaryIO, most_seconds: float) -> tuple[Samples, int]:
    """All streams of a file as one sound."""
    parts: list[Samples] = []
    rates: set[int] = set()
    for stream in streams(file):
        with _Forward(StreamFile(file, stream)) as sound:
            rate = int(sound.samplerate)
            rates.add(rate)
            before = sum(part.shape[0] for part in parts)
            _check_header(sound, most_seconds, before)
            if len(rates) > 1:
                raise invalid(f"it holds several sounds, of {' and '.join(str(one) for one in sorted(rates))} Hz")
            parts.append(_read(sound, most_seconds, before))
    return np.concatenate(parts), rate


def _check_header(sound: soundfile.SoundFile, most_seconds: float, before: int) -> None:
    """Check the header before a sample is read: it may claim anything. `before` frames were read of earlier streams."""
    frames = 1 if sound.frames >= NO_FRAMES else int(sound.frames)
    for wrong, why in (
        (sound.subtype not in SUBTYPES, f"the encoding {sound.subtype} is not accepted"),
        (not LOWEST_RATE <= sound.samplerate <= HIGHEST_RATE, f"a rate of {sound.samplerate} Hz is outside 8 … 192 kHz"),
        (sound.channels > MOST_CHANNELS, f"{sound.channels} channels are more than {MOST_CHANNELS}"),
        (frames <= 0, "the file holds no samples"),
        (before + frames > most_seconds * sound.samplerate, _too_long(most_seconds)),
    ):
        if wrong:
            raise invalid(why)


def _too_long(most_seconds: float) -> str:
    return f"the sound is longer than {most_seconds:g} seconds"


def _read(sound: soundfile.SoundFile, most_seconds: float, before: int) -> Samples:
    """All frames, block by block, as mono float32 [frames]: memory is taken for samples read, never for samples claimed."""
    blocks: list[Samples] = []
    stated = sound.frames < NO_FRAMES
    left = int(sound.frames) if stated else math.floor(most_seconds * sound.samplerate) - before + 1
    while left > 0:
        block = sound.read(min(left, max(1, BLOCK // sound.channels)), dtype="float32", always_2d=True)
        if block.shape[0] == 0:
            break
        if not np.isfinite(block).all():
            raise invalid("the sound has samples that are NaN or infinite")
        blocks.append(block.clip(-1.0, 1.0).mean(axis=1, dtype=np.float64).astype(np.float32))
        left -= block.shape[0]
    if stated and left > 0:
        raise invalid("the file holds less sound than its header says")
    if not stated and left <= 0:
        raise invalid(_too_long(most_seconds))
    if not blocks:
        raise invalid("the file holds no samples")
    return np.concatenate(blocks)
