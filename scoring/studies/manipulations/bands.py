"""Manipulations of the spectrum: bands taken away, and bands that were never there."""

import torch
import torchaudio.functional as F  # noqa: N812  (the name its own documentation uses)

from scoring.audio.audio import Audio, resample
from scoring.studies.manipulations.chance import generator

SLOPE = 0.05
"""A low-pass falls from 1 to 0 over this share of its cut-off frequency."""
TREBLE = 10.0 ** (-50.0 / 20.0)
FFT = 1024
GATE_SDS = 1.5
"""The gate keeps cells this many standard deviations (of dB over time) above a frequency's own mean."""
GATE_SMOOTH = 5
"""Frames and bins over which the gate opens and closes."""


def low_pass(audio: Audio, hertz: float) -> Audio:
    """Nothing above `hertz`, everything below; the transition is a raised cosine just below it."""
    size = audio.samples.shape[0]
    spectrum = torch.fft.rfft(audio.samples.to(torch.float64))
    frequency = torch.fft.rfftfreq(size, 1.0 / audio.rate, dtype=torch.float64)
    place = ((hertz - frequency) / (SLOPE * hertz)).clamp(0.0, 1.0)
    kept = spectrum * (0.5 - 0.5 * torch.cos(torch.pi * place))
    return Audio(torch.fft.irfft(kept, n=size).to(torch.float32), audio.rate)


def hidden_low_pass(audio: Audio, hertz: float) -> Audio:
    """Nothing above `hertz` but a hiss, 50 dB below full scale: as if there were treble."""
    white = torch.randn(audio.samples.shape[0], generator=generator(audio)) * TREBLE
    treble = white - low_pass(Audio(white, audio.rate), hertz).samples
    return Audio(low_pass(audio, hertz).samples + treble, audio.rate)


def upsampled(audio: Audio, source: int) -> Audio:
    """The clip through a rate of `source` Hz, offered at the clip's own rate or at twice `source`, whichever is more."""
    return resample(resample(audio, source), max(audio.rate, 2 * source))


def gate(audio: Audio) -> Audio:
    """Spectral gating: each bin is shut unless it is loud for its frequency, which leaves holes and chirps in the voice."""
    window = torch.hann_window(FFT)
    size = audio.samples.shape[0]
    padded = torch.nn.functional.pad(audio.samples, (0, max(0, FFT - size)))
    spectrum = torch.stft(padded, FFT, window=window, return_complex=True, center=True, pad_mode="constant")
    decibels = F.amplitude_to_DB(spectrum.abs(), 20.0, 1e-10, 0.0, top_db=80.0)
    threshold = decibels.mean(dim=1, keepdim=True) + GATE_SDS * decibels.std(dim=1, keepdim=True)
    opened = (decibels > threshold).to(torch.float32)[None, None]
    smooth = torch.nn.functional.avg_pool2d(opened, GATE_SMOOTH, stride=1, padding=GATE_SMOOTH // 2)[0, 0]
    return Audio(torch.istft(spectrum * smooth, FFT, window=window, length=padded.shape[0])[:size], audio.rate)
