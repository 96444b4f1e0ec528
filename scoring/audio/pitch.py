"""Fundamental frequency by normalised autocorrelation: its peaks, divided by the window's own decay (Boersma 1993)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch

from scoring.audio.audio import Audio, resample
from scoring.audio.quantile import quantile

RATE = 16_000
LOWEST_HZ, HIGHEST_HZ = 60.0, 420.0
FRAME, HOP = 800, 160
"""50 ms, three periods of the lowest pitch, each 10 ms."""
SHORTEST, LONGEST = int(RATE / HIGHEST_HZ), int(RATE / LOWEST_HZ) + 1
"""Periods looked for, in samples."""
TRANSFORM = 1080
"""Samples; at least a frame and the longest period with its neighbour, and a product of small primes."""
PARTIALS_HZ, CONFIRMED = 300.0, 0.4
"""A voice's sound above this frequency has its pitch too, with this normalised autocorrelation at least. A tone under the voice,
which anyone can add, has no harmonics there."""
VOICED = 0.55
"""Least normalised autocorrelation of a voiced frame."""
OCTAVE_COST = 0.06
"""Peaks lose this per octave of length: of two equal peaks the shorter period is the true one."""
QUIET_DB = 30.0
"""Frames this much weaker than the loudest one carry no pitch."""
SMOOTH = 5
"""Frames of the median filter that removes single octave errors."""
BACKGROUND, ABOVE = 0.1, 4.0
"""Background is what the quietest tenth of the frames hold; a voice is four times (6 dB) stronger, or half of the mean power."""
CHUNK = 512
"""Frames transformed at a time: few enough that intermediate results stay in the cache; memory is bounded."""


@dataclass(frozen=True, slots=True, eq=False)
class PitchTrack:
    """Pitch over time: a frame each 10 ms, the first one at 0 … 50 ms.

    `hertz` is float64 [frames], 0 where a frame is unvoiced; `strength` is the normalised autocorrelation at the period, float64
    [frames] up to 1: power of the harmonic part over all power. `power` is each frame's mean square, float64 [frames].
    `periodic` says which frames repeat themselves, voiced or not: bool [frames].
    """

    hertz: torch.Tensor
    strength: torch.Tensor
    power: torch.Tensor
    periodic: torch.Tensor

    @property
    def voiced(self) -> torch.Tensor:
        """Mark of the frames that have a pitch: bool [frames]."""
        return self.hertz > 0.0


def track(audio: Audio) -> PitchTrack:
    """Pitch of a clip, frame by frame; no frames if it is shorter than one.

    A frame's period is the highest peak of `r_x(τ) / r_w(τ)`, the autocorrelation of the windowed frame over that of the window, less
    `OCTAVE_COST` per octave of length; F0 is `RATE / τ`, 60 … 420 Hz. A frame is voiced where that peak exceeds `VOICED` and the sound
    above `PARTIALS_HZ` has the same period. Source: Boersma 1993, "Accurate short-term analysis of the fundamental frequency".

    >>> time = torch.arange(RATE) / RATE
    >>> voice = torch.stack([torch.sin(2 * math.pi * 150.0 * k * time) / k for k in range(1, 9)]).sum(dim=0) * 0.1
    >>> found = track(Audio(voice, RATE))
    >>> found.hertz.shape[0], bool(found.voiced.all()), round(float(found.hertz.median()))
    (96, True, 150)
    """
    wave = resample(audio, RATE).samples.to(torch.float64)
    if wave.shape[0] < FRAME:
        nothing = torch.zeros(0, dtype=torch.float64)
        return PitchTrack(nothing, nothing, nothing, nothing.bool())
    frames = wave.unfold(0, FRAME, HOP)
    power = frames.square().mean(dim=1)
    loud = (power >= power.max() * 10.0 ** (-QUIET_DB / 10.0)).nonzero()[:, 0]
    hertz, strength, partials = torch.zeros_like(power), torch.zeros_like(power), torch.zeros_like(power)
    for part in torch.split(loud, CHUNK):
        hertz[part], strength[part], partials[part] = _periods(frames[part])
    periodic = strength > VOICED
    voiced = (periodic & (partials >= CONFIRMED)).nonzero()[:, 0]
    smooth = torch.zeros_like(hertz)
    smooth[voiced] = _median(hertz[voiced])
    return PitchTrack(smooth, strength, power, periodic)


def quantiles(found: PitchTrack, shares: Sequence[float]) -> list[float]:
    """F0 in Hz below which these shares (0 … 1) of the power of voiced frames lie; zeros where nothing is voiced.

    Frames count by their power, and only well above the background: a hum under the speech is the pitch of every frame in which
    nobody speaks.
    """
    sounding = found.power[found.power > 0.0]
    if sounding.shape[0] == 0:
        return [0.0] * len(shares)
    least = min(ABOVE * float(quantile(sounding, BACKGROUND)), float(sounding.mean()) / 2.0)
    counted = found.voiced & (found.power >= least)
    hertz, order = found.hertz[counted].sort()
    if hertz.shape[0] == 0:
        return [0.0] * len(shares)
    power = found.power[counted][order].cumsum(0)
    places = torch.searchsorted(power, power[-1] * torch.tensor(shares, dtype=power.dtype))
    chosen: list[float] = hertz[places.clamp(max=hertz.shape[0] - 1)].tolist()
    return chosen


def _periods(frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Best period of each frame as (Hz, normalised autocorrelation, that of the partials alone), [n] each, for frames [n, 800]."""
    windowed = (frames - frames.mean(dim=1, keepdim=True)) * _window()
    correlation = _autocorrelation(windowed) / _decay()
    inside = correlation[:, 1:-1]
    peak = (inside > correlation[:, :-2]) & (inside >= correlation[:, 2:])
    best = torch.where(peak, inside - _cost(), -1.0).argmax(dim=1, keepdim=True)
    left, middle, right = (correlation.gather(1, best + shift)[:, 0] for shift in range(3))
    bend = (left - 2.0 * middle + right).clamp(max=-1e-12)
    offset = (0.5 * (left - right) / bend).clamp(-0.5, 0.5)  # the parabola's top lies between samples
    partials = (_autocorrelation(windowed, above=PARTIALS_HZ) / _decay())[:, 1:-1].gather(1, best)[:, 0]
    strength = torch.where(peak.gather(1, best)[:, 0], middle, 0.0)
    return RATE / (SHORTEST + best[:, 0] + offset), strength, partials


