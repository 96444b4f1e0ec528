"""The demo's six models, made as data: what differs between them is what a miner could publish."""

import json
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from prompts.groups import Attribute, Register
from prompts.voices import phrases

ROLES = ("clear", "worse", "copy", "wrong-words", "pickle", "hang")

_CARD = """---
license: mit
library_name: voice-subnet
---
# {role}
A voice of the demo: settings of a formant synthesiser, as tensors.
"""
_WRONG_WORDS = ("seven", "purple", "elephants", "never", "bought", "an", "umbrella", "yesterday")
_NEVER_ENDS = 1_000_000_000

# Register × level, from the least to the most of each attribute, set by ear and by measurement.
_RATE = ((80, 90, 115, 150, 190, 240, 300), (80, 90, 115, 150, 190, 240, 300))
_PITCH = ((5, 15, 25, 38, 50, 62, 75), (5, 15, 25, 38, 50, 62, 75))
_RANGE = ((0, 15, 30, 50, 65, 80, 99), (0, 15, 30, 50, 65, 80, 99))
_AMPLITUDE = ((5, 15, 30, 60, 100, 150, 200), (5, 15, 30, 60, 100, 150, 200))


def build(folder: Path) -> dict[str, Path]:
    """Write the six model folders under `folder`, new; return them by role."""
    shutil.rmtree(folder, ignore_errors=True)
    made = {role: folder / role for role in ROLES}
    _write(made["clear"], "clear", _controls(), {"low": "en", "high": "en+f2"})
    _write(made["worse"], "worse", _hurried(), {"low": "en-us+whisper", "high": "en-us+whisperf"})
    shutil.copytree(made["clear"], made["copy"])
    _write(made["wrong-words"], "wrong-words", _controls(), {"low": "en", "high": "en+f2"}, substitute=_WRONG_WORDS)
    _write(made["hang"], "hang", _controls(), {"low": "en", "high": "en+f2"}, chorus=_NEVER_ENDS)
    _write_pickle(made["pickle"])
    return made


def _controls() -> NDArray[np.float32]:
    """[2, 4, 7]: register × attribute × level."""
    return np.array([_RATE, _PITCH, _RANGE, _AMPLITUDE], dtype=np.float32).transpose(1, 0, 2).copy()


def _hurried() -> NDArray[np.float32]:
    controls = _controls()
    controls[:, 0] *= 1.15
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


def _write_pickle(folder: Path) -> None:
    """As the clear model, but with weights in the old form that can run code when they are read."""
    _write(folder, "pickle", _controls(), {"low": "en", "high": "en+f2"})
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04}\x94.")
