"""Silence where none belongs: before, after and inside of what is said."""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch

from scoring.audio.audio import FRAME_SECONDS
from scoring.audio.clip import RATE, Clip
from scoring.report import Metrics

LEAST_FRAMES = 3
"""Sound counts from 60 ms on: a click does not end a silence."""
ORDINARY_SECONDS = 0.3
"""Pauses up to here belong to speech and are no padding."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Seconds without sound."""

    leading: float
    trailing: float
    longest_pause: float
    padding: float
    """All of it, without pauses of ordinary length."""


def silence(clip: Clip) -> Silence:
    """Where the clip, at -23 LUFS, stays below -50 dBFS. All of a silent clip is leading."""
    loud = _sounding(clip).nonzero().flatten().tolist()
    total = clip.audio.seconds
    if not loud:
        return Silence(total, 0.0, 0.0, total)
    gaps = [(after - before - 1) * FRAME_SECONDS for before, after in pairwise(loud)]
    leading = loud[0] * FRAME_SECONDS
    trailing = max(0.0, total - (loud[-1] + 1) * FRAME_SECONDS)
    padding = math.fsum([leading, trailing, *(gap for gap in gaps if gap > ORDINARY_SECONDS)])
    return Silence(leading, trailing, max(gaps, default=0.0), padding)


def measure(clip: Clip) -> Metrics:
    """`leading_silence`, `trailing_silence`, `longest_pause` (seconds), `padding` (share of the clip, 0 … 1); less is better."""
    found = silence(clip)
    return {
        "leading_silence": found.leading,
        "trailing_silence": found.trailing,
        "longest_pause": found.longest_pause,
        "padding": min(1.0, found.padding / clip.audio.seconds) if clip.audio.seconds else 1.0,
    }


def _sounding(clip: Clip) -> torch.Tensor:
    """Which 20 ms frames belong to at least 60 ms of sound: bool [frames]."""
    heard = clip.at(RATE)
    frame = round(FRAME_SECONDS * RATE)
    samples = torch.nn.functional.pad(heard.samples, (0, -heard.samples.shape[0] % frame)).reshape(-1, frame).to(torch.float64)
    loud = (samples - samples.mean(dim=1, keepdim=True)).square().mean(dim=1) > 10.0 ** (clip.floor / 10.0)
    if loud.shape[0] < LEAST_FRAMES:
        return torch.zeros_like(loud)
    runs = loud.unfold(0, LEAST_FRAMES, 1).all(dim=1).to(torch.float32)
    kept = torch.nn.functional.pad(runs, (LEAST_FRAMES - 1, LEAST_FRAMES - 1)).unfold(0, LEAST_FRAMES, 1)
    return kept.amax(dim=1).bool()
