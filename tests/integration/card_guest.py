"""A guest of a track on cards, on a machine without one: run in place of `workers.sandbox.guest`. The walls are those of a card.

`card_guest.py broken` is a host whose card fails every model. A text says how its model fails; else it speaks noise.
"""

import ctypes
import fcntl
import mmap
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from scoring.synthesis.load import Device, Dtype, Loader
from scoring.synthesis.synthesiser import Request, Waveform
from workers.sandbox.guest import on_card
from workers.sandbox.guest.serve import serve

ERROR = "CUDA error: device-side assert triggered"
_NO_RESERVE = 0x4000
STEAL_INPUT = 0x5412
"""A request of ioctl that is no card's: it would type into a terminal."""


class OnCard:
    """Fails as its text or its name says."""

    family = "llama_snac"
    sample_rate = 16_000

    def __init__(self, name: str, folder: Path) -> None:
        self._name, self._folder = name, folder

    def to(self, device: Device) -> None:
        """Fails where its name says so."""
        if (device, self._name) != ("cuda", "well"):
            raise RuntimeError(ERROR)

    def generate(self, batch: Sequence[Request]) -> list[Waveform]:
        """Noise of a quarter of a second each."""
        return [self._say(request) for request in batch]

    def _say(self, request: Request) -> Waveform:
        match request.text:
            case "error":
                raise RuntimeError(ERROR)
            case "once" if not (self._folder / "tried").exists():
                raise RuntimeError(ERROR)
            case "crash":
                ctypes.string_at(0)
            case "memory":
                raise OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
            case "reach":
                _use_what_a_driver_uses()
        noise: Waveform = np.random.default_rng(request.seed).uniform(-0.5, 0.5, 4_000).astype(np.float32)
        return noise


class OutOfMemoryError(RuntimeError):
    """Has the name of torch's."""


def _use_what_a_driver_uses() -> None:
    mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
    mmap.mmap(-1, 1 << 40, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NO_RESERVE)
    Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text("cuda", encoding="ascii")
    try:
        fcntl.ioctl(0, STEAL_INPUT, b"x")
    except PermissionError:
        return
    raise ValueError("another's ioctl was possible")


def adapter(family: str) -> Loader:
    """The model, or the reference model."""
    is_broken = "broken" in sys.argv

    def load(model: Path, _parts: Path | None, _threads: int, _dtype: Dtype) -> OnCard:
        if family == "reference":
            return OnCard("broken" if is_broken else "well", model)
        return OnCard(model.name, model)

    return load


if __name__ == "__main__":
    vars(on_card)["bound_memory"] = lambda _most: None
    with os.fdopen(int(sys.argv[-2]), "rb") as orders, os.fdopen(int(sys.argv[-1]), "wb") as answers:
        serve(orders, answers, adapter)