def _autocorrelation(frames: torch.Tensor, above: float = 0.0) -> torch.Tensor:
    """Autocorrelation of the sound above so many Hz, at the periods looked for and one more on each side: [n, lags], 1 at lag 0."""
    spectrum = torch.fft.rfft(frames, n=TRANSFORM)
    power = spectrum.real.square() + spectrum.imag.square()
    power[:, : math.ceil(above * TRANSFORM / RATE)] = 0.0
    raw = torch.fft.irfft(power, n=TRANSFORM)
    scaled: torch.Tensor = raw[:, SHORTEST - 1 : LONGEST + 2] / raw[:, :1].clamp(min=1e-12)
    return scaled


@cache
def _window() -> torch.Tensor:
    return torch.hann_window(FRAME, dtype=torch.float64)


@cache
def _decay() -> torch.Tensor:
    """The window's own autocorrelation, by which every frame's falls off."""
    return _autocorrelation(_window()[None])


@cache
def _cost() -> torch.Tensor:
    """Loss of each period's peak."""
    return OCTAVE_COST * torch.log2(torch.arange(SHORTEST, LONGEST + 1, dtype=torch.float64) / SHORTEST)


def _median(pitch: torch.Tensor) -> torch.Tensor:
    """Median of each value and its neighbours; the first and the last ones repeat."""
    if pitch.shape[0] == 0:
        return pitch
    half = SMOOTH // 2
    padded = torch.cat([pitch[:1].expand(half), pitch, pitch[-1:].expand(half)])
    return padded.unfold(0, SMOOTH, 1).median(dim=1).values
