"""SNAC: three levels of codes, each twice as dense as the one before, become sound.

Source: Siuzdak, Grötschla, Lanzendörfer 2024, "SNAC: Multi-Scale Neural Audio Codec" (arXiv 2410.14411; package `snac`, MIT). The layers
are theirs, in their order and under their names; only the half that decodes is here, and nothing is trained.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import weight_norm

from scoring import strict_json

KERNEL = 7
DILATIONS = (1, 3, 9)
"""Of the three residual units of a block."""
SMALLEST = 1e-9
"""Added to a snake's frequency before it divides."""
CONFIG, WEIGHTS = "config.json", "model.safetensors"
_ENCODERS = ("encoder.", "in_proj.")
"""What names of the half that encodes begin with, or hold behind a level's number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """The sizes of a codec, as its config.json has them."""

    sampling_rate: int
    """Hz."""
    latent_dim: int
    decoder_dim: int
    decoder_rates: tuple[int, ...]
    """Factors from latents to samples."""
    codebook_size: int
    codebook_dim: int
    vq_strides: tuple[int, ...]
    """Latents that a code of each level stands for, from coarse to fine."""
    noise: bool

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Raise ValueError, KeyError or TypeError for a config that is none, or of a codec that mixes channels or attends."""
        found: dict[str, Any] = strict_json.read_file(folder / CONFIG)
        if found["attn_window_size"] is not None or found["depthwise"] is not True:
            raise ValueError("the codec attends, or its convolutions mix channels: it is none of 24 kHz")
        return cls(
            sampling_rate=int(found["sampling_rate"]),
            latent_dim=found.get("latent_dim") or found["encoder_dim"] * 2 ** len(found["encoder_rates"]),
            decoder_dim=found["decoder_dim"],
            decoder_rates=tuple(found["decoder_rates"]),
            codebook_size=found["codebook_size"],
            codebook_dim=found["codebook_dim"],
            vq_strides=tuple(found["vq_strides"]),
            noise=bool(found["noise"]),
        )

    @property
    def frame_samples(self) -> int:
        """Samples that one code of the coarsest level stands for."""
        samples = self.vq_strides[0]
        for rate in self.decoder_rates:
            samples *= rate
        return samples


class Snake(nn.Module):
    """x + sin²(αx)/α, with an α for each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, channels, 1))

    def forward(self, cells: Tensor) -> Tensor:
        """Shape (1, channels, n), as it came."""
        return cells + (self.alpha + SMALLEST).reciprocal() * torch.sin(self.alpha * cells).pow(2)


class Unit(nn.Module):
    """A residual unit: each channel along time, then the channels of each moment."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        reach = (KERNEL - 1) * dilation // 2
        along = nn.Conv1d(channels, channels, KERNEL, dilation=dilation, padding=reach, groups=channels)
        self.block = nn.Sequential(
            Snake(channels), weight_norm(along), Snake(channels), weight_norm(nn.Conv1d(channels, channels, 1))
        )

    def forward(self, cells: Tensor) -> Tensor:
        """Shape (1, channels, n), as it came."""
        found: Tensor = cells + self.block(cells)
        return found


