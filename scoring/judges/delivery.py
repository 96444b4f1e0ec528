"""Delivery: obedience to the description. Each attribute is measured, put on its scale, and compared with the level asked."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import torch

from prompts.voices import ORDINARY, Voice, agreement, level
from scoring.audio.audio import FLOOR_DBFS, FRAME_SECONDS, HANGOVER_FRAMES, Audio, activity, trim
from scoring.audio.clip import RATE, Clip
from scoring.audio.pitch import PitchTrack, quantiles, track
from scoring.judges.judge import Utterance
from scoring.judges.recognition.dictionary import count_phonemes
from scoring.judges.word_timing import WordFinder, WordSpan, said_mask
from scoring.report import Metrics
from scoring.scores.aggregate import METRICS

LOUD_DB = 30.0
"""Frames this much weaker than the loudest one are not counted as speech where its level is described."""
NORMAL_RANGE = 2.563
"""Standard deviations from the 10th to the 90th percentile of a normal distribution."""
LEAST_RANGE = 2.0
"""Semitones between the 10th and the 90th percentile of F0: a person who reads aloud, and not in a flat tone, has more."""


class DeliveryJudge:
    """Agreement of a voice with the one asked, over the words of the prompt: other sound has no rate and no pitch.

    A prompt that asks nothing of the voice has no metrics here.

    Metrics: `phoneme_rate` (phonemes per second of speech), `f0_median` and `f0_spread` (Hz over voiced frames by their power, 0
    if none is voiced; the spread is the standard deviation of a normal distribution with the same 10th and 90th percentiles),
    `lufs` (BS.1770, LUFS) and `delivery`: the mean ordinal agreement in [0, 1], more is better, over the asked attributes. Pitch
    is one of them wherever the description names a register, because it is measured on that register's scale.

    Not asked for in words: `f0_range` (semitones between the 10th and the 90th percentile), `energy_sd` (standard deviation of
    the level of 20 ms frames of speech, dB), `pause_share` (share of the time from the first to the last speech that is silent
    for more than 0.2 s, 0 … 1). Charged, less is better: `flatness`, semitones that `f0_range` falls short of a human reader's
    least, 0 … 2, where no flat tone was asked for; `stray`, seconds of sound that belong to no word of the prompt; `borrowed`, share of
    the frames with a period whose harmonics do not have it, 0 … 1.
    """

    name = "delivery"
    version = "5"

    def __init__(self, finder: WordFinder) -> None:
        self._finder = finder

    def measure(self, batch: Sequence[Utterance]) -> list[Metrics]:
        """Measures one utterance after the other; raises InfrastructureFault when the words cannot be looked for."""
        return [_measure(one, self._finder.find(one)) if one.prompt.voice.judged else {} for one in batch]


def _measure(utterance: Utterance, spans: Sequence[WordSpan]) -> Metrics:
    clip, voice = utterance.clip, utterance.prompt.voice
    words = [span.word for span in spans if span.said]
    found = track(words_only(clip, spans))
    low, middle, high = quantiles(found, (0.1, 0.5, 0.9))
    metrics = {
        "phoneme_rate": count_phonemes(words) / word_seconds(clip, spans) if words else 0.0,
        "f0_median": middle,
        "f0_spread": (high - low) / NORMAL_RANGE,
        "f0_range": 12.0 * math.log2(high / low) if low > 0.0 else 0.0,
        "lufs": clip.lufs,
        "energy_sd": energy_sd(clip.speech),
        "pause_share": pause_share(clip.speech, clip.floor),
        "stray": stray(clip, spans),
        "borrowed": borrowed(found),
    }
    agreed = [
        agreement(voice.level(attribute), level(attribute, voice.register, metrics[METRICS[attribute]]))
        for attribute in voice.judged
    ]
    return {
        **metrics,
        "flatness": flatness(voice, metrics["f0_range"]),
        "delivery": math.fsum(agreed) / len(agreed),
    }


def flatness(voice: Voice, semitones: float) -> float:
    """Semitones that a voice falls short of the least range, 0 … 2, less is better; a voice that was asked to be flat may be.

    >>> from prompts.voices import Register
    >>> flatness(Voice(register=Register.LOW, rate=3, pitch=3, expression=3, loudness=3), semitones=0.5)
    1.5
    """
    return 0.0 if voice.expression < ORDINARY else max(0.0, LEAST_RANGE - semitones)


def borrowed(found: PitchTrack) -> float:
    """Share of the frames with a period whose harmonics do not have it, 0 … 1, less is better.

    A tone under the speech lends it a pitch, but no harmonics.

    >>> borrowed(track(Audio(0.1 * torch.sin(torch.arange(16_000) * 2 * math.pi * 150.0 / 16_000), 16_000)))  # nothing but a tone
    1.0
    """
    periodic = int(found.periodic.sum())
    return 1.0 - int((found.voiced & found.periodic).sum()) / periodic if periodic else 0.0


def words_only(clip: Clip, spans: Sequence[WordSpan]) -> Audio:
    """The clip with silence wherever no word is said, at the judges' rate, from the first word to the last."""
    heard = clip.at(RATE)
    said = said_mask(spans, heard.samples.shape[0], RATE)
    return trim(Audio(torch.where(said, heard.samples, 0.0), RATE), clip.floor)


