"""Sound as tensors: decoding, resampling, loudness, speech activity, and the hiss of a quiet room.

Every function takes any rate from 8 to 192 kHz and any length from no sample to ten minutes.
"""

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

import torch
import torchaudio.functional as F  # noqa: N812  (the name its own documentation uses)

from scoring.audio.sound_file import read

TARGET_LUFS = -23.0
SILENCE_LUFS = -70.0
"""BS.1770's absolute gate, and what silence measures here."""
GATE_SECONDS = 0.4
"""BS.1770's block: anything shorter is padded with silence to one block."""
PEAK = 0.999
"""Normalising never clips: a gain that would is limited to this peak."""
HEADROOM = 0.5
"""The loudness filter lifts treble by 4 dB and cuts off what then exceeds full scale: it is given half the amplitude."""
LOUDNESS_RATE = 48_000
"""Hz: BS.1770's own rate; sound at a higher one is measured here, so that filters keep their precision and memory its bounds."""
MOST_TAPS = 1 << 24
"""Largest table of an interpolating filter. Rates that share no large factor would need gigabytes."""
FRAME_SECONDS = 0.02
HANGOVER_FRAMES = 5
"""Speech keeps 100 ms on each side: soft consonants at a word's edge lie below the floor."""
FLOOR_DBFS = -50.0
"""Frames whose RMS lies below are silence, whatever else the clip holds."""


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """Mono sound: `samples` is float32 [n] in [-1, 1], `rate` in Hz."""

    samples: torch.Tensor
    rate: int

    @property
    def seconds(self) -> float:
        """Length."""
        return self.samples.shape[0] / self.rate


def from_pcm(pcm: bytes, rate: int) -> Audio:
    """Decode signed 16-bit little-endian mono; a torn last sample is dropped."""
    whole = len(pcm) // 2 * 2
    if whole == 0:
        return Audio(torch.zeros(0), rate)
    return Audio(torch.frombuffer(bytearray(pcm[:whole]), dtype=torch.int16).to(torch.float32) / 32768.0, rate)


def from_file(source: bytes | Path) -> Audio:
    """Decode a WAV, FLAC or OGG file, 8 … 192 kHz, up to ten minutes; raises PlatformError(AUDIO_INVALID) with a sentence."""
    samples, rate = read(source)
    return Audio(torch.from_numpy(samples), rate)


def to_pcm(audio: Audio) -> bytes:
    """Signed 16-bit little-endian mono of float32 in [-1, 1]; what `from_pcm` read comes back unchanged."""
    return (audio.samples * 32768.0).round().clamp(-32768, 32767).to(torch.int16).numpy().tobytes()


