"""SNAC's decoder against its formulas, written down once more without modules."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import conv1d, conv_transpose1d

from scoring.synthesis.llama_snac.snac import Snac, load
from tests.builders import snac_voices

RATES, NOISE_SEED = (8, 8, 4, 2), 7
CODES = [torch.tensor([5, 4_095]), torch.tensor([0, 1, 2, 3]), torch.arange(8) * 500]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A codec of random numbers, its frequencies and lengths drawn too."""
    made = snac_voices.build(tmp_path_factory.mktemp("snac")).parts / "codec"
    tensors = load_file(made / "model.safetensors")
    draw = torch.Generator().manual_seed(3)
    for name, tensor in tensors.items():
        if name.endswith(("alpha", "original0")):
            tensors[name] = tensor * (0.5 + torch.rand(tensor.shape, generator=draw))
    save_file(tensors, made / "model.safetensors")
    return made


def by_hand(tensors: dict[str, Tensor], codes: list[Tensor], stream: torch.Generator) -> Tensor:
    """A wave, from the published names and formulas."""

    def weight(name: str) -> Tensor:
        length, direction = (tensors[f"{name}.parametrizations.weight.original{part}"] for part in (0, 1))
        return length * direction / direction.square().sum((1, 2), keepdim=True).sqrt()

    def bias(name: str) -> Tensor | None:
        return tensors.get(f"{name}.bias")

    def snake(name: str, cells: Tensor) -> Tensor:
        alpha = tensors[f"{name}.alpha"]
        return cells + (alpha * cells).sin() ** 2 / (alpha + 1e-9)

    def conv(name: str, cells: Tensor, padding: int = 0, dilation: int = 1, groups: int = 1) -> Tensor:
        return conv1d(cells, weight(name), bias(name), padding=padding, dilation=dilation, groups=groups)

    cells = sum(
        conv(
            f"quantizer.quantizers.{level}.out_proj", tensors[f"quantizer.quantizers.{level}.codebook.weight"][found].T[None]
        ).repeat_interleave(stride, -1)
        for level, (found, stride) in enumerate(zip(codes, (4, 2, 1), strict=True))
    )
    assert isinstance(cells, Tensor)
    cells = conv("decoder.model.1", conv("decoder.model.0", cells, 3, groups=cells.shape[1]))
    for number, rate in enumerate(RATES, 2):
        block = f"decoder.model.{number}.block"
        name = f"{block}.1"
        cells = conv_transpose1d(snake(f"{block}.0", cells), weight(name), bias(name), rate, (rate + 1) // 2, rate % 2)
        noise = torch.randn((1, 1, cells.shape[-1]), generator=stream)
        cells = cells + noise * conv(f"{block}.2.linear", cells)
        for place, dilation in enumerate((1, 3, 9), 3):
            unit = f"{block}.{place}.block"
            inner = conv(f"{unit}.1", snake(f"{unit}.0", cells), 3 * dilation, dilation, cells.shape[1])
            cells = cells + conv(f"{unit}.3", snake(f"{unit}.2", inner))
    return conv("decoder.model.7", snake("decoder.model.6", cells), 3).tanh()[0, 0]


def wave(codec: Snac, seed: int = NOISE_SEED) -> Tensor:
    """What a codec makes of the codes."""
    return codec.decode(CODES, torch.Generator().manual_seed(seed))


def test_its_formulas(folder: Path) -> None:
    """Two frames of 2,048 samples, equal up to rounding."""
    expected = by_hand(load_file(folder / "model.safetensors"), CODES, torch.Generator().manual_seed(NOISE_SEED))
    found = wave(load(folder))
    assert found.shape == (4_096,)
    assert float(found.std()) > 0.01
    torch.testing.assert_close(found, expected, rtol=0.0, atol=1e-5)


def test_the_noise_is_the_streams(folder: Path) -> None:
    """The same stream gives the same bytes, another one another wave."""
    codec = load(folder)
    assert torch.equal(wave(codec), wave(codec))
    assert not torch.equal(wave(codec), wave(codec, 8))


def test_older_names_of_weight_norm(folder: Path, tmp_path: Path) -> None:
    """A file that was saved by an older torch is the same codec."""
    older = Path(shutil.copytree(folder, tmp_path / "older"))
    ends = {".parametrizations.weight.original0": ".weight_g", ".parametrizations.weight.original1": ".weight_v"}
    tensors = load_file(older / "model.safetensors")
    for end, other in ends.items():
        tensors = {name.replace(end, other): tensor for name, tensor in tensors.items()}
    save_file(tensors, older / "model.safetensors")
    assert torch.equal(wave(load(older)), wave(load(folder)))
