"""Naturalness by learned opinions: SQUIM on the signal, a UTMOS-class net on the speech.

SQUIM (Kumar et al. 2023) is torchaudio's. Its folder: `objective.safetensors` and `subjective.safetensors` hold the state dicts of
`torchaudio.models.SquimObjective` and `SquimSubjective` under their own names, as
`safetensors.torch.save_file(bundle.get_model().state_dict(), …)` writes them; `reference.wav` is clean speech of some other voice, 16 kHz
mono, at least a second: the subjective net compares with it. `config.json` holds {"objective": …, "subjective": …}, {} for torchaudio's
base networks. Else the former is the arguments of `squim_objective_model`; the latter {"encoder": <arguments of `wav2vec2_model`>,
"features": int, "projected": int, "attention": int}.

A UTMOS-class net (Saeki et al. 2022) is an encoder trained without labels, a recurrent layer over its frames, and an opinion for each
frame. Its folder: `config.json` holds {"encoder": <config of transformers' Wav2Vec2Model>, "domain": int, "judge": int,
"recurrent": int, "hidden": int}: sizes of the two constant vectors and of the two layers (UTMOS22's strong learner: 128, 128, 512,
2048). `model.safetensors` holds `encoder.*` as Wav2Vec2Model names its tensors, `domain` [domain] and `judge` [judge] (the vectors
learned for the task and for the average listener), `recurrent.*` as torch.nn.LSTM does (one layer, both directions),
`opinion.0.*` and `opinion.2.*` (linear layers).
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import soundfile
import torch
from torch import nn
from torchaudio.models import (
    SquimObjective,
    SquimSubjective,
    squim_objective_base,
    squim_objective_model,
    squim_subjective_base,
    wav2vec2_model,
)
from torchaudio.models.squim.subjective import Predictor
from transformers import AutoModel, Wav2Vec2Config

from scoring.audio.clip import RATE
from scoring.errors import Code, InfrastructureFault
from scoring.judges.judge import Utterance
from scoring.judges.standard.models import LANES, Device
from scoring.judges.standard.network import NetworkInput, load_weights, pad_with_repeats, run_in_lanes
from scoring.report import Metrics

MIDDLE, HALF = 3.0, 2.0
"""A frame's output -1 … 1 stands for opinions 1 … 5."""


class Squim:
    """SQUIM's two networks, on one device."""

    names = ("stoi", "pesq", "si_sdr", "squim_mos")

    def __init__(self, folder: Path, device: Device) -> None:
        self._device = device
        try:
            config: dict[str, dict[str, Any]] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            objective, subjective = squim_networks(config["objective"], config["subjective"])
            reference, rate = soundfile.read(folder / "reference.wav", dtype="float32", always_2d=True)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, soundfile.SoundFileError) as exc:
            raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"SQUIM cannot be loaded: {exc}") from exc
        if rate != RATE or reference.shape[1] != 1 or reference.shape[0] < RATE:
            raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, "SQUIM's reference.wav is not a second of 16 kHz mono speech")
        self._objective = load_weights(objective, folder / "objective.safetensors", device)
        self._subjective = load_weights(subjective, folder / "subjective.safetensors", device)
        self._reference = torch.from_numpy(reference[:, 0]).to(device.value)

    def __call__(self, waves: torch.Tensor) -> torch.Tensor:
        """Scores [n, 4] of waves [n, samples] at 16 kHz: STOI, PESQ, SI-SDR in dB, opinion 1 … 5. More is better."""
        waves = waves.to(self._device.value)
        reference = self._reference[None].expand(waves.shape[0], -1)
        return torch.stack([*self._objective(waves), self._subjective(waves, reference)], dim=1)


