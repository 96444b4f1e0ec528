"""A clip and its derived features: each is computed once, when first asked for, and shared by all judges."""

import torch

from scoring.audio.audio import FLOOR_DBFS, TARGET_LUFS, Audio, loudness, normalise, resample, trim
from scoring.audio.clip import Spectrum, spectrum

RATE = 16_000
"""Hz: the judges' own rate."""


class Clip:
    """A clip of one utterance. Features are computed when first asked for and then kept with the clip."""

    def __init__(self, audio: Audio) -> None:
        self.audio = audio
        self._resampled: dict[int, Audio] = {audio.rate: audio}
        self._lufs: float | None = None
        self._trimmed: Audio | None = None
        self._level: Audio | None = None
        self._spectrum: Spectrum | None = None

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
        if self._trimmed is None:
            self._trimmed = trim(self.at(RATE), self.floor)
        return self._trimmed

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
    def samples(self) -> torch.Tensor:
        """The clip as it was sent: float32 [n] in [-1, 1]."""
        return self.audio.samples
