"""A stored clip in memory, its rate changed for a codec, and its loudness. Numbers alone: the API has no torch."""

import io
import math
from dataclasses import dataclass

import numpy as np
import soundfile
from numpy.typing import NDArray

from scoring.audio.sound_file import read

OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)
"""Hz that the codec takes."""
LOUDNESS_RATE = 48_000
"""Hz at which BS.1770 states its filters."""
KBITS = 48
"""Kilobits a second of one voice in the small copy: where listeners no longer tell the codec from the clip."""
_MOST_KBITS, _LEAST_KBITS = 256.0, 6.0
"""The codec's range for one channel, which libsndfile spreads over its compression levels 0 … 1."""
_BLOCK_SECONDS, _STEP_SECONDS = 0.4, 0.1
_ABSOLUTE_GATE, _RELATIVE_GATE = -70.0, -10.0
SILENT = _ABSOLUTE_GATE
"""LUFS: what silence measures here."""
_TAIL_SECONDS = 1
"""Silence behind the clip in which the filter's answer dies away."""

# ITU-R BS.1770-4, tables 1 and 2: the shelf of a head, then the high pass, as (b, a) at 48 kHz.
_FILTERS = (
    ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585)),
    ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621)),
)

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """Mono sound: `samples` is float32 [n] in [-1, 1], `rate` in Hz."""

    samples: Samples
    rate: int

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self.samples) / self.rate


def decoded(flac: bytes, most_seconds: float) -> Sound:
    """The sound of a stored file; raises PlatformError(AUDIO_INVALID) for what is none, or longer."""
    return Sound(*read(flac, most_seconds))


def resampled(sound: Sound, rate: int) -> Sound:
    """The same sound at another rate: its Fourier series over whole seconds, without what the new rate cannot hold.

    >>> resampled(Sound(np.zeros(22_050, np.float32), 22_050), 48_000).samples.shape
    (48000,)
    """
    if rate == sound.rate:
        return sound
    series, seconds = _series(sound)
    return Sound(_wave(series, seconds, rate)[: math.ceil(len(sound.samples) * rate / sound.rate)].astype(np.float32), rate)


def opus(sound: Sound) -> bytes:
    """The sound as Opus in Ogg at about `KBITS` kbit/s, at its own rate where the codec takes that, else at 48 kHz."""
    fit = sound if sound.rate in OPUS_RATES else resampled(sound, OPUS_RATES[-1])
    level = (_MOST_KBITS - KBITS) / (_MOST_KBITS - _LEAST_KBITS)
    file = io.BytesIO()
    soundfile.write(file, fit.samples, fit.rate, format="OGG", subtype="OPUS", compression_level=level)
    return file.getvalue()


def loudness(sound: Sound) -> float:
    """Integrated loudness in LUFS; -70 for silence, less is softer.

    `-0.691 + 10 lg(mean square of the K-weighted blocks of 400 ms)` over blocks above -70 LUFS, and not 10 LU below the mean of
    those. A clip shorter than a block is one with silence behind it. Source: ITU-R BS.1770-4.

    >>> sine = np.sin(2 * np.pi * 997.0 * np.arange(96_000) / 48_000).astype(np.float32)  # its own check: 0 dBFS at 997 Hz
    >>> abs(loudness(Sound(sine, 48_000)) - -3.01) < 0.05
    True
    """
    power = _block_powers(_weighted(sound))
    loud = power[_lufs(power) > _ABSOLUTE_GATE]
    if loud.size == 0:
        return SILENT
    gate = float(_lufs(loud.mean())) + _RELATIVE_GATE
    return max(SILENT, float(_lufs(loud[_lufs(loud) > gate].mean())))


def _weighted(sound: Sound) -> NDArray[np.float64]:
    """The clip at 48 kHz as a head hears it. The filters are applied to the series, where they are one product a frequency."""
    series, seconds = _series(sound, _TAIL_SECONDS)
    hertz = np.arange(min(len(series), seconds * LOUDNESS_RATE // 2 + 1)) / seconds
    turn = np.exp(-2j * np.pi * hertz / LOUDNESS_RATE)
    heard = series[: len(hertz)]
    for above, below in _FILTERS:
        heard = heard * np.polyval(above[::-1], turn) / np.polyval(below[::-1], turn)
    length = max(math.ceil(sound.seconds * LOUDNESS_RATE), round(_BLOCK_SECONDS * LOUDNESS_RATE))
    return _wave(heard, seconds, LOUDNESS_RATE)[:length]


def _block_powers(wave: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean square of each block of 400 ms, every 100 ms."""
    size, step = round(_BLOCK_SECONDS * LOUDNESS_RATE), round(_STEP_SECONDS * LOUDNESS_RATE)
    sums = np.concatenate(([0.0], np.cumsum(np.square(wave))))
    starts = np.arange(0, len(wave) - size + 1, step)
    return np.maximum((sums[starts + size] - sums[starts]) / size, 0.0)


def _lufs(power: NDArray[np.float64] | np.float64) -> NDArray[np.float64]:
    return np.asarray(-0.691 + 10.0 * np.log10(np.maximum(power, 1e-12)))


def _series(sound: Sound, tail: int = 0) -> tuple[NDArray[np.complex128], int]:
    """The Fourier series of a clip with silence behind it to whole seconds, and `tail` more; and how many seconds those are."""
    seconds = math.ceil(sound.seconds) + tail
    return np.fft.rfft(sound.samples.astype(np.float64), n=seconds * sound.rate, norm="forward"), seconds


def _wave(series: NDArray[np.complex128], seconds: int, rate: int) -> NDArray[np.float64]:
    return np.asarray(np.fft.irfft(series, n=seconds * rate, norm="forward"))
