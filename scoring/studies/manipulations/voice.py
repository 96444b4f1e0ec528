"""Manipulations of the voice: its speed without its pitch, its pitch without its speed, by a phase vocoder."""

import math

import torch
import torchaudio.functional as F  # noqa: N812  (the name its own documentation uses)

from scoring.audio.audio import Audio, resample

FFT, HOP = 1024, 256
STEPS = 1000
"""Pitch factors are resampled as fractions of this denominator."""


def stretch(audio: Audio, speed: float) -> Audio:
    """`speed` times as fast at the same pitch."""
    length = round(audio.samples.shape[0] / speed)
    window = torch.hann_window(FFT)
    padded = torch.nn.functional.pad(audio.samples, (0, max(0, FFT - audio.samples.shape[0])))
    spectrum = torch.stft(padded, FFT, HOP, window=window, return_complex=True, pad_mode="constant")
    advance = torch.linspace(0.0, math.pi * HOP, FFT // 2 + 1)[:, None]
    faster = F.phase_vocoder(spectrum, speed, advance)
    return Audio(torch.istft(faster, FFT, HOP, window=window, length=length), audio.rate)


def shift_pitch(audio: Audio, semitones: float) -> Audio:
    """Higher or lower with the same length: stretched, then played faster or slower."""
    factor = 2.0 ** (semitones / 12.0)
    slower = stretch(audio, 1.0 / factor)
    played = resample(Audio(slower.samples, round(STEPS * factor)), STEPS)
    length = audio.samples.shape[0]
    fitted = torch.nn.functional.pad(played.samples, (0, max(0, length - played.samples.shape[0])))[:length]
    return Audio(fitted, audio.rate)
