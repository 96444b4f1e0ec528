"""Mel bands on Slaney's scale, as librosa and the networks that were trained with it have them."""

import math
from functools import cache

import torch

from scoring.audio.clip import RATE

KNEE_HZ, KNEE_MEL = 1000.0, 15.0
"""Slaney's scale is linear (200/3 Hz per mel) up to the knee and logarithmic (27 mels for a factor 6.4) above."""
LOG_STEP = math.log(6.4) / 27.0


@cache
def mel_bank(points: int, bands: int) -> torch.Tensor:
    """Triangles of unit area over the power spectrum of a transform of so many points at 16 kHz: float64 [points // 2 + 1, bands].

    >>> mel_bank(400, 40).shape, bool((mel_bank(400, 40).sum(dim=0) * RATE / 400 - 1.0).abs().max() < 0.2)  # each has area 1
    (torch.Size([201, 40]), True)
    """
    edges = _mel_to_hz(torch.linspace(0.0, _hz_to_mel(RATE / 2), bands + 2, dtype=torch.float64))
    bins = torch.arange(points // 2 + 1, dtype=torch.float64) * RATE / points
    rising = (bins[:, None] - edges[None, :-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[None, 2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    return torch.minimum(rising, falling).clamp(min=0.0) * (2.0 / (edges[2:] - edges[:-2]))


def _hz_to_mel(hertz: float) -> float:
    """For frequencies above the knee."""
    return KNEE_MEL + math.log(hertz / KNEE_HZ) / LOG_STEP


def _mel_to_hz(mel: torch.Tensor) -> torch.Tensor:
    return torch.where(mel < KNEE_MEL, mel * (KNEE_HZ / KNEE_MEL), KNEE_HZ * torch.exp(LOG_STEP * (mel - KNEE_MEL)))
