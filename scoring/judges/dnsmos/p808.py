"""The input of DNSMOS's P.808 network: a mel spectrogram in decibels below its maximum."""

import math
from functools import cache

import torch

from scoring.audio.clip import RATE

FFT, HOP, MELS = 321, 160, 120
"""321-point frames each 10 ms, 120 mel bands on Slaney's scale."""
FLOOR = 1e-10
DYNAMIC_DB = 80.0
KNEE_HZ, KNEE_MEL = 1000.0, 15.0
"""Slaney's scale is linear (200/3 Hz per mel) up to the knee and logarithmic (27 mels for a factor 6.4) above."""
LOG_STEP = math.log(6.4) / 27.0


def log_mel(wave: torch.Tensor) -> torch.Tensor:
    """Features float32 [frames, 120] of a wave [samples] at 16 kHz, as (dB + 40) / 40, in [-1, 1].

    One wave at a time: a matrix product over a whole batch may round differently than over one.
    """
    padded = torch.nn.functional.pad(wave.to(torch.float64), (FFT // 2, FFT // 2))
    spectrum = torch.fft.rfft(padded.unfold(-1, FFT, HOP) * _window())  # [frames, 161]
    power = spectrum.real.square() + spectrum.imag.square()
    decibels = 10.0 * torch.log10((power @ _mel_bank()).clamp(min=FLOOR))
    below = (decibels - decibels.max()).clamp(min=-DYNAMIC_DB)
    return ((below + 40.0) / 40.0).to(torch.float32)


@cache
def _window() -> torch.Tensor:
    return torch.hann_window(FFT, dtype=torch.float64)


@cache
def _mel_bank() -> torch.Tensor:
    """Triangles of unit area on Slaney's mel scale: float64 [161, 120]."""
    edges = _mel_to_hz(torch.linspace(0.0, _hz_to_mel(RATE / 2), MELS + 2, dtype=torch.float64))
    bins = torch.arange(FFT // 2 + 1, dtype=torch.float64) * RATE / FFT
    rising = (bins[:, None] - edges[None, :-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[None, 2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    return torch.minimum(rising, falling).clamp(min=0.0) * (2.0 / (edges[2:] - edges[:-2]))


def _hz_to_mel(hertz: float) -> float:
    """For frequencies above the knee."""
    return KNEE_MEL + math.log(hertz / KNEE_HZ) / LOG_STEP


def _mel_to_hz(mel: torch.Tensor) -> torch.Tensor:
    return torch.where(mel < KNEE_MEL, mel * (KNEE_HZ / KNEE_MEL), KNEE_HZ * torch.exp(LOG_STEP * (mel - KNEE_MEL)))
