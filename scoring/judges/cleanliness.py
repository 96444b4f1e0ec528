"""Cleanliness of a recording: silence where none belongs, a clip too faint to hear, and the defects of `defects.py`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch

from prompts.voices import ORDINARY, Voice
from scoring.audio.audio import FRAME_SECONDS
from scoring.audio.clip import RATE, Clip
from scoring.judges.defects import defect_metrics
from scoring.judges.judge import Utterance
from scoring.report import Metrics

LEAST_FRAMES = 3
"""Sound counts from 60 ms on: a click does not end a silence."""
ORDINARY_SECONDS = 0.3
"""Pauses up to here belong to speech and are no padding."""
FAINT_LUFS = -33.0
"""Ordinary speech is louder: recordings of people measure -12 … -32, neural voices -20 … -29."""


class CleanlinessJudge:
    """Silences, faintness and defects of each clip.

    Metrics: see `silence_metrics`, `faintness` and `defect_metrics`.
    """

    name = "cleanliness"
    version = "4"

    def measure(self, batch: Sequence[Utterance]) -> list[Metrics]:
        """Measure one utterance after the other."""
        return [_measure(utterance) for utterance in batch]


def _measure(utterance: Utterance) -> Metrics:
    clip = utterance.clip
    faint = faintness(utterance.prompt.voice, clip.lufs)
    return {**silence_metrics(clip), "faintness": faint, **defect_metrics(clip)}


@dataclass(frozen=True, slots=True)
class Silence:
    """Seconds without sound."""

    leading: float
    trailing: float
    longest_pause: float
    padding: float
    """All of it, without pauses of ordinary length."""


def silence(clip: Clip) -> Silence:
    """Seconds in which the clip, at -23 LUFS, stays below -50 dBFS for whole 20 ms frames; all of a silent clip is leading.

    >>> from scoring.audio.audio import Audio
    >>> tone = torch.sin(torch.arange(16_000) * 0.3)
    >>> silence(Clip(Audio(torch.cat([torch.zeros(8_000), tone, torch.zeros(4_000)]), 16_000)))
    Silence(leading=0.5, trailing=0.25, longest_pause=0.0, padding=0.75)
    """
    loud = _sounding(clip).nonzero().flatten().tolist()
    total = clip.audio.seconds
    if not loud:
        return Silence(total, 0.0, 0.0, total)
    gaps = [(after - before - 1) * FRAME_SECONDS for before, after in pairwise(loud)]
    leading = loud[0] * FRAME_SECONDS
    trailing = max(0.0, total - (loud[-1] + 1) * FRAME_SECONDS)
    padding = math.fsum([leading, trailing, *(gap for gap in gaps if gap > ORDINARY_SECONDS)])
    return Silence(leading, trailing, max(gaps, default=0.0), padding)


def silence_metrics(clip: Clip) -> Metrics:
    """`leading_silence`, `trailing_silence`, `longest_pause` in seconds, ≥ 0, and `padding`, 0 … 1; less is better in all of them.

    `padding = (leading + trailing + Σ pauses > 0.3 s) / length of the clip`.
    """
    found = silence(clip)
    return {
        "leading_silence": found.leading,
        "trailing_silence": found.trailing,
        "longest_pause": found.longest_pause,
        "padding": min(1.0, found.padding / clip.audio.seconds) if clip.audio.seconds else 1.0,
    }


def faintness(voice: Voice, lufs: float) -> float:
    """LU below -33 LUFS, ≥ 0, less is better; a voice that was asked to be soft may be.

    >>> from prompts.voices import Register
    >>> faintness(Voice(register=Register.LOW, rate=3, pitch=3, expression=3, loudness=3), lufs=-36.0)
    3.0
    """
    return 0.0 if voice.loudness < ORDINARY else max(0.0, FAINT_LUFS - lufs)


def _sounding(clip: Clip) -> torch.Tensor:
    """Mark the 20 ms frames that belong to at least 60 ms of sound: bool [frames]."""
    heard = clip.at(RATE)
    frame = round(FRAME_SECONDS * RATE)
    samples = torch.nn.functional.pad(heard.samples, (0, -heard.samples.shape[0] % frame)).reshape(-1, frame).to(torch.float64)
    loud = (samples - samples.mean(dim=1, keepdim=True)).square().mean(dim=1) > 10.0 ** (clip.floor / 10.0)
    if loud.shape[0] < LEAST_FRAMES:
        return torch.zeros_like(loud)
    runs = loud.unfold(0, LEAST_FRAMES, 1).all(dim=1).to(torch.float32)
    kept = torch.nn.functional.pad(runs, (LEAST_FRAMES - 1, LEAST_FRAMES - 1)).unfold(0, LEAST_FRAMES, 1)
    return kept.amax(dim=1).bool()
