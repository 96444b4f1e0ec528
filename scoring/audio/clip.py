"""A clip and its derived features, power over time and frequency among them: each is computed once and shared by all judges."""

from dataclasses import dataclass

import torch

from scoring.audio.audio import FLOOR_DBFS, TARGET_LUFS, Audio, loudness, normalise, resample, speech_span
from scoring.audio.pitch import PitchTrack, track

RATE = 16_000
"""Hz: the judges' own rate."""

FRAME_SECONDS, HOP_SECONDS = 0.032, 0.008
"""Hann windows that part the harmonics of any voice above 95 Hz; 125 frames per second."""
SILENCE = 1e-14
"""Power below which a cell holds nothing: 140 dB under full scale, far below the rounding of 16-bit samples."""
ACTIVE_DB = 40.0
"""Frames this much weaker than the loudest one are pauses."""
LOWEST_HZ = 80.0
"""Sound below is no voice; an offset of the zero line or a rumble must not look like speech."""


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """`power`: float64 [frames, bins], bin k at k · `step` Hz; a frame's bins add up to its mean square (full scale = 1)."""

    power: torch.Tensor
    step: float

    def band(self, low: float, high: float) -> torch.Tensor:
        """The bins from `low` to below `high` Hz, at least one: [frames, n]."""
        first = min(round(low / self.step), self.power.shape[1] - 1)
        return self.power[:, first : max(first + 1, round(high / self.step))]

    @property
    def frames(self) -> torch.Tensor:
        """Power of each frame in the voice's range: [frames]."""
        return self.band(LOWEST_HZ, self.step * self.power.shape[1]).sum(dim=1)

    def active(self) -> "Spectrum":
        """The frames that are no pauses; at least one."""
        power = self.frames
        return Spectrum(self.power[power >= power.max() * 10.0 ** (-ACTIVE_DB / 10.0)], self.step)


def spectrum(audio: Audio, hop_seconds: float = HOP_SECONDS, frame_seconds: float = FRAME_SECONDS) -> Spectrum:
    """The spectrum of a sound of any rate; one shorter than a frame is padded with silence, a torn last frame left out."""
    size, hop = round(frame_seconds * audio.rate), round(hop_seconds * audio.rate)
    points = 1 << (size - 1).bit_length()
    wave = audio.samples.to(torch.float64)
    missing = max(0, size - wave.shape[0])
    frames = torch.nn.functional.pad(wave, (0, missing)).unfold(0, size, hop)
    window = torch.hann_window(size, dtype=torch.float64)
    found = torch.fft.rfft(frames * window, n=points)
    power = (found.real.square() + found.imag.square()) * (2.0 / (points * float(window.square().sum())))
    power[:, 0] /= 2.0  # the zero line has no mirror image
    return Spectrum(power, audio.rate / points)


def decibels(power: torch.Tensor) -> torch.Tensor:
    """`10 lg(power)`, with a floor at `SILENCE`.

    >>> decibels(torch.tensor([1.0, 0.01, 0.0], dtype=torch.float64))
    tensor([   0.,  -20., -140.], dtype=torch.float64)
    """
    return 10.0 * torch.log10(power.clamp(min=SILENCE))


class Clip:
    """A clip of one utterance. Features are computed when first asked for and then kept with the clip."""

    def __init__(self, audio: Audio) -> None:
        self.audio = audio
        self._resampled: dict[int, Audio] = {audio.rate: audio}
        self._lufs: float | None = None
        self._span: tuple[int, int] | None = None
        self._level: Audio | None = None
        self._spectrum: Spectrum | None = None
        self._pitch: PitchTrack | None = None

    def at(self, rate: int) -> Audio:
        """The clip at another rate."""
        if rate not in self._resampled:
            self._resampled[rate] = resample(self.audio, rate)
        return self._resampled[rate]

    @property
    def lufs(self) -> float:
        """Integrated loudness in LUFS of what the judges can hear: a whistle at 15 kHz makes no voice louder."""
        if self._lufs is None:
            self._lufs = loudness(self.at(RATE))
        return self._lufs

    @property
    def floor(self) -> float:
        """Level in dBFS below which the clip is silent at the judges' rate: -50 when it is at -23 LUFS. Gain moves no border of speech."""
        return FLOOR_DBFS + self.lufs - TARGET_LUFS

    @property
    def speech(self) -> Audio:
        """The clip at the judges' rate, from the first to the last frame above `floor`."""
        first, last = self._borders
        return Audio(self.at(RATE).samples[first:last], RATE)

    @property
    def speech_start(self) -> float:
        """Seconds of the clip before `speech`."""
        return self._borders[0] / RATE

    @property
    def _borders(self) -> tuple[int, int]:
        if self._span is None:
            self._span = speech_span(self.at(RATE), self.floor)
        return self._span

    @property
    def level(self) -> Audio:
        """`speech` at -23 LUFS: what every judge hears that must not care about loudness."""
        if self._level is None:
            self._level = normalise(self.speech)
        return self._level

    @property
    def spectrum(self) -> Spectrum:
        """Power over time and frequency of `level`."""
        if self._spectrum is None:
            self._spectrum = spectrum(self.level)
        return self._spectrum

    @property
    def pitch(self) -> PitchTrack:
        """Pitch of `level`, frame by frame."""
        if self._pitch is None:
            self._pitch = track(self.level)
        return self._pitch

    @property
    def samples(self) -> torch.Tensor:
        """The clip as it was sent: float32 [n] in [-1, 1]."""
        return self.audio.samples
