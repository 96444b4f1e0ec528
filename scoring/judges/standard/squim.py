"""SQUIM, torchaudio's learned quality measures, from safetensors.

The folder's layout: `objective.safetensors` and `subjective.safetensors` hold the state dicts of `torchaudio.models.SquimObjective`
and `SquimSubjective` under their own names, as `safetensors.torch.save_file(bundle.get_model().state_dict(), …)` writes them;
`reference.wav` is clean speech of some other voice, 16 kHz mono, at least a second: the subjective net compares with it.
`config.json` holds {"objective": …, "subjective": …}, {} for torchaudio's base networks. Else the former is the arguments of
`squim_objective_model`; the latter {"encoder": <arguments of `wav2vec2_model`>, "features": int, "projected": int, "attention": int}.
"""

import json
from pathlib import Path
from typing import Any

import soundfile
import torch
from torchaudio.models import (
    SquimObjective,
    SquimSubjective,
    squim_objective_base,
    squim_objective_model,
    squim_subjective_base,
    wav2vec2_model,
)
from torchaudio.models.squim.subjective import Predictor

from scoring.audio.clip import RATE
from scoring.errors import Code, InfrastructureFault
from scoring.judges.standard.device import Device
from scoring.judges.standard.pretrained import fill


class Squim:
    """Both networks."""

    names = ("stoi", "pesq", "si_sdr", "squim_mos")

    def __init__(self, folder: Path, device: Device) -> None:
        self._device = device
        try:
            config: dict[str, dict[str, Any]] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            objective, subjective = networks(config["objective"], config["subjective"])
            reference, rate = soundfile.read(folder / "reference.wav", dtype="float32", always_2d=True)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, soundfile.SoundFileError) as exc:
            raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"SQUIM cannot be loaded: {exc}") from exc
        if rate != RATE or reference.shape[1] != 1 or reference.shape[0] < RATE:
            raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, "SQUIM's reference.wav is not a second of 16 kHz mono speech")
        self._objective = fill(objective, folder / "objective.safetensors", device)
        self._subjective = fill(subjective, folder / "subjective.safetensors", device)
        self._reference = torch.from_numpy(reference[:, 0]).to(device.value)

    def __call__(self, waves: torch.Tensor) -> torch.Tensor:
        """Scores [n, 4] of waves [n, samples] at 16 kHz: STOI, PESQ, SI-SDR in dB, opinion 1 … 5. More is better."""
        waves = waves.to(self._device.value)
        reference = self._reference[None].expand(waves.shape[0], -1)
        return torch.stack([*self._objective(waves), self._subjective(waves, reference)], dim=1)


def networks(objective: dict[str, Any], subjective: dict[str, Any]) -> tuple[SquimObjective, SquimSubjective]:
    """Both networks without weights, as `config.json` describes them; raises KeyError, TypeError or ValueError."""
    first = squim_objective_model(**objective) if objective else squim_objective_base()
    if not subjective:
        return first, squim_subjective_base()
    features, projected = int(subjective["features"]), int(subjective["projected"])
    encoder = wav2vec2_model(**subjective["encoder"])
    predictor = Predictor(2 * projected, int(subjective["attention"]))
    return first, SquimSubjective(encoder, torch.nn.Linear(features, projected), predictor)
