"""A UTMOS-class net: an encoder trained without labels, a recurrent layer over its frames, and an opinion for each frame.

The folder's layout: `config.json` holds {"encoder": <config of transformers' Wav2Vec2Model>, "domain": int, "judge": int,
"recurrent": int, "hidden": int}: sizes of the two constant vectors and of the two layers (UTMOS22's strong learner: 128, 128, 512,
2048). `model.safetensors` holds `encoder.*` as Wav2Vec2Model names its tensors, `domain` [domain] and `judge` [judge] (the vectors
learned for the task and for the average listener), `recurrent.*` as torch.nn.LSTM does (one layer, both directions),
`opinion.0.*` and `opinion.2.*` (linear layers).
"""

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoModel, Wav2Vec2Config

from scoring.errors import Code, InfrastructureFault
from scoring.judges.standard.device import Device
from scoring.judges.standard.pretrained import fill

MIDDLE, HALF = 3.0, 2.0
"""A frame's output -1 … 1 stands for opinions 1 … 5."""


class Utmos(nn.Module):
    """Opinion 1 (bad) … 5 (excellent) on a wave."""

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


def load(folder: Path, device: Device) -> Utmos:
    """The network from a folder; raises InfrastructureFault(JUDGE_UNAVAILABLE)."""
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        sizes = {name: int(config[name]) for name in ("domain", "judge", "recurrent", "hidden")}
        model = Utmos(Wav2Vec2Config.from_dict(config["encoder"]), **sizes)
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"the UTMOS net cannot be built: {exc}") from exc
    loaded: Utmos = fill(model, folder / "model.safetensors", device)
    return loaded


def _with(frames: torch.Tensor, constant: torch.Tensor) -> torch.Tensor:
    """Frames [n, frames, a], each with the same vector [b] behind it: [n, frames, a + b]."""
    return torch.cat([frames, constant.expand(*frames.shape[:2], -1)], dim=2)