def squim_networks(objective: dict[str, Any], subjective: dict[str, Any]) -> tuple[SquimObjective, SquimSubjective]:
    """Both networks without weights, as `config.json` describes them; raises KeyError, TypeError or ValueError."""
    first = squim_objective_model(**objective) if objective else squim_objective_base()
    if not subjective:
        return first, squim_subjective_base()
    features, projected = int(subjective["features"]), int(subjective["projected"])
    encoder = wav2vec2_model(**subjective["encoder"])
    predictor = Predictor(2 * projected, int(subjective["attention"]))
    return first, SquimSubjective(encoder, torch.nn.Linear(features, projected), predictor)


class Utmos(nn.Module):
    """A network that gives an opinion 1 (bad) … 5 (excellent) on a wave."""

    def __init__(self, encoder: Wav2Vec2Config, domain: int, judge: int, recurrent: int, hidden: int) -> None:
        super().__init__()
        models: Any = AutoModel  # its own types are incomplete
        self.encoder = models.from_config(encoder, attn_implementation="eager")
        self.domain = nn.Parameter(torch.zeros(domain))
        self.judge = nn.Parameter(torch.zeros(judge))
        self.recurrent = nn.LSTM(encoder.hidden_size + domain, recurrent, batch_first=True, bidirectional=True)
        self.opinion = nn.Sequential(nn.Linear(2 * recurrent + judge, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, waves: torch.Tensor) -> torch.Tensor:
        """Opinions [n] on waves [n, samples] at 16 kHz: the mean over frames."""
        waves = waves.to(self.domain.device)
        frames = self.encoder(waves).last_hidden_state  # [n, frames, encoder]
        states, _ = self.recurrent(_with(frames, self.domain))  # [n, frames, 2 * recurrent]
        opinions: torch.Tensor = self.opinion(_with(states, self.judge))[..., 0].mean(dim=1)
        return opinions * HALF + MIDDLE


def load_utmos(folder: Path, device: Device) -> Utmos:
    """The network from a folder; raises InfrastructureFault(JUDGE_UNAVAILABLE)."""
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        sizes = {name: int(config[name]) for name in ("domain", "judge", "recurrent", "hidden")}
        model = Utmos(Wav2Vec2Config.from_dict(config["encoder"]), **sizes)
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"the UTMOS net cannot be built: {exc}") from exc
    loaded: Utmos = load_weights(model, folder / "model.safetensors", device)
    return loaded


def _with(frames: torch.Tensor, constant: torch.Tensor) -> torch.Tensor:
    """Frames [n, frames, a], each with the same vector [b] behind it: [n, frames, a + b]."""
    return torch.cat([frames, constant.expand(*frames.shape[:2], -1)], dim=2)


class MosJudge:
    """Opinions without a reference, by both networks.

    Metrics, more is better: `utmos` and `squim_mos` (opinions, 1 … 5), `pesq` (1 … 4.64, an estimate of ITU-T P.862), `stoi` (0 … 1, an
    estimate of short-time objective intelligibility, Taal et al. 2011), `si_sdr` (dB, an estimate of the scale-invariant
    signal-to-distortion ratio, Le Roux et al. 2019). Both hear the speech without the silence around it, at -23 LUFS, begun again until
    its bucket is full.
    """

    name = "naturalness"

    def __init__(self, squim: Squim, utmos: Utmos, device: Device, version: str) -> None:
        self.version = version
        self._squim, self._utmos, self._lanes = squim, utmos, LANES[device]

    def measure(self, batch: Sequence[Utterance]) -> list[Metrics]:
        """Measure all utterances together; raises InfrastructureFault when a network fails."""
        inputs = [NetworkInput((pad_with_repeats(utterance.clip.level.samples),)) for utterance in batch]
        signals, opinions = run_in_lanes(self._squim, inputs, self._lanes), run_in_lanes(self._utmos, inputs, self._lanes)
        return [
            {**dict(zip(Squim.names, signal.tolist(), strict=True)), "utmos": float(opinion)}
            for signal, opinion in zip(signals, opinions, strict=True)
        ]
