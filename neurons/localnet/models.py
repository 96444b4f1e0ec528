"""The demo's six models, made as data: each is something that a miner could publish."""

import json
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from prompts.voices import Attribute, Register, phrases

ROLES = ("worse", "clear", "copy", "wrong-words", "pickle", "hang")

_CARD = """---
license: mit
library_name: voice-subnet
---
# {role}
A voice of the demo: settings of a formant synthesiser, as tensors.
"""
_WRONG_WORDS = (
    *("seven", "purple", "elephants", "never", "bought", "an", "umbrella", "yesterday"),
    *("because", "nobody", "ever", "sells", "them", "on", "thursdays"),
)
_NEVER_ENDS = 1_000_000_000

# Per register (low, high), from the least to the most of each attribute: set by measurement, so that each level of rate and pitch lands
# in its bin. espeak-ng's range ends at 99, 2.5 semitones: it cannot be as lively as levels 4 to 6 ask.
_RATE = ((90, 112, 133, 171, 214, 246, 286),) * 2
_PITCH = ((0, 18, 30, 45, 59, 69, 83), (3, 21, 34, 49, 63, 73, 87))
_RANGE = ((8, 25, 50, 50, 99, 99, 99),) * 2
_AMPLITUDE = ((14, 20, 31, 50, 80, 122, 200),) * 2
_CLEAR = {"low": "en-us+edward", "high": "en-us+f2"}
_OVERDRIVEN = 8.0
"""So much louder that the sound is clipped."""


def build(folder: Path) -> dict[str, Path]:
    """Write the six model folders under `folder`, new; return them by role."""
    shutil.rmtree(folder, ignore_errors=True)
    made = {role: folder / role for role in ROLES}
    _write(made["clear"], "clear", _controls(), _CLEAR)
    _write(made["worse"], "worse", _controls(louder=_OVERDRIVEN), _CLEAR)
    shutil.copytree(made["clear"], made["copy"])
    _write(made["wrong-words"], "wrong-words", _controls(louder=1.01), _CLEAR, substitute=_WRONG_WORDS)
    _write(made["hang"], "hang", _controls(louder=1.02), _CLEAR, chorus=_NEVER_ENDS)
    _write(made["pickle"], "pickle", _controls(), _CLEAR)  # with weights in the old form, which can run code when they are read
    (made["pickle"] / "model.safetensors").unlink()
    (made["pickle"] / "pytorch_model.bin").write_bytes(b"\x80\x04}\x94.")
    return made


def _controls(louder: float = 1.0) -> NDArray[np.float32]:
    """[2, 4, 7]: register × attribute × level. Models with equal tensors are one lineage, so each has a loudness of its own."""
    controls = np.array([_RATE, _PITCH, _RANGE, _AMPLITUDE], dtype=np.float32).transpose(1, 0, 2).copy()
    controls[:, 3] *= louder
    return controls


def _write(folder: Path, role: str, controls: NDArray[np.float32], voices: dict[str, str], **options: object) -> None:
    known = phrases()
    config = {
        "model_type": "espeak",
        "architectures": ["EspeakVoice"],
        "voices": voices,
        "phrases": {
            "register": {register.value: known.speakers[register] for register in Register},
            **{attribute.value: known.levels[attribute] for attribute in Attribute},
        },
        **options,
    }
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(_CARD.format(role=role), encoding="utf-8")
    save_file({"controls": controls, "word_gap": np.zeros(1, dtype=np.float32)}, folder / "model.safetensors")