def resample(audio: Audio, rate: int) -> Audio:
    """The same sound at another rate, ceil(n · new / old) samples: windowed-sinc interpolation, or, for rates whose ratio is no
    ratio of small numbers, interpolation of the whole clip's Fourier series. Raises ValueError for a rate that is not positive.

    >>> resample(Audio(torch.zeros(22_050), 22_050), 16_000).samples.shape
    torch.Size([16000])
    """
    if rate <= 0:
        raise ValueError(f"a rate is positive, not {rate}")
    if rate == audio.rate or audio.samples.shape[0] == 0:
        return Audio(audio.samples, rate)
    shared = math.gcd(audio.rate, rate)
    if (audio.rate // shared) * (rate // shared) > MOST_TAPS:
        return Audio(_interpolate(audio, rate), rate)
    samples: torch.Tensor = F.resample(audio.samples, audio.rate, rate)
    return Audio(samples, rate)


def _interpolate(audio: Audio, rate: int) -> torch.Tensor:
    """The clip, padded to whole seconds, as one period of a Fourier series without what the new rate cannot hold."""
    length = audio.samples.shape[0]
    seconds = math.ceil(audio.seconds)
    series = torch.fft.rfft(audio.samples.to(torch.float64), n=seconds * audio.rate, norm="forward")
    whole: torch.Tensor = torch.fft.irfft(series, n=seconds * rate, norm="forward").to(torch.float32)
    return whole[: math.ceil(length * rate / audio.rate)]


def loudness(audio: Audio) -> float:
    """Integrated loudness in LUFS; -70 for silence, less is softer.

    `-0.691 + 10 lg(mean square of the K-weighted gated blocks of 400 ms)`. Source: ITU-R BS.1770-4, by torchaudio.

    >>> sine = torch.sin(2 * math.pi * 997.0 * torch.arange(96_000) / 48_000)  # BS.1770's own check: 0 dBFS at 997 Hz
    >>> abs(loudness(Audio(sine, 48_000)) - -3.01) < 0.1
    True
    """
    audio = resample(audio, min(audio.rate, LOUDNESS_RATE))
    block = int(GATE_SECONDS * audio.rate) + 1
    missing = max(0, block - audio.samples.shape[0])
    padded = torch.nn.functional.pad(audio.samples, (0, missing)) * HEADROOM
    measured = float(F.loudness(padded[None], audio.rate)) - 20.0 * math.log10(HEADROOM)
    return measured if measured > SILENCE_LUFS else SILENCE_LUFS  # NaN (no block above the gate) fails the comparison too


def normalise(audio: Audio, target: float = TARGET_LUFS) -> Audio:
    """The same sound at a loudness in LUFS, or as loud as its peaks allow; silence stays silence."""
    measured = loudness(audio)
    if measured <= SILENCE_LUFS:
        return audio
    gain = min(10.0 ** ((target - measured) / 20.0), PEAK / float(audio.samples.abs().max()))
    return Audio(audio.samples * gain, audio.rate)


def activity(audio: Audio, floor: float = FLOOR_DBFS) -> torch.Tensor:
    """Mark the 20 ms frames that hold speech: bool [ceil(n / frame)], by energy against an absolute floor in dBFS, with a hangover.

    Each frame's own mean is taken off first: an offset of the zero line is no speech.
    """
    frame = round(FRAME_SECONDS * audio.rate)
    missing = -audio.samples.shape[0] % frame
    frames = torch.nn.functional.pad(audio.samples, (0, missing)).reshape(-1, frame)
    loud: torch.Tensor = (frames - frames.mean(dim=1, keepdim=True)).square().mean(dim=1) > 10.0 ** (floor / 10.0)
    if loud.shape[0] == 0:
        return loud
    width = 2 * HANGOVER_FRAMES + 1
    near: torch.Tensor = torch.nn.functional.max_pool1d(loud.to(torch.float32)[None], width, stride=1, padding=HANGOVER_FRAMES)[0]
    return near.bool()


def speech_seconds(audio: Audio, floor: float = FLOOR_DBFS) -> float:
    """Time covered by speech."""
    return int(activity(audio, floor).sum()) * FRAME_SECONDS


def trim(audio: Audio, floor: float = FLOOR_DBFS) -> Audio:
    """The sound from the first to the last frame of speech; empty if there is none."""
    first, last = speech_span(audio, floor)
    return Audio(audio.samples[first:last], audio.rate)


def speech_span(audio: Audio, floor: float = FLOOR_DBFS) -> tuple[int, int]:
    """The first sample of the first frame of speech, and the one after the last; (0, 0) if there is none."""
    active = activity(audio, floor).nonzero()
    if active.shape[0] == 0:
        return 0, 0
    frame = round(FRAME_SECONDS * audio.rate)
    return int(active[0]) * frame, (int(active[-1]) + 1) * frame


def noise_floor(length: int, steps: int) -> torch.Tensor:
    """The hiss of a quiet room: the same for every clip, float32 [length], uniform over the whole numbers of [-steps, steps), steps ≤ 128.

    For judges that were trained on recordings and are led astray by digital silence. Whole numbers from a hash: no machine rounds them.
    """
    drawn = torch.frombuffer(bytearray(hashlib.shake_256(b"hiss").digest(max(1, length))), dtype=torch.uint8)[:length]
    return (drawn % (2 * steps)).to(torch.float32) - steps