class Noise(nn.Module):
    """What a channel makes of one noise that all share."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear = weight_norm(nn.Conv1d(channels, channels, 1, bias=False))

    def forward(self, cells: Tensor, stream: torch.Generator) -> Tensor:
        """Shape (1, channels, n), as it came; the noise is drawn on the CPU, so that every device hears the same."""
        noise = torch.randn((1, 1, cells.shape[-1]), generator=stream).to(cells.device)
        found: Tensor = cells + noise * self.linear(cells)
        return found


class Block(nn.Module):
    """Half as many channels, `rate` times as many moments."""

    def __init__(self, channels: int, rate: int, *, noise: bool) -> None:
        super().__init__()
        half = channels // 2
        wider = nn.ConvTranspose1d(channels, half, 2 * rate, stride=rate, padding=(rate + 1) // 2, output_padding=rate % 2)
        units = [Unit(half, dilation) for dilation in DILATIONS]
        self.block = nn.Sequential(Snake(channels), weight_norm(wider), *([Noise(half)] if noise else []), *units)

    def forward(self, cells: Tensor, stream: torch.Generator) -> Tensor:
        """Shape (1, channels, n) to (1, channels/2, rate · n)."""
        for layer in self.block:
            cells = layer(cells, stream) if isinstance(layer, Noise) else layer(cells)
        return cells


class Decoder(nn.Module):
    """Latents, shape (1, latent_dim, n), to a wave."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        latent, widths = sizes.latent_dim, [sizes.decoder_dim >> level for level in range(len(sizes.decoder_rates) + 1)]
        blocks = [
            Block(width, rate, noise=sizes.noise) for (width, _), rate in zip(pairwise(widths), sizes.decoder_rates, strict=True)
        ]
        ends: list[nn.Module] = [Snake(widths[-1]), weight_norm(nn.Conv1d(widths[-1], 1, KERNEL, padding=KERNEL // 2)), nn.Tanh()]
        self.model = nn.Sequential(
            weight_norm(nn.Conv1d(latent, latent, KERNEL, padding=KERNEL // 2, groups=latent)),
            weight_norm(nn.Conv1d(latent, widths[0], 1)),
            *blocks,
            *ends,
        )

    def forward(self, cells: Tensor, stream: torch.Generator) -> Tensor:
        """Shape (1, 1, samples), within ±1."""
        for layer in self.model:
            cells = layer(cells, stream) if isinstance(layer, Block) else layer(cells)
        return cells


class Level(nn.Module):
    """A level's codebook, and the way from its entries to latents."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.codebook = nn.Embedding(sizes.codebook_size, sizes.codebook_dim)
        self.out_proj = weight_norm(nn.Conv1d(sizes.codebook_dim, sizes.latent_dim, 1))

    def forward(self, codes: Tensor) -> Tensor:
        """Codes, shape (1, n), to latents, shape (1, latent_dim, n)."""
        found: Tensor = self.out_proj(self.codebook(codes).transpose(1, 2))
        return found


class Quantizer(nn.Module):
    """All levels; a moment's latent is the sum of what its codes stand for."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.quantizers = nn.ModuleList(Level(sizes) for _ in sizes.vq_strides)
        self._strides = sizes.vq_strides

    def forward(self, codes: Sequence[Tensor]) -> Tensor:
        """One tensor of codes a level, each of shape (1, n / its stride), to latents, shape (1, latent_dim, n)."""
        parts = [
            level(found).repeat_interleave(stride, dim=-1)
            for level, found, stride in zip(self.quantizers, codes, self._strides, strict=True)
        ]
        return torch.stack(parts).sum(0)


class Snac(nn.Module):
    """The decoding half of a codec."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.quantizer, self.decoder = Quantizer(sizes), Decoder(sizes)

    @torch.inference_mode()
    def decode(self, codes: Sequence[Tensor], stream: torch.Generator) -> Tensor:
        """Codes of one clip by level, each of shape (n,), coarse to fine, to its wave, shape (samples,), float32, within ±1.

        `stream`, on the CPU, gives the noise that the codec adds.
        """
        device = next(self.parameters()).device
        latents = self.quantizer([level[None].to(device) for level in codes])
        wave: Tensor = self.decoder(latents, stream)[0, 0]
        return wave


def load(folder: Path) -> Snac:
    """The codec of a folder's config.json and model.safetensors, float32 on the CPU.

    Raises ValueError, KeyError, TypeError, RuntimeError, OSError or SafetensorError for files that are none. What the half that encodes
    needs is passed over.
    """
    snac = Snac(Sizes.read(folder))
    tensors = load_file(folder / WEIGHTS)
    snac.load_state_dict({name: tensor.float() for name, tensor in tensors.items() if not _encodes(name)})
    for module in snac.modules():
        if parametrize.is_parametrized(module):
            parametrize.remove_parametrizations(module, "weight")
    return snac.eval().requires_grad_(False)


def _encodes(name: str) -> bool:
    return name.startswith(_ENCODERS[0]) or f".{_ENCODERS[1]}" in name
