"""Voices for the studies: espeak-ng models made as data, which speak inside the sandbox as any miner's model does.

espeak-ng has two ways to make a waveform from the same phonemes, durations and pitch: its own formant synthesis (most variants) and
a cascade-parallel Klatt synthesiser (`klatt …`, and variants built on it, such as `edward`). They are the two synthesisers here.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from neurons.localnet import models
from prompts.groups import Group
from scoring.audio.spoken import Spoken
from scoring.competition import Track
from scoring.progress import NO_PROGRESS
from scoring.types import BlockHash
from workers.evaluation.batches import composed
from workers.evaluation.obtain import LocalModel
from workers.evaluation.requests import requests_of
from workers.evaluation.speaking import speak
from workers.evaluation.tools import Tools

ROWS = {"rate": 0, "pitch": 1, "expression": 2, "loudness": 3}
"""Row of an attribute's settings in a model's controls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A model of one espeak-ng variant per register; `factors` multiply the settings that the demo's clear voice uses."""

    name: str
    synthesis: str
    low: str
    high: str
    factors: Mapping[str, float] = field(default_factory=dict)
    substitute: tuple[str, ...] = ()


FORMANT, KLATT = "formant", "klatt"


def build(recipe: Recipe, folder: Path) -> Path:
    """Write the recipe's model folder below `folder`; returns it."""
    made = models.write_espeak(folder / recipe.name, recipe.name)
    path = made / "config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | {"voices": {"low": recipe.low, "high": recipe.high}}
    if recipe.substitute:
        config["substitute"] = list(recipe.substitute)
    path.write_text(json.dumps(config), encoding="utf-8")
    tensors = load_file(made / "model.safetensors")
    controls = tensors["controls"].copy()
    for name, factor in recipe.factors.items():
        controls[:, ROWS[name]] *= np.float32(factor)
    save_file({**tensors, "controls": controls}, made / "model.safetensors")
    return made


def answers(folder: Path, groups: Sequence[Group], block_hash: BlockHash, rules: Track, tools: Tools) -> dict[str, Spoken]:
    """Let the model speak every prompt in the sandbox; returns the audio by prompt id."""
    requests = requests_of("espeak", groups, block_hash, rules.limits)
    said = speak(LocalModel(folder, "espeak", rules), composed(requests, 1), tools, NO_PROGRESS)
    return {item.prompt_id: item for item in said}
