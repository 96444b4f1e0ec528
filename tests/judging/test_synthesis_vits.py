"""The VITS family, with a tiny model of random weights: real loading code, kilobytes of data."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from transformers import VitsConfig, VitsModel, VitsTokenizer

from scoring.synthesis.load import adapter
from scoring.synthesis.synthesiser import Request, Synthesiser

REQUEST = Request("p0", "hello there", "A baritone speaks.", 11)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A VITS of some thirty thousand random weights, saved by transformers."""
    path = tmp_path_factory.mktemp("vits")
    vocabulary = {letter: number for number, letter in enumerate(" abcdefghijklmnopqrstuvwxyz'-")} | {"<unk>": 29}
    (path / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    VitsTokenizer(str(path / "vocab.json"), phonemize=False, is_uroman=False).save_pretrained(path)
    torch.manual_seed(0)
    config = VitsConfig(
        vocab_size=31,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        ffn_dim=16,
        flow_size=16,
        spectrogram_bins=9,
        prior_encoder_num_flows=2,
        prior_encoder_num_wavenet_layers=1,
        posterior_encoder_num_wavenet_layers=1,
        duration_predictor_flow_bins=4,
        duration_predictor_num_flows=2,
        depth_separable_num_layers=1,
        upsample_initial_channel=32,
        upsample_rates=[8, 8],
        upsample_kernel_sizes=[16, 16],
        resblock_kernel_sizes=[3],
        resblock_dilation_sizes=[[1]],
    )
    VitsModel(config).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def model(folder: Path) -> Synthesiser:
    """That model, loaded."""
    return adapter("vits")(folder, None, 1, "float32")


def test_it_speaks(model: Synthesiser) -> None:
    """float32 mono at the config's rate."""
    (spoken,) = model.generate([REQUEST])
    assert (model.family, model.sample_rate) == ("vits", 16_000)
    assert (spoken.dtype.name, spoken.ndim, bool(np.isfinite(spoken).all()), spoken.size > 500) == ("float32", 1, True, True)


def test_a_prompt_depends_on_its_own_seed_only(model: Synthesiser) -> None:
    """Alone, after others or in a batch: the same bytes; another seed: others."""
    (alone,) = model.generate([REQUEST])
    other = replace(REQUEST, prompt_id="p1", text="something rather longer than that", seed=12)
    _, in_batch = model.generate([other, REQUEST])
    (again,) = model.generate([REQUEST])
    (reseeded,) = model.generate([replace(REQUEST, seed=13)])
    assert np.array_equal(alone, in_batch)
    assert np.array_equal(alone, again)
    assert not np.array_equal(alone, reseeded)


def test_only_safetensors(folder: Path, tmp_path: Path) -> None:
    """Weights in the old form are not read, whatever they hold."""
    for path in folder.iterdir():
        if path.suffix != ".safetensors":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    torch.save(VitsModel.from_pretrained(folder).state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(OSError, match="safetensors"):
        adapter("vits")(tmp_path, None, 1, "float32")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param(lambda tensors: tensors | {"decoy": np.zeros(1, np.float32)}, "too many: .*decoy", id="too many"),
        pytest.param(lambda tensors: dict(list(tensors.items())[1:]), "missing: .'", id="one missing"),
    ],
)
def test_exactly_the_models_tensors(
    folder: Path, tmp_path: Path, change: Callable[[dict[str, NDArray[np.float32]]], dict[str, NDArray[np.float32]]], why: str
) -> None:
    """A tensor that is not used would make a copy look like another model; one that is missing would be random."""
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    save_file(change(load_file(folder / "model.safetensors")), tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ValueError, match=why):
        adapter("vits")(tmp_path, None, 1, "float32")
