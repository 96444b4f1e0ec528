"""The formats in which a sentence can be had: written by libsndfile from the FLAC file that the worker kept."""

import io
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
import soundfile
from numpy.typing import NDArray

PCM_RATE = 24_000
"""Hz of a file without a header, as OpenAI's clients expect it."""
_BLOCK_SECONDS = 1
_KEPT = 16
"""Files of the last answers: players ask for parts of one, one after the other."""
_PADDING_SECONDS = 0.05


class SoundFormat(StrEnum):
    """A kind of sound file, by the name that clients give it."""

    FLAC = "flac"
    WAV = "wav"
    OPUS = "opus"
    MP3 = "mp3"
    PCM = "pcm"


@dataclass(frozen=True, slots=True)
class FormatTraits:
    """A format's media type, its name and encoding in libsndfile, and the rates in Hz that it takes (none: any)."""

    media_type: str
    container: str
    encoding: str
    rates: tuple[int, ...] = ()


TRAITS = {
    SoundFormat.FLAC: FormatTraits("audio/flac", "FLAC", "PCM_16"),
    SoundFormat.WAV: FormatTraits("audio/wav", "WAV", "PCM_16"),
    SoundFormat.OPUS: FormatTraits("audio/ogg", "OGG", "OPUS", (24_000, 48_000)),
    SoundFormat.MP3: FormatTraits("audio/mpeg", "MP3", "MPEG_LAYER_III", (16_000, 22_050, 24_000, 32_000, 44_100, 48_000)),
    SoundFormat.PCM: FormatTraits("audio/pcm", "RAW", "PCM_16", (PCM_RATE,)),
}
SOUNDS = {traits.media_type: {"schema": {"type": "string", "format": "binary"}} for traits in TRAITS.values()}
"""The media types of all formats, as OpenAPI describes an answer's content."""


@lru_cache(maxsize=_KEPT)
def encode(flac: bytes, wanted: SoundFormat, comment: str) -> bytes:
    """A FLAC file of ours (mono, 16 bits) in another format, with a comment where the format has room for one.

    Its rate stays where the format takes it; else it is changed to the lowest that keeps everything, or to the highest there is.
    """
    with soundfile.SoundFile(io.BytesIO(flac)) as file:
        samples, rate = file.read(dtype="float64"), int(file.samplerate)
    traits = TRAITS[wanted]
    if traits.rates and rate not in traits.rates:
        target = min((each for each in traits.rates if each >= rate), default=max(traits.rates))
        samples, rate = resampled(samples, rate, target), target
    written = io.BytesIO()
    kind = {"format": traits.container, "subtype": traits.encoding}
    with soundfile.SoundFile(written, "w", samplerate=rate, channels=1, **kind) as file:
        if wanted is not SoundFormat.PCM:
            # The library writes an MP3's tag as if every byte were a character.
            file.comment = comment.encode("ascii", "replace").decode() if wanted is SoundFormat.MP3 else comment
        for start in range(0, samples.size, rate * _BLOCK_SECONDS):  # the encoder of Opus overflows the stack with more at once
            file.write(samples[start : start + rate * _BLOCK_SECONDS])
    return written.getvalue()


def resampled(samples: NDArray[np.float64], rate: int, target: int) -> NDArray[np.float64]:
    """A sound, shape (n,), at another rate: its spectrum cut off at the lower Nyquist frequency, or continued by nothing.

    Silence is added at both ends meanwhile: the spectrum takes the end for the neighbour of the beginning.
    """
    step = rate // np.gcd(rate, target)
    padding = step * int(np.ceil(_PADDING_SECONDS * rate / step))
    length = step * int(np.ceil((samples.size + 2 * padding) / step))
    padded = np.zeros(length)
    padded[padding : padding + samples.size] = samples
    wanted = length * target // rate
    spectrum = np.fft.rfft(padded)
    kept = np.zeros(wanted // 2 + 1, dtype=complex)
    shared = min(spectrum.size, kept.size)
    kept[:shared] = spectrum[:shared]
    said = np.fft.irfft(kept, wanted) * (wanted / length)
    begin = padding * target // rate
    end = begin + int(np.ceil(samples.size * target / rate))
    return np.asarray(np.clip(said[begin:end], -1.0, 1.0), dtype=np.float64)
