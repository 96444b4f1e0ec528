"""A guest whose model takes its time: run in place of `workers.sandbox.guest`. Each text says how, and is spoken as noise of its own."""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from scoring.synthesis.load import Dtype
from scoring.synthesis.synthesiser import Request, Waveform
from workers.sandbox.guest.serve import serve


class Slow:
    """Computes for a moment, for ever (`busy`), or not at all (`asleep`)."""

    family = "slow"
    sample_rate = 16_000

    def generate(self, batch: Sequence[Request]) -> list[Waveform]:
        """Noise of a quarter of a second each, once the time is over."""
        return [self._say(request) for request in batch]

    def _say(self, request: Request) -> Waveform:
        while request.text == "asleep":
            time.sleep(1.0)
        began = time.process_time()
        while request.text == "busy" or time.process_time() - began < 0.2:
            pass
        noise: Waveform = np.random.default_rng(request.seed).uniform(-0.5, 0.5, 4_000).astype(np.float32)
        return noise


def load(_model: Path, _parts: Path | None, _threads: int, _dtype: Dtype) -> Slow:
    """The model, whatever the folder holds; `busy` in its name makes it load for ever."""
    while "busy" in _model.name:
        pass
    return Slow()


if __name__ == "__main__":
    with os.fdopen(int(sys.argv[-2]), "rb") as orders, os.fdopen(int(sys.argv[-1]), "wb") as answers:
        serve(orders, answers, lambda _family: load)
