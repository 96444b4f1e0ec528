"""Evidence of melody: how far a voice's pitch reaches, and how much it moves. No filter, noise or echo gives a flat voice either."""

import math

import torch

from scoring.audio.clip import Clip
from scoring.audio.pitch import HOP, RATE, PitchTrack, quantiles
from scoring.report import Metrics

VERSION = "1"
"""Changes whenever a number may change."""
LOW, HIGH = 0.05, 0.95
"""Shares of the voiced power between whose pitches a voice spans."""
OCTAVE_ERROR = 9.0
"""Semitones from the middle pitch beyond which a frame is taken for one that was read an octave too low or too high, as at a creak."""
JUMP = 1.5
"""Semitones within 10 ms that no voice glides: two frames further apart belong to two sounds."""


def metrics(clip: Clip) -> Metrics:
    """Two metrics of a clip, more is better up to what people do; 0 where nothing is voiced. Neither is moved by level or equaliser.

    - `f0_span`, semitones ≥ 0: `12 lg2(F95 / F5)`, F5 and F95 the F0 below which 5 % and 95 % of the voiced power lie, without frames
      more than 9 semitones from the middle one.
    - `f0_movement`, semitones per second ≥ 0: `Σ |s(t + 1) - s(t)| / T`, s the pitch in semitones, over the pairs of neighbouring
      voiced frames that are at most 1.5 semitones apart, T their time. A warble has much of it too: it is no proof of a person alone.

    Source: pitch dynamism (mean absolute pitch slope) and pitch span of phonetics, as in Hincks 2005 and Ladd 2008.
    """
    track = _without_octave_errors(clip.pitch)
    low, high = quantiles(track, (LOW, HIGH))
    return {"f0_span": 12.0 * math.log2(high / low) if low > 0.0 else 0.0, "f0_movement": _movement(track)}


def _without_octave_errors(track: PitchTrack) -> PitchTrack:
    """The track with frames far from its middle pitch taken for unvoiced."""
    middle = quantiles(track, (0.5,))[0]
    far = (semitones(track.hertz) - semitones(torch.tensor(middle, dtype=torch.float64))).abs() > OCTAVE_ERROR
    return PitchTrack(torch.where(far, 0.0, track.hertz), track.strength, track.power, track.periodic)


def _movement(track: PitchTrack) -> float:
    steps = semitones(track.hertz).diff().abs()
    counted = track.voiced[1:] & track.voiced[:-1] & (steps <= JUMP)
    seconds = int(counted.sum()) * HOP / RATE
    return float(steps[counted].sum()) / seconds if seconds > 0.0 else 0.0


def semitones(hertz: torch.Tensor) -> torch.Tensor:
    """Above 1 Hz; 0 for the 0 Hz of an unvoiced frame.

    >>> semitones(torch.tensor([0.0, 1.0, 2.0, 8.0]))
    tensor([ 0.,  0., 12., 36.])
    """
    return 12.0 * torch.log2(hertz.clamp(min=1.0))
