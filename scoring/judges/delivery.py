"""Does the voice do what the description asked? Each attribute is measured, put on its scale, compared with the level asked."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch

from prompts.groups import Attribute, Voice
from prompts.voices import ORDINARY, asked
from scoring.audio import FLOOR_DBFS, FRAME_SECONDS, HANGOVER_FRAMES, Audio, activity, speech_seconds
from scoring.judges.bins import METRICS, agreement, level
from scoring.judges.dictionary import count_phonemes
from scoring.judges.judge import Utterance
from scoring.judges.pitch import f0
from scoring.report import Metrics
from scoring.text import normalise

LOUD_DB = 30.0
"""Frames this much weaker than the loudest one are not counted as speech where its level is described."""
LEAST_RANGE = 2.0
"""Semitones between the 10th and the 90th percentile of F0: who reads aloud without being asked for a flat tone has more."""


class DeliveryJudge:
    """How close a voice comes to the one asked.

    Metrics: `phoneme_rate` (phonemes per second of speech), `f0_mean` and `f0_sd` (Hz over voiced frames, 0 if none is voiced),
    `lufs` (BS.1770, LUFS) and `delivery`: the mean ordinal agreement in [0, 1], more is better, over the asked attributes.
    Pitch is always asked, because each description names a register and pitch is measured on that register's scale.

    Not asked for in words: `f0_range` (semitones between the 10th and the 90th percentile), `energy_sd` (standard deviation of
    the level of 20 ms frames of speech, dB), `pause_share` (share of the time from the first to the last speech that is silent
    for more than 0.2 s, 0 … 1) and `flatness`: semitones that `f0_range` falls short of a human reader's least, 0 … 2, less is
    better; 0 where the description asks for a flat tone.
    """

    name = "delivery"
    version = "2"

    def measure(self, batch: Sequence[Utterance]) -> list[Metrics]:
        """Measures one utterance after the other."""
        return [_measure(utterance) for utterance in batch]


def _measure(utterance: Utterance) -> Metrics:
    speech, voice = utterance.sound.speech, utterance.prompt.voice
    pitch = f0(speech)
    mean = float(pitch.mean()) if pitch.shape[0] else 0.0
    metrics = {
        "phoneme_rate": count_phonemes(normalise(utterance.prompt.text)) / speech_seconds(speech, utterance.sound.floor),
        "f0_mean": mean,
        "f0_sd": float((pitch - mean).square().mean().sqrt()) if pitch.shape[0] else 0.0,
        "f0_range": f0_range(pitch),
        "lufs": utterance.sound.lufs,
        "energy_sd": energy_sd(speech),
        "pause_share": pause_share(speech, utterance.sound.floor),
    }
    wanted = sorted({*asked(voice), Attribute.PITCH})
    agreed = [
        agreement(voice.level(attribute), level(attribute, voice.register, metrics[METRICS[attribute]])) for attribute in wanted
    ]
    return {**metrics, "flatness": flatness(voice, metrics["f0_range"]), "delivery": math.fsum(agreed) / len(agreed)}


def f0_range(pitch: torch.Tensor) -> float:
    """Semitones from the 10th to the 90th percentile of F0 in Hz [voiced]; a few octave errors do not move it. 0 if unvoiced."""
    if pitch.shape[0] == 0:
        return 0.0
    low, high = torch.quantile(pitch, torch.tensor([0.1, 0.9], dtype=pitch.dtype)).tolist()
    return 12.0 * math.log2(high / low)


def flatness(voice: Voice, semitones: float) -> float:
    """How far a voice falls short of the least range; whoever is asked for a flat tone may have it."""
    return 0.0 if voice.expression < ORDINARY else max(0.0, LEAST_RANGE - semitones)


def energy_sd(speech: Audio) -> float:
    """Standard deviation in dB of the level of the frames of speech that are not much weaker than the loudest."""
    frame = round(FRAME_SECONDS * speech.rate)
    frames = speech.samples[: speech.samples.shape[0] // frame * frame].reshape(-1, frame).to(torch.float64)
    levels = 10.0 * torch.log10(frames.square().mean(dim=1).clamp(min=1e-12))
    return float(levels[levels > levels.max() - LOUD_DB].std(correction=0))


def pause_share(speech: Audio, floor: float = FLOOR_DBFS) -> float:
    """Share of silent time in speech trimmed at `floor` dBFS; `activity` rounds off the ends of silences, which are added again."""
    active: list[bool] = activity(speech, floor).tolist()
    starts = sum(was and not now for was, now in pairwise(active))
    return (active.count(False) + 2 * HANGOVER_FRAMES * starts) / len(active)
