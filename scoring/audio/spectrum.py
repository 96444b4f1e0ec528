"""Power over time and frequency: the feature that several judges share."""

import math
from dataclasses import dataclass

import torch

from scoring.audio.audio import Audio

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


def spectrum(audio: Audio, hop_seconds: float = HOP_SECONDS) -> Spectrum:
    """The spectrum of a sound of any rate; one shorter than a frame is padded with silence, a torn last frame left out."""
    size, hop = round(FRAME_SECONDS * audio.rate), round(hop_seconds * audio.rate)
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


def quantile(values: torch.Tensor, share: float) -> torch.Tensor:
    """The smallest value that at least `share` of the rows do not exceed, per column: [rows, …] → […]; exact, of any size.

    >>> quantile(torch.tensor([[1.0, 40.0], [2.0, 30.0], [3.0, 20.0], [4.0, 10.0]]), 0.5)
    tensor([ 2., 20.])
    """
    return values.kthvalue(max(1, math.ceil(share * values.shape[0])), dim=0).values
