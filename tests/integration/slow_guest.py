"""A guest whose model takes its time: run in place of `workers.sandbox.guest`. A text or the model's name says how; it speaks noise."""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from scoring.synthesis.load import Dtype
from scoring.synthesis.synthesiser import Request, Waveform
from workers.sandbox.guest.serve import serve

NAP = 0.2
"""Seconds for each sample."""


class Slow:
    """Computes for a moment, for ever (`busy`), or not at all (`asleep`); or needs `nap` seconds and no processor."""

    family = "slow"
    sample_rate = 16_000

    def __init__(self, nap: float) -> None:
        self._nap = nap

    def generate(self, batch: Sequence[Request]) -> list[Waveform]:
        """Noise of a quarter of a second each, once the time is over."""
        return [self._say(request) for request in batch]

    def _say(self, request: Request) -> Waveform:
        while request.text == "asleep":
            time.sleep(1.0)
        time.sleep(self._nap)
        began = time.process_time() - self._nap
        while request.text == "busy" or time.process_time() - began < 0.2:
            pass
        noise: Waveform = np.random.default_rng(request.seed).uniform(-0.5, 0.5, 4_000).astype(np.float32)
        return noise


def load(model: Path, _parts: Path | None, _threads: int, _dtype: Dtype) -> Slow:
    """The model, whatever the folder holds; the name `busy` makes it load for ever, `naps` nap."""
    while model.name == "busy":
        pass
    return Slow(NAP if model.name == "naps" else 0.0)


if __name__ == "__main__":
    with os.fdopen(int(sys.argv[-2]), "rb") as orders, os.fdopen(int(sys.argv[-1]), "wb") as answers:
        serve(orders, answers, lambda _family: load)
