"""Does the voice do what the description asked? Each attribute is measured, put on its scale, compared with the level asked."""

import math
from collections.abc import Sequence

from prompts.groups import Attribute
from prompts.voices import asked
from scoring.audio import speech_seconds
from scoring.judges.bins import METRICS, agreement, level
from scoring.judges.dictionary import count_phonemes
from scoring.judges.judge import Utterance
from scoring.judges.pitch import f0
from scoring.report import Metrics
from scoring.text import normalise


class DeliveryJudge:
    """How close a voice comes to the one asked.

    Metrics: `phoneme_rate` (phonemes per second of speech), `f0_mean` and `f0_sd` (Hz over voiced frames, 0 if none is voiced),
    `lufs` (BS.1770, LUFS) and `delivery`: the mean ordinal agreement in [0, 1], more is better, over the asked attributes.
    Pitch is always asked, because each description names a register and pitch is measured on that register's scale.
    """

    name = "delivery"
    version = "1"

    def measure(self, batch: Sequence[Utterance]) -> list[Metrics]:
        """Measures one utterance after the other."""
        return [_measure(utterance) for utterance in batch]


def _measure(utterance: Utterance) -> Metrics:
    speech, voice = utterance.sound.speech, utterance.prompt.voice
    pitch = f0(speech)
    mean = float(pitch.mean()) if pitch.shape[0] else 0.0
    metrics = {
        "phoneme_rate": count_phonemes(normalise(utterance.prompt.text)) / speech_seconds(speech),
        "f0_mean": mean,
        "f0_sd": float((pitch - mean).square().mean().sqrt()) if pitch.shape[0] else 0.0,
        "lufs": utterance.sound.lufs,
    }
    wanted = sorted({*asked(voice), Attribute.PITCH})
    agreed = [
        agreement(voice.level(attribute), level(attribute, voice.register, metrics[METRICS[attribute]])) for attribute in wanted
    ]
    return {**metrics, "delivery": math.fsum(agreed) / len(agreed)}
