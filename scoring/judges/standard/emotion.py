"""Emotion: a voice that was asked to be flat should sound neutral, and a lively one should not.

Descriptions ask for no emotion by name. What they ask for that an emotion classifier can hear is the level of expression, from
'like a machine' to 'exuberant': its extremes should move the probability of the class 'neutral' up or down. With s from -1 (the
flattest) to 1 (the liveliest) as asked, and p the probability of 'neutral':

    emotion = 1 - |s| (1 - p)   for s < 0,      1 - |s| p   for s > 0

that is: the share of the asked expression that is not contradicted; 1 where none was asked.

Known weakness: the public classifiers learned four acted emotions of few speakers, and some of what they hear is in the words. A
voice may be lively without any of their emotions. So its weight in a score has to be small, and pitch is measured beside it, in
delivery.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoModelForAudioClassification, Wav2Vec2FeatureExtractor

from prompts.voices import LEVELS, ORDINARY
from scoring.errors import Code, InfrastructureFault
from scoring.judges.judge import Utterance
from scoring.judges.standard.models import LANES, Device
from scoring.judges.standard.network import (
    NetworkInput,
    front_end_values,
    load_front_end,
    load_network,
    pad_with_repeats,
    run_in_lanes,
)
from scoring.report import Metrics


class EmotionJudge:
    """Metrics: `neutral`, the classifier's probability of that class, 0 … 1; `emotion`, 0 … 1, more is better (see above)."""

    name = "emotion"

    def __init__(self, folder: Path, device: Device, version: str) -> None:
        self.version = version
        self._device = device
        self._model = load_network(AutoModelForAudioClassification, folder, device)
        self._features = load_front_end(Wav2Vec2FeatureExtractor, folder)
        neutral = [number for number, name in self._model.config.id2label.items() if str(name).lower().startswith("neu")]
        if len(neutral) != 1:
            raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, "the emotion model has no class 'neutral', or several")
        self._neutral = int(neutral[0])

    def measure(self, batch: Sequence[Utterance]) -> list[Metrics]:
        """Both metrics of each utterance."""
        inputs = [NetworkInput((pad_with_repeats(front_end_values(self._features, utterance.clip)),)) for utterance in batch]
        found = [float(part) for part in run_in_lanes(self._forward, inputs, LANES[self._device])]
        return [
            {"neutral": neutral, "emotion": agreement(utterance.prompt.voice.expression, neutral)}
            for utterance, neutral in zip(batch, found, strict=True)
        ]

    def _forward(self, values: torch.Tensor) -> torch.Tensor:
        """Probabilities of 'neutral' [lanes]."""
        chances: torch.Tensor = torch.softmax(self._model(values.to(self._device.value)).logits, dim=-1)[:, self._neutral]
        return chances


def agreement(asked: int, neutral: float) -> float:
    """Agreement of a probability of 'neutral' with the level of expression asked, 0 … 6: 0 … 1, more is better.

    >>> agreement(asked=6, neutral=0.25), agreement(asked=0, neutral=0.25), agreement(asked=3, neutral=0.25)
    (0.75, 0.25, 1.0)
    """
    strength = (asked - ORDINARY) / (LEVELS - 1 - ORDINARY)
    return 1.0 - abs(strength) * (neutral if strength > 0 else 1.0 - neutral)
