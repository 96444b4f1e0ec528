"""The reference model: a fixed amount of plain arithmetic that needs no file. It tells a slow host from a slow model."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from scoring.synthesis.load import Dtype
from scoring.synthesis.synthesiser import Request, Waveform

_RATE = 22_050
_SECONDS = 2.0
_PARTIALS = 60


class Tones:
    """A sum of tones, the same for every request."""

    family = "reference"
    sample_rate = _RATE

    def generate(self, batch: Sequence[Request]) -> list[Waveform]:
        """Two seconds of 60 partials per request."""
        return [self._tone() for _ in batch]

    def _tone(self) -> Waveform:
        time = np.arange(int(_RATE * _SECONDS)) / _RATE
        total = np.zeros_like(time)
        for partial in range(1, _PARTIALS + 1):
            total += np.sin(2.0 * np.pi * 110.0 * partial * time) / partial
        tone: Waveform = (0.5 * total / np.abs(total).max()).astype(np.float32)
        return tone


def load(model_dir: Path, parts: Path | None, threads: int, dtype: Dtype) -> Tones:  # noqa: ARG001 - the loader's shape; there is nothing to load
    """The reference model, whatever the folder holds."""
    return Tones()
