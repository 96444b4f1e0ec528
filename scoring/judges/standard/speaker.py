"""Consistency: likeness of two clips' embeddings by a network that was trained to tell speakers apart."""

from pathlib import Path

import torch
from transformers import Wav2Vec2FeatureExtractor, WavLMForXVector

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


class XVectorJudge:
    """Likeness of two clips' voices.

    Metric `speaker_similarity`: cosine of the clips' x-vectors, `a·b / (|a| |b|)`, -1 … 1, more is better. Source: x-vectors (Snyder et al.
    2018) by WavLM (Chen et al. 2022).
    """

    name = "speaker"

    def __init__(self, folder: Path, device: Device, version: str) -> None:
        self.version = version
        self._device = device
        self._model = load_network(WavLMForXVector, folder, device)
        self._features = load_front_end(Wav2Vec2FeatureExtractor, folder)

    def compare(self, one: Utterance, other: Utterance) -> Metrics:
        """The same in either order: each clip is embedded on its own."""
        inputs = [
            NetworkInput((pad_with_repeats(front_end_values(self._features, utterance.clip)),)) for utterance in (one, other)
        ]
        first, second = (vector.to(torch.float64) for vector in run_in_lanes(self._embed, inputs, LANES[self._device]))
        return {"speaker_similarity": float(torch.nn.functional.cosine_similarity(first, second, dim=0))}

    def _embed(self, values: torch.Tensor) -> torch.Tensor:
        """X-vectors [lanes, dimensions]."""
        embeddings: torch.Tensor = self._model(values.to(self._device.value)).embeddings
        return embeddings
