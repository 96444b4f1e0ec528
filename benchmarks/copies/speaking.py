"""Sound of rewritten and trained networks: the same prompts and random streams for all, as a round has them, and their score."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from transformers import VitsModel

from benchmarks.copies.training import Tensors
from benchmarks.study_attacks import plain_groups
from scoring import competition
from scoring.audio.audio import Audio, to_pcm
from scoring.audio.spoken import Spoken
from scoring.judges.panel import Panel
from scoring.progress import NO_PROGRESS
from scoring.types import MICRO, RoundNumber

PROMPTS = (
    "The train was late again, so we walked.",
    "Would you open the other window, please?",
    "Nine grey herons stood in the rain.",
)
SEEDS = (101, 102, 103)
"""Each prompt's own random stream."""


class Speaker:
    """One network whose tensors are exchanged."""

    def __init__(self, model: VitsModel, ids: Sequence[Sequence[int]]) -> None:
        self._model, self._ids = model, ids
        self._settings = {name: getattr(model, name) for name in ("noise_scale", "noise_scale_duration", "speaking_rate")}

    @torch.inference_mode()
    def say(self, tensors: Tensors, settings: Mapping[str, float] | None = None) -> list[bytes]:
        """The PCM of each prompt, 16 bits; what is missing among the tensors stays the base's."""
        self._model.load_state_dict({_as_loaded(name): tensor for name, tensor in tensors.items()}, strict=False)
        for name, value in (self._settings | dict(settings or {})).items():
            setattr(self._model, name, value)
        return [self._clip(ids, seed) for ids, seed in zip(self._ids, SEEDS, strict=True)]

    @property
    def rate(self) -> int:
        """Hz."""
        return int(self._model.config.sampling_rate)

    def _clip(self, ids: Sequence[int], seed: int) -> bytes:
        torch.manual_seed(seed)
        wave = self._model(input_ids=torch.tensor([list(ids)])).waveform[0]
        return to_pcm(Audio(wave.clamp(-1.0, 1.0), self.rate))


def _as_loaded(name: str) -> str:
    """A tensor's name as the network has it, which transformers' own loading finds out too."""
    name = name.removeprefix("vits.")
    for older, later in ((".weight_g", "original0"), (".weight_v", "original1")):
        if name.endswith(older):
            return name.removesuffix(older) + f".parametrizations.weight.{later}"
    return name


class Court:
    """The embedded judges over the prompts; what sounds equal is judged once, and kept in a file."""

    def __init__(self, rate: int, kept: Path) -> None:
        self._rate, self._panel, self._file = rate, Panel.embedded(), kept
        self._rules = competition.load().at(RoundNumber(0)).track[0]
        self._groups = plain_groups({f"prompt {number}": text for number, text in enumerate(PROMPTS)})
        self._known: dict[str, float] = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}

    def score(self, clips: Sequence[bytes]) -> float:
        """The combined score, 0 … 1."""
        digest = hashlib.sha256(self._panel.identity.hash.encode() + b"".join(clips)).hexdigest()
        if digest not in self._known:
            said = {
                group.prompts[0].id: Spoken(prompt_id=group.prompts[0].id, rate=self._rate, pcm=pcm, seconds=0.0)
                for group, pcm in zip(self._groups, clips, strict=True)
            }
            self._known[digest] = self._panel.judge(self._groups, said, self._rules, NO_PROGRESS).score / MICRO
            self._file.write_text(json.dumps(self._known), encoding="utf-8")
        return self._known[digest]
