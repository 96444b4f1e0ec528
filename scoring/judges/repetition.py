"""Evidence of a mouth: no two moments are alike. A formant synthesiser makes the same sound again each time its text asks for it.

What is the same before an equaliser or a codec is the same after it, and noise hides little of it. A filter of 30 ms and more, or a
network behind the voice, mixes each sound with those before it and hides about half.
"""

import math

import torch

from scoring.audio.clip import Clip
from scoring.audio.quantile import quantile
from scoring.judges.articulation import DEPTH_DB, LOUD, LOUDEST, bands, cosines
from scoring.report import Metrics

VERSION = "1"
"""Changes whenever a number may change."""
ACTIVE_DB = 25.0
"""Frames this much weaker than the loudest fiftieth count for nothing: in what lies below, noise is like noise."""
SHAPE = slice(1, 12)
"""Coefficients of the cosine transform over bands that say which sound it is, at any pitch and level."""
SPAN = 3
"""Frames of 5 ms from the first to the second of the two that make a moment: 15 ms, so that it has a direction."""
NEAREST, FARTHEST = 60, 300
"""Frames between two moments that are compared, .3 … 1.5 s. Nearer ones may be one sound, and more of them would make long clips worse."""
CLOSEST = 0.07
"""Share of the moments that are allowed to have a closer one: a single coincidence says nothing."""
FEWEST = 20
"""Moments without which nothing can be said."""


def metrics(clip: Clip) -> Metrics:
    """One metric of a clip, more is better: `closest_repeat`, 0 … about 1, 1 for a clip too short to compare.

    `sqrt(q / m)`: q the 7 % quantile, over moments t, of the least `|x_t - x_u|²` among the moments u .3 … 1.5 s from t, and m the mean of
    `|x_t - x_u|²` over all such pairs. x holds the cepstra 1 … 11 of the levels of 36 mel bands in two active frames 15 ms apart. No
    filter moves it. Source: unit-selection synthesis is told by its repeated units; self-similarity of music (Foote 1999).
    """
    moments, active = _moments(clip.level.samples)
    frames = moments.shape[0]
    least = torch.full((frames,), torch.inf, dtype=torch.float64)
    total, pairs = 0.0, 0
    for lag in range(NEAREST, min(FARTHEST, frames - 1) + 1):
        both = active[lag:] & active[:-lag]
        apart = (moments[lag:] - moments[:-lag]).square().sum(dim=1)
        total, pairs = total + float(apart[both].sum()), pairs + int(both.sum())
        apart = torch.where(both, apart, torch.inf)
        least[lag:] = torch.minimum(least[lag:], apart)
        least[:-lag] = torch.minimum(least[:-lag], apart)
    compared = least[active & least.isfinite()]
    if compared.shape[0] < FEWEST or total <= 0.0:
        return {"closest_repeat": 1.0}
    return {"closest_repeat": math.sqrt(float(quantile(compared, CLOSEST)) * pairs / total)}


def _moments(wave: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Each frame with the one 15 ms later: float64 [frames, 22], and which of them are active in both: bool [frames]."""
    level = bands(wave)
    power = level.mean(dim=1)
    active = power > quantile(power, LOUDEST) - ACTIVE_DB
    level = torch.maximum(level, quantile(level[active], LOUD) - DEPTH_DB)
    shape = level @ cosines()[:, SHAPE]
    return torch.cat([shape[:-SPAN], shape[SPAN:]], dim=1), active[:-SPAN] & active[SPAN:]
