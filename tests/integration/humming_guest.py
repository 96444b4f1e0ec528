"""A guest whose adapter needs packages of its own: run in place of `workers.sandbox.guest`. It hums what it imported."""

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scoring.synthesis.load import Dtype, Loader
from scoring.synthesis.synthesiser import NotAllSpoken, NotSpoken, Request, Waveform
from workers.sandbox.guest.serve import serve


class Humming:
    """A second of the tone that its package names; a text asks for a version, or for a file to be written there."""

    family = "espeak"
    sample_rate = 16_000

    def __init__(self, hum: Any, words: Any) -> None:
        self._hum, self._words = hum, words

    def generate(self, batch: Sequence[Request]) -> list[Waveform]:
        """One sound, or one reason, per request."""
        return [self._say(request.text) for request in batch]

    def _say(self, text: str) -> Waveform:
        if text == "version":
            raise NotAllSpoken([NotSpoken(self._words.__version__)])
        if text == "write":
            Path(self._hum.__file__).write_text("TONE = 1.0", encoding="ascii")
        return np.full(16_000, self._hum.TONE, dtype=np.float32)


def adapter(family: str) -> Loader:
    """Import what the family needs, as an adapter does at its top."""
    hum, words = importlib.import_module("hum"), importlib.import_module("num2words")

    def load(_model: Path, _parts: Path | None, _threads: int, _dtype: Dtype) -> Humming:
        return Humming(hum, words)

    return load


if __name__ == "__main__":
    with os.fdopen(int(sys.argv[-2]), "rb") as orders, os.fdopen(int(sys.argv[-1]), "wb") as answers:
        serve(orders, answers, adapter)