def word_seconds(clip: Clip, spans: Sequence[WordSpan]) -> float:
    """Time of speech under the words that were said; at least one frame."""
    active = activity(clip.at(RATE), clip.floor)
    return max(1, int((active & said_mask(spans, active.shape[0], 1.0 / FRAME_SECONDS)).sum())) * FRAME_SECONDS


def stray(clip: Clip, spans: Sequence[WordSpan]) -> float:
    """Seconds of sound, ≥ 0, less is better, where no word of the prompt is, nor one that was heard in its place.

    >>> clip = Clip(Audio(0.1 * torch.sin(torch.arange(32_000) * 0.3), RATE))  # two seconds of tone
    >>> round(stray(clip, [WordSpan("one", 0.0, 0.9, said=True)]), 2)  # a word may last 0.1 s longer
    1.0
    """
    active = activity(clip.at(RATE), clip.floor)
    taken = said_mask([replace(span, said=True) for span in spans], active.shape[0], 1.0 / FRAME_SECONDS)
    return int((active & ~taken).sum()) * FRAME_SECONDS


def energy_sd(speech: Audio) -> float:
    """Standard deviation in dB of the level of the 20 ms frames of speech at most `LOUD_DB` below the loudest; more is livelier.

    >>> steps = torch.cat([torch.full((8_000,), 0.1), torch.full((8_000,), 0.05)])  # two levels, 6.02 dB apart
    >>> round(energy_sd(Audio(steps, 16_000)), 2)
    3.01
    """
    frame = round(FRAME_SECONDS * speech.rate)
    frames = speech.samples[: speech.samples.shape[0] // frame * frame].reshape(-1, frame).to(torch.float64)
    levels = 10.0 * torch.log10(frames.square().mean(dim=1).clamp(min=1e-12))
    return float(levels[levels > levels.max() - LOUD_DB].std(correction=0))


def pause_share(speech: Audio, floor: float = FLOOR_DBFS) -> float:
    """Share of silent time in speech trimmed at `floor` dBFS, 0 … 1; `activity` rounds off the ends of silences, which are added again.

    >>> tone = 0.1 * torch.sin(torch.arange(16_000) * 0.3)
    >>> round(pause_share(Audio(torch.cat([tone, torch.zeros(16_000), tone]), 16_000)), 3)
    0.333
    """
    active: list[bool] = activity(speech, floor).tolist()
    starts = sum(was and not now for was, now in pairwise(active))
    return (active.count(False) + 2 * HANGOVER_FRAMES * starts) / len(active)
