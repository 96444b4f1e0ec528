"""Ripples of a voice's mean spectrum: the trace of one linear filter behind every clip, as it folds into a vocoder's last layer.

The mean log spectrum of many sounds is the mean of what was said plus the log response of whatever filter stands behind all of it
(cepstral mean, Atal 1974). Formants are wide and change with the sound; a filter that was learnt against a judge is narrow, and stays.
"""

import math
from collections.abc import Iterable

import torch

from scoring.audio.audio import Audio, resample
from scoring.audio.clip import RATE

WINDOW, HOP = 1_024, 256
"""Samples of a frame at 16 kHz, and from one to the next."""
BAND = (300.0, 7_000.0)
"""Hz that are looked at: a line's edges are none of a voice's."""
QUEFRENCIES = (0.0015, 0.0025)
"""Seconds: ripples of one in 670 … 400 Hz. Wider ones are formants; narrower ones may be the harmonics of a high voice."""
LOUD = 1e-3
"""Frames with less than this share of the loudest one's energy are pauses."""
FLOOR = 1e-8
"""Of a clip's strongest bin, so that a silent bin has a logarithm."""
EMPHASIS = 0.95
LEAST_CLIPS = 8
"""Fewer clips say too few different sounds for a mean."""


def ripples(clips: Iterable[Audio]) -> float | None:
    """Root mean square of the ripples in the mean log power spectrum of all clips, in dB, 0 …; None of fewer than `LEAST_CLIPS`.

    By `make study-flags`: people, neural and formant voices .2 … .7; equalisers of 65 and 512 taps that were learnt against the judges
    1.0 … 3.7, behind whichever voice.
    """
    spectra = [spectrum for spectrum in (_levels(resample(clip, RATE).samples) for clip in clips) if spectrum.shape[1]]
    if len(spectra) < LEAST_CLIPS:
        return None
    mean = torch.cat(spectra, dim=1).mean(dim=1)  # float64 [bins]
    first, last = (round(edge * WINDOW / RATE) for edge in BAND)
    line = mean[first:last] - mean[first:last].mean()
    return float((_cosines(line.shape[0]) @ line).square().sum().div(2).sqrt())


def _levels(wave: torch.Tensor) -> torch.Tensor:
    """Levels in dB of a clip's loud frames: float64 [bins, frames]; none of a clip that is silent or shorter than a frame."""
    if wave.shape[0] < WINDOW or not bool(wave.any()):
        return torch.empty(WINDOW // 2 + 1, 0, dtype=torch.float64)
    flat = torch.cat([wave[:1], wave[1:] - EMPHASIS * wave[:-1]])
    window = torch.hann_window(WINDOW, dtype=flat.dtype)
    power = torch.stft(flat, WINDOW, HOP, window=window, center=False, return_complex=True).abs().square().double()
    energy = power.sum(dim=0)
    loud = power[:, energy > energy.max() * LOUD]
    levels: torch.Tensor = 10.0 * torch.log10(loud + loud.max() * FLOOR)
    return levels


def _cosines(bins: int) -> torch.Tensor:
    """The rows of a type II cosine transform whose quefrencies are asked for: float64 [ripples, bins]."""
    width = bins * RATE / WINDOW  # Hz
    rows = range(math.ceil(QUEFRENCIES[0] * 2 * width), math.ceil(QUEFRENCIES[1] * 2 * width))
    places = torch.arange(bins, dtype=torch.float64) + 0.5
    return torch.stack([torch.cos(math.pi * row * places / bins) * 2.0 / bins for row in rows])
