"""Evidence of a bare voice: no pattern in the spectrum is there all the time. An echo, a comb filter, a hall and a long filter leave one.

What a filter can do for a synthetic voice beyond its timbre, such as to blur its jumps, it does in this way.
"""

import math
from functools import cache

import torch

from scoring.audio.clip import SILENCE, Clip
from scoring.audio.quantile import quantile
from scoring.report import Metrics

VERSION = "2"
"""Changes whenever a number may change."""
FRAME, HOP = 4096, 1024
"""256 ms each 64 ms, in samples at 16 kHz: long enough that an echo of 100 ms falls into the frame of its sound."""
POINTS = 2 * FRAME
BAND = slice(102, 2560)
"""Bins from 200 to 5000 Hz, where every voice has sound."""
BINS_PER_SECOND = POINTS / 16_000
SHORTEST, LONGEST = 0.004, 0.1
"""Seconds of delay looked for. Within shorter ones there is only an equaliser, which changes a voice's timbre and no more. The periods of
voices are longer, but their pattern moves with the pitch."""
APART = FRAME // HOP
"""Frames from one to the next that shares no sample with it."""
ACTIVE = 1e-3
"""Frames with less of the loudest one's power are pauses."""
DEPTH_DB, LOUD = 60.0, 0.95
"""Bins this much under a frame's loudest twentieth hold nothing."""


def metrics(clip: Clip) -> Metrics:
    """One metric of a clip, less is better: `ringing`, dB ≥ 0; 0 for a clip without two frames that share no sample.

    Ripple of the level over frequency that is the same at all times, root mean square, with 4 … 100 ms between an echo and its sound:
    `sqrt(mean of c_i · c_j)` over all pairs of active frames i, j that share no sample, c the cepstrum of a frame's level in dB between 200
    and 5000 Hz, at quefrencies of 4 … 100 ms. Noise and speech differ between such frames and cancel; one echo of gain g leaves
    `6.1 g`. Source: the cepstrum's echo peak (Bogert, Healy and Tukey 1963), averaged without bias.
    """
    return {"ringing": math.sqrt(max(0.0, 2.0 * float(ripple(clip.level.samples))))}  # the mirrored half has as much


def ripple(wave: torch.Tensor) -> torch.Tensor:
    """`mean of c_i · c_j` of a sound float32 [n] at 16 kHz, see `metrics`: dB², below 0 where nothing is the same at all times."""
    cepstra = _cepstra(wave)
    near = torch.arange(cepstra.shape[0])
    pairs = (near[:, None] - near[None]).abs() >= APART
    if not bool(pairs.any()):
        return torch.zeros((), dtype=torch.float64)
    return (cepstra @ cepstra.conj().T).real[pairs].mean()


def _cepstra(wave: torch.Tensor) -> torch.Tensor:
    """Cepstra of the active frames between the shortest and the longest delay: complex128 [frames, delays], in dB.

    Summed over all delays and their mirror images, a frame's squares would be the variance of its level over frequency in dB².
    """
    padded = torch.nn.functional.pad(wave.to(torch.float64), (0, max(0, FRAME - wave.shape[0])))
    spectrum = torch.fft.rfft(padded.unfold(0, FRAME, HOP) * torch.hann_window(FRAME, dtype=torch.float64), n=POINTS)
    power = spectrum.real.square() + spectrum.imag.square()
    whole = power.sum(dim=1)
    level = 10.0 * torch.log10(power[whole >= ACTIVE * whole.max(), BAND].clamp(min=SILENCE))
    level = torch.maximum(level, quantile(level.T, LOUD)[:, None] - DEPTH_DB)
    taper = _taper()
    scale = math.sqrt(taper.shape[0] * float(taper.square().sum()))
    first, last = (math.ceil(delay * taper.shape[0] / BINS_PER_SECOND) for delay in (SHORTEST, LONGEST))
    cepstra: torch.Tensor = torch.fft.rfft((level - level.mean(dim=1, keepdim=True)) * taper)[:, first:last] / scale
    return cepstra


@cache
def _taper() -> torch.Tensor:
    """A window over frequency, which keeps the slope of the spectrum out of long delays."""
    return torch.hann_window(BAND.stop - BAND.start, dtype=torch.float64)
