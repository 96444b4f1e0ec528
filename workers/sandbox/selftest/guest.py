"""`python -I -m workers.sandbox.selftest.guest ORDERS ANSWERS`: the hostile guest. Each text that it is to speak names what it does."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from scoring.synthesis.load import Device, Loader
from scoring.synthesis.synthesiser import NotAllSpoken, NotSpoken, Request, Waveform
from workers.sandbox.guest.serve import serve
from workers.sandbox.selftest.attempt import Target, attempt
from workers.sandbox.selftest.behaviours import BEHAVIOURS
from workers.sandbox.selftest.catalogue import ATTEMPTS

FAMILY = "hostile"
RATE = 16_000


class HostileGuest:
    """A model with no sound for the name of an attempt: the reason is what became of it. After a behaviour that did not end it comes
    silence."""

    family = FAMILY
    sample_rate = RATE

    def __init__(self, model: Path) -> None:
        self._target = Target(model, model / "config.json")

    def to(self, device: Device) -> None:
        """Nothing of it needs a card."""

    def generate(self, batch: Sequence[Request]) -> list[Waveform]:
        """Do what each text names; raises NotAllSpoken with the outcomes of attempts."""
        results = [self._do(request.text) for request in batch]
        raise NotAllSpoken(results)

    def _do(self, text: str) -> Waveform | NotSpoken:
        if behaviour := BEHAVIOURS.get(text):
            behaviour.act()
            return np.zeros(100, dtype=np.float32)
        tried = attempt(ATTEMPTS[text], self._target)
        return NotSpoken(f"{tried.outcome}: {tried.said}")


def adapter(_family: str) -> Loader:
    """The loader of the hostile guest, whatever it is called."""
    return lambda model, _parts, _threads, _dtype: HostileGuest(model)


if __name__ == "__main__":
    with os.fdopen(int(sys.argv[-2]), "rb") as orders, os.fdopen(int(sys.argv[-1]), "wb") as answers:
        serve(orders, answers, adapter)
