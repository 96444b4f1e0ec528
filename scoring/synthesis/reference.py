"""The reference model: a fixed amount of plain arithmetic that needs no file. It tells a slow or broken host from such a model."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from scoring.synthesis.load import Device, Dtype
from scoring.synthesis.synthesiser import Request, Waveform

_RATE = 22_050
_SECONDS = 2.0
_PARTIALS = 60
_NEAR = 1e-3
"""What a device's own rounding may change; a broken one is further off."""


class Tones:
    """A sum of tones, the same for every request."""

    family = "reference"
    sample_rate = _RATE

    def __init__(self) -> None:
        self._device: Device | None = None

    def to(self, device: Device) -> None:
        """Let a device compute it, by torch: what is computed here tells whether that was right."""
        self._device = device

    def generate(self, batch: Sequence[Request]) -> list[Waveform]:
        """Two seconds of 60 partials per request; raises ArithmeticError where the device computes something else."""
        tones = [_tone() for _ in batch]
        if self._device is not None:
            said = [_tone_on(self._device) for _ in batch]
            if not all(np.allclose(there, here, atol=_NEAR) for there, here in zip(said, tones, strict=True)):
                raise ArithmeticError(f"the device {self._device} computes something else than the processor")
        return tones


def _tone() -> Waveform:
    time = np.arange(int(_RATE * _SECONDS)) / _RATE
    total = np.zeros_like(time)
    for partial in range(1, _PARTIALS + 1):
        total += np.sin(2.0 * np.pi * 110.0 * partial * time) / partial
    tone: Waveform = (0.5 * total / np.abs(total).max()).astype(np.float32)
    return tone


def _tone_on(device: Device) -> Waveform:
    """The same as one product of matrices."""
    import torch  # not where the processor alone is asked: its import takes longer than the work

    partials = torch.arange(1, _PARTIALS + 1, device=device, dtype=torch.float64)
    time = torch.arange(int(_RATE * _SECONDS), device=device, dtype=torch.float64) / _RATE
    total = partials.reciprocal().float() @ torch.sin(2.0 * torch.pi * 110.0 * partials[:, None] * time).float()
    tone: Waveform = (0.5 * total / total.abs().max()).cpu().numpy()
    return tone


def load(model_dir: Path, parts: Path | None, threads: int, dtype: Dtype) -> Tones:  # noqa: ARG001 - the loader's shape; there is nothing to load
    """The reference model, whatever the folder holds."""
    return Tones()
