"""DistillMOS: a network that predicts listeners' opinion of a clip, rebuilt from its published weights.

Source: Stahl and Gamper 2025, "Distillation and Pruning for Scalable Self-Supervised Representation-Based Speech Quality Assessment"
(package `distillmos`, MIT). The layers are theirs, in their order; nothing here is trained.
"""

import io
import itertools
from pathlib import Path

import torch
from torch import nn

from scoring.errors import Code, InfrastructureFault
from scoring.judges.weights import DISTILLMOS, read

WINDOW = 122_880
"""Samples that the network takes: 7.68 s at 16 kHz."""
FRAME, HOP = 320, 160
CHANNELS = (2, 64, 64, 128, 256, 256, 256)
FREQUENCIES = 4
"""Left of 161 after the six convolutions."""
WIDTH, HEADS, LAYERS, HIDDEN, FRAMES = 200, 8, 7, 400, 384
COMPRESSION = 0.3
"""Exponent of the magnitudes."""
LEAST = 1e-12
SLOPE = 0.1
"""Of the leaky rectifiers."""
NESTING = ("cnn.", "transformer_pool_attn.", "transformer.", "position_encoding.", "pool.")
"""Prefixes of the published names, in this order, that ours do without."""


class Convolution(nn.Conv2d):
    """A convolution by oneDNN, twice as fast as torch's own, whatever the process's switch for it says.

    Its input always has one shape here, so its code is built once and memory does not grow.
    """

    def forward(self, cells: torch.Tensor) -> torch.Tensor:
        """Same numbers as `nn.Conv2d`, to rounding."""
        if not torch.backends.mkldnn.is_available() or cells.device.type != "cpu":  # type: ignore[no-untyped-call]
            return super().forward(cells)
        padding = [int(size) for size in self.padding]
        found: torch.Tensor = torch.mkldnn_convolution(
            cells,
            self.weight,
            bias=self.bias,
            padding=padding,
            stride=self.stride,
            dilation=self.dilation,
            groups=self.groups,
        )
        return found


class DistillMos(nn.Module):
    """The network: float32 waves [n, 122880] at 16 kHz to opinions [n], 1 (bad) … 5 (excellent), more is better."""

    def __init__(self) -> None:
        super().__init__()
        convolutions: list[nn.Module] = []
        for index, (before, after) in enumerate(itertools.pairwise(CHANNELS)):
            strides = (2 if index else 1, 2 if index == len(CHANNELS) - 2 else 1)  # over frequency, over time
            convolutions += [Convolution(before, after, 3, strides, (0, 1)), nn.LeakyReLU(SLOPE, inplace=True)]
        self.cnn = nn.Sequential(*convolutions)
        features = CHANNELS[-1] * FREQUENCIES
        self.norm_input, self.norm = nn.BatchNorm1d(features), nn.BatchNorm1d(features)
        self.linear_proj = nn.Linear(features, WIDTH)
        self.register_buffer("pe", torch.zeros(1, FRAMES, WIDTH))
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, HIDDEN, dropout=0.0, batch_first=True)
        self.transformer_encoder = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
        self.norm_trans = nn.BatchNorm1d(WIDTH)
        self.linear1, self.linear2, self.linear3 = nn.Linear(WIDTH, HIDDEN), nn.Linear(HIDDEN, 1), nn.Linear(WIDTH, 1)

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        """Opinions on waves; see the class."""
        wave = wave / (wave.abs().amax(dim=1, keepdim=True) + 1e-8)
        padded = nn.functional.pad(wave, ((FRAME - HOP) // 2,) * 2, mode="reflect")
        window = torch.hann_window(FRAME, device=wave.device)
        spectrum = torch.view_as_real(torch.stft(padded, FRAME, HOP, window=window, center=False, return_complex=True))
        size = spectrum.square().sum(dim=-1, keepdim=True).sqrt().clamp(min=LEAST)  # [n, 161, 768, 1]
        cells: torch.Tensor = self.cnn((size**COMPRESSION * spectrum / size).permute(0, 3, 1, 2))  # [n, 256, 4, 384]
        features = self.norm(self.norm_input(cells.flatten(1, 2)))  # [n, 1024, 384]
        frames = self.linear_proj(features.transpose(1, 2)) + self.pe
        frames = self.norm_trans(self.transformer_encoder(frames).transpose(1, 2)).transpose(1, 2)  # [n, 384, 200]
        attention = self.linear2(torch.relu(self.linear1(frames))).softmax(dim=1)
        pooled = (attention.transpose(1, 2) @ frames)[:, 0]  # [n, 200]
        opinions: torch.Tensor = 1.0 + 4.0 * torch.sigmoid(self.linear3(pooled)[:, 0])
        return opinions


def load(where: Path | None = None) -> DistillMos:
    """The network with its published weights, from the judges' folder or `where`.

    Raises InfrastructureFault(JUDGE_UNAVAILABLE) where they are missing or other ones.
    """
    stored = torch.load(io.BytesIO(read(DISTILLMOS, where)), map_location="cpu", weights_only=True)["model"]
    network = DistillMos()
    try:
        network.load_state_dict({_own_name(name): tensor for name, tensor in stored.items()})
    except RuntimeError as exc:
        raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"{DISTILLMOS.path} does not hold DistillMOS's layers") from exc
    return network.eval().requires_grad_(False)


def _own_name(stored: str) -> str:
    """Our name of a stored tensor: the published modules are nested deeper."""
    for prefix in NESTING:
        stored = stored.removeprefix(prefix)
    return stored
