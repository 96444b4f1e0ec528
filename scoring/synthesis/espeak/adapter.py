"""The espeak family: a formant synthesiser whose settings are a model's parameters. Small, honest, and used by demo and tests.

model.safetensors: `controls`, float32 [2, 4, 7]: register (low, high) × attribute (words per minute, pitch, range, amplitude) ×
level (least … most); `word_gap`, float32 [1], in 10 ms.
config.json: `voices` per register, and `phrases`: the words by which a description asks for a register or a level. Optional:
`substitute`, words that are said instead of the text, and `chorus`, how many takes of a text are mixed into one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from scoring.synthesis.espeak_library import EspeakSettings, sample_rate, say
from scoring.synthesis.load import Dtype
from scoring.synthesis.synthesiser import Request, Waveform

REGISTERS = ("low", "high")
ATTRIBUTES = ("rate", "pitch", "expression", "loudness")
LEVELS = 7
ORDINARY = 3
_SHAPE = (len(REGISTERS), len(ATTRIBUTES), LEVELS)


@dataclass(frozen=True, slots=True, kw_only=True)
class EspeakConfig:
    """config.json, as far as this adapter reads it."""

    voices: tuple[str, ...]
    """espeak-ng's voice of each register."""
    registers: tuple[tuple[str, ...], ...]
    """Phrases that ask for a register, in lower case."""
    levels: Mapping[str, tuple[tuple[str, ...], ...]]
    """Phrases that ask for a level, by attribute, in lower case."""
    substitute: tuple[str, ...]
    """Words that are said instead of the text, if there are any."""
    chorus: int
    """Number of takes that are mixed into one."""


class EspeakVoice:
    """A loaded espeak model; it reads the description in words and changes voice, rate, pitch, range and amplitude with it."""

    family = "espeak"

    def __init__(self, rate: int, config: EspeakConfig, controls: NDArray[np.float32], word_gap: int) -> None:
        self.sample_rate = rate
        self._config, self._controls, self._word_gap = config, controls, word_gap

    def generate(self, batch: Sequence[Request]) -> list[Waveform]:
        """One utterance after the other; nothing is random."""
        return [self._say(request) for request in batch]

    def _say(self, request: Request) -> Waveform:
        settings = self._settings(request.description.lower())
        text = " ".join(self._config.substitute) or request.text
        mixed = say(text, settings)
        for take in range(1, self._config.chorus):
            mixed = (mixed * np.float32(take) + say(text, settings)) / np.float32(take + 1)
        return mixed

    def _settings(self, description: str) -> EspeakSettings:
        register = _first(self._config.registers, description, 0)
        levels = [_first(self._config.levels[name], description, ORDINARY) for name in ATTRIBUTES]
        rate, pitch, spread, amplitude = (round(float(self._controls[register, row, level])) for row, level in enumerate(levels))
        return EspeakSettings(
            voice=self._config.voices[register],
            rate=rate,
            pitch=pitch,
            range=spread,
            amplitude=amplitude,
            word_gap=self._word_gap,
        )


def _first(choices: Sequence[Sequence[str]], description: str, otherwise: int) -> int:
    """The first choice one of whose phrases occurs in the description."""
    return next((index for index, ways in enumerate(choices) if any(way in description for way in ways)), otherwise)


def load(model_dir: Path, parts: Path | None, threads: int, dtype: Dtype) -> EspeakVoice:  # noqa: ARG001 - the loader's shape
    """Read parameters and config; raises ValueError or KeyError for a folder that is not such a model."""
    tensors = load_file(model_dir / "model.safetensors")
    if set(tensors) != {"controls", "word_gap"}:
        raise ValueError("the tensors are controls and word_gap, and no others")
    controls, word_gap = tensors["controls"].astype(np.float32), tensors["word_gap"]
    if controls.shape != _SHAPE or word_gap.shape != (1,) or not np.isfinite(controls).all() or not np.isfinite(word_gap).all():
        raise ValueError(f"controls is a finite tensor of shape {_SHAPE}, word_gap one of shape (1,)")
    config = _read_config(json.loads((model_dir / "config.json").read_text(encoding="utf-8")))
    return EspeakVoice(sample_rate(), config, controls, int(word_gap[0]))


def _read_config(raw: Mapping[str, object]) -> EspeakConfig:
    voices, phrases = raw["voices"], raw["phrases"]
    if not isinstance(voices, dict) or not isinstance(phrases, dict):
        raise ValueError("voices and phrases are objects")
    substitute, chorus = raw.get("substitute", []), raw.get("chorus", 1)
    if not isinstance(chorus, int) or chorus < 1:
        raise ValueError("chorus is a whole number from 1")
    return EspeakConfig(
        voices=tuple(str(voices[register]) for register in REGISTERS),
        registers=tuple(_phrases(phrases["register"][register]) for register in REGISTERS),
        levels={name: tuple(_phrases(ways) for ways in phrases[name]) for name in ATTRIBUTES},
        substitute=_phrases(substitute),
        chorus=chorus,
    )


def _phrases(raw: object) -> tuple[str, ...]:
    if not isinstance(raw, list) or not all(isinstance(phrase, str) and phrase for phrase in raw):
        raise ValueError("phrases are lists of words")
    return tuple(phrase.lower() for phrase in raw)
