"""Fundamental frequency by normalised autocorrelation."""

import torch

from scoring.audio import Audio, resample

RATE = 16_000
LOWEST_HZ, HIGHEST_HZ = 60.0, 420.0
FRAME_SECONDS, HOP_SECONDS = 0.05, 0.01
"""Three periods of the lowest pitch; 100 frames per second."""
VOICED = 0.55
"""Least normalised autocorrelation of a voiced frame."""
OCTAVE_COST = 0.06
"""Peaks lose this per octave of length: of two equal peaks the shorter period is the true one."""
QUIET_DB = 30.0
"""Frames this much weaker than the loudest one carry no pitch."""
SMOOTH = 5
"""Frames of the median filter that removes single octave errors."""
CHUNK = 4096
"""Frames transformed at a time, to bound memory."""


def f0(audio: Audio) -> torch.Tensor:
    """F0 of the voiced frames in Hz, in order: float64 [voiced], empty if there are none."""
    wave = resample(audio, RATE).samples.to(torch.float64)
    size, hop = round(FRAME_SECONDS * RATE), round(HOP_SECONDS * RATE)
    if wave.shape[0] < size:
        return torch.zeros(0, dtype=torch.float64)
    frames = wave.unfold(0, size, hop)
    power = frames.square().mean(dim=1)
    frames = frames[power >= power.max() * 10.0 ** (-QUIET_DB / 10.0)]
    tracks = [_track(part) for part in torch.split(frames, CHUNK)]
    pitch, strength = (torch.cat(parts) for parts in zip(*tracks, strict=True))
    return _median(pitch[strength > VOICED])


def _track(frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Best period of each frame as (Hz [n], normalised autocorrelation [n]), for frames [n, size]."""
    size = frames.shape[1]
    window = torch.hann_window(size, dtype=torch.float64)
    shapes = _autocorrelation((frames - frames.mean(dim=1, keepdim=True)) * window)
    correlation = shapes / _autocorrelation(window[None])  # undo the window's own decay
    shortest, longest = int(RATE / HIGHEST_HZ), int(RATE / LOWEST_HZ) + 1
    lags = torch.arange(shortest, longest + 1, dtype=torch.float64)
    inside = correlation[:, shortest : longest + 1]
    peak = (inside > correlation[:, shortest - 1 : longest]) & (inside >= correlation[:, shortest + 1 : longest + 2])
    merit = torch.where(peak, inside - OCTAVE_COST * torch.log2(lags / shortest), torch.full_like(inside, -1.0))
    best = merit.argmax(dim=1, keepdim=True)
    left, middle, right = (correlation.gather(1, best + shortest + shift)[:, 0] for shift in (-1, 0, 1))
    bend = (left - 2.0 * middle + right).clamp(max=-1e-12)
    offset = (0.5 * (left - right) / bend).clamp(-0.5, 0.5)  # the parabola's top lies between samples
    strength = torch.where(peak.gather(1, best)[:, 0], middle, torch.zeros_like(middle))
    return RATE / (lags[best[:, 0]] + offset), strength


def _autocorrelation(frames: torch.Tensor) -> torch.Tensor:
    """Autocorrelation over lags 0 … size - 1, scaled to 1 at lag 0: [n, size]."""
    size = frames.shape[1]
    spectrum = torch.fft.rfft(frames, n=2 * size)
    raw = torch.fft.irfft(spectrum.real.square() + spectrum.imag.square(), n=2 * size)[:, :size]
    scaled: torch.Tensor = raw / raw[:, :1].clamp(min=1e-12)
    return scaled


def _median(pitch: torch.Tensor) -> torch.Tensor:
    if pitch.shape[0] < SMOOTH:
        return pitch
    return pitch.unfold(0, SMOOTH, 1).median(dim=1).values
