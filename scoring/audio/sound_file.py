"""Reads a sound file into mono samples, without torch. Any bytes give either a sound or AUDIO_INVALID with a reason."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from scoring.errors import Code, PlatformError

LOWEST_RATE, HIGHEST_RATE = 8_000, 192_000
"""Hz."""
MOST_SECONDS = 600
MOST_CHANNELS = 64
WAV, FLAC, OGG = b"RIFF", b"fLaC", b"OggS"
"""The first four bytes of the accepted formats: no other parser of the library ever sees a file."""
OGG_PAGE = 65_307
"""Bytes of the largest page; the fifth byte after a page's mark holds its flags, of which 4 says 'the last page'."""
OGG_LAST = 4
SUBTYPES = frozenset({"PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "VORBIS", "OPUS"})
BLOCK = 1 << 18
"""Values read at a time, over all channels."""
UNKNOWN_LENGTH = 0xFFFF_FFFF
"""The length in a WAV file that was written into a pipe; the sound then ends with the file."""

_TORN = re.compile(r"^data : (\d+) \(should be \d+\)", re.MULTILINE)
"""A line of libsndfile's log: the WAV file holds less than its header says."""

Samples = NDArray[np.float32]


def read(source: bytes | Path, most_seconds: float = MOST_SECONDS) -> tuple[Samples, int]:
    """A WAV, FLAC or OGG file, 8 … 192 kHz, up to `most_seconds`, as mono float32 in [-1, 1], and its rate; channels are averaged.

    Integers of 8, 16, 24 and 32 bits and floats; floats beyond full scale are cut off there, as a player does. Raises
    PlatformError(AUDIO_INVALID) with a sentence for anything else: no such file, not audio, another format or encoding, a torn
    header, less sound than the header says, no sample, too long, a rate out of range, NaN or infinite samples.
    """
    try:
        with _opened(source) as file:
            _check_form(file)
            with soundfile.SoundFile(_Tape(file)) as sound:
                _check_header(sound, most_seconds)
                return _read(sound), int(sound.samplerate)
    except soundfile.LibsndfileError as exc:
        raise PlatformError(Code.AUDIO_INVALID, f"the file cannot be decoded: {exc.error_string.rstrip('.')}") from exc
    except OSError as exc:
        raise PlatformError(Code.AUDIO_INVALID, f"the file cannot be read: {exc.strerror}") from exc


@contextmanager
def _opened(source: bytes | Path) -> Iterator[BinaryIO]:
    if isinstance(source, bytes):
        yield io.BytesIO(source)
        return
    if source.exists() and not source.is_file():
        raise PlatformError(Code.AUDIO_INVALID, f"{source} is no file")
    with source.open("rb") as file:
        yield file


class _Tape:
    """A file for libsndfile, which moves to places before the start when a header lies; it is taken to the start instead."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, count: int) -> bytes:
        return self._file.read(count)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._file.tell()}.get(whence)
        if base is None:
            base = self._file.seek(0, io.SEEK_END)
        return self._file.seek(max(0, base + offset))

    def tell(self) -> int:
        return self._file.tell()


def _check_form(file: BinaryIO) -> None:
    """Check the first bytes; and that an OGG file ends with its last page, since no header states its length."""
    mark = file.read(4)
    if mark not in (WAV, FLAC, OGG):
        raise PlatformError(Code.AUDIO_INVALID, "the file is neither WAV nor FLAC nor OGG")
    if mark == OGG:
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - OGG_PAGE))
        _, _, page = file.read().rpartition(OGG)
        if len(page) < 2 or not page[1] & OGG_LAST:
            raise PlatformError(Code.AUDIO_INVALID, "the file breaks off: its last page is missing")
    file.seek(0)


def _check_header(sound: soundfile.SoundFile, most_seconds: float) -> None:
    """Check the header before a sample is read: it may claim anything."""
    torn = _TORN.search(sound.extra_info)
    for wrong, why in (
        (sound.subtype not in SUBTYPES, f"the encoding {sound.subtype} is not accepted"),
        (not LOWEST_RATE <= sound.samplerate <= HIGHEST_RATE, f"a rate of {sound.samplerate} Hz is outside 8 … 192 kHz"),
        (sound.channels > MOST_CHANNELS, f"{sound.channels} channels are more than {MOST_CHANNELS}"),
        (torn is not None and int(torn[1]) != UNKNOWN_LENGTH, "the file holds less sound than its header says"),
        (sound.frames <= 0, "the file holds no samples"),
        (sound.frames > most_seconds * sound.samplerate, f"the sound is longer than {most_seconds:g} seconds"),
    ):
        if wrong:
            raise PlatformError(Code.AUDIO_INVALID, why)


def _read(sound: soundfile.SoundFile) -> Samples:
    """All frames, block by block, as mono float32 [frames]: memory is taken for samples read, never for samples claimed."""
    blocks: list[Samples] = []
    left = int(sound.frames)
    while left > 0:
        block = sound.read(min(left, max(1, BLOCK // sound.channels)), dtype="float32", always_2d=True)
        if block.shape[0] == 0:
            raise PlatformError(Code.AUDIO_INVALID, "the file holds less sound than its header says")
        if not np.isfinite(block).all():
            raise PlatformError(Code.AUDIO_INVALID, "the sound has samples that are NaN or infinite")
        blocks.append(block.clip(-1.0, 1.0).mean(axis=1, dtype=np.float64).astype(np.float32))
        left -= block.shape[0]
    return np.concatenate(blocks)
