"""Six models of the espeak family in the demo's roles: quick to make and to speak, where no trained voice is asked for."""

import shutil
from pathlib import Path

from neurons.localnet import models

OVERDRIVEN = 8.0
"""So much louder that the sound is clipped."""


def build(folder: Path) -> dict[str, Path]:
    """Write the model folders under `folder`, new; return them by role. Those that speak have tensors of their own."""
    shutil.rmtree(folder, ignore_errors=True)
    made = {
        "clear": models.write_espeak(folder / "clear", "clear"),
        "worse": models.write_espeak(folder / "worse", "worse", louder=OVERDRIVEN),
        "wrong-words": models.write_espeak(folder / "wrong-words", "wrong-words", louder=1.01, substitute=["never", "again"]),
        "hang": models.write_espeak(folder / "hang", "hang", louder=1.02, chorus=1_000_000_000),
        "pickle": models.write_pickle(folder / "pickle"),
    }
    return made | {"copy": shutil.copytree(made["clear"], folder / "copy")}
