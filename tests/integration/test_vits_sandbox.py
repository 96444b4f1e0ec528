"""A real model class, loaded by transformers, inside the real sandbox."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import VitsConfig, VitsModel, VitsTokenizer

from scoring.audio.spoken import Spoken
from scoring.competition import SubmissionLimits, SynthesisRules
from scoring.errors import Code, SubmissionFault
from scoring.progress import NO_PROGRESS
from scoring.synthesis.synthesiser import Request
from workers.sandbox.sandbox import Sandbox

TINY: dict[str, Any] = {
    "vocab_size": 31,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "ffn_dim": 16,
    "flow_size": 16,
    "spectrogram_bins": 9,
    "prior_encoder_num_flows": 2,
    "prior_encoder_num_wavenet_layers": 1,
    "posterior_encoder_num_wavenet_layers": 1,
    "duration_predictor_flow_bins": 4,
    "duration_predictor_num_flows": 2,
    "depth_separable_num_layers": 1,
    "upsample_initial_channel": 32,
    "upsample_rates": [8, 8],
    "upsample_kernel_sizes": [16, 16],
    "resblock_kernel_sizes": [3],
    "resblock_dilation_sizes": [[1]],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A VITS of some thirty thousand random weights."""
    path = tmp_path / "model"
    path.mkdir()
    vocabulary = {letter: number for number, letter in enumerate(" abcdefghijklmnopqrstuvwxyz'-")} | {"<unk>": 29}
    (path / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    VitsTokenizer(str(path / "vocab.json"), phonemize=False, is_uroman=False).save_pretrained(path)
    torch.manual_seed(0)
    VitsModel(VitsConfig(**TINY)).save_pretrained(path)
    return path


@pytest.fixture
def speak(tmp_path: Path, folder: Path) -> Callable[..., tuple[Spoken, ...]]:
    """Let the model speak two texts in a sandbox of 2 GiB."""

    def run(**limits: object) -> tuple[Spoken, ...]:
        fields = {
            "cooldown_blocks": 0,
            "repo_bytes": 1,
            "header_bytes": 1,
            "load_seconds": 20.0,
            "sample_seconds": 20.0,
            "ram_bytes": 2 << 30,
            "max_audio_seconds": 10.0,
            "expected_low": 0.4,
            "expected_high": 2.5,
        }
        requests = [Request(f"p{number}", text, "a voice", number) for number, text in enumerate(("hello there", "goodbye"))]
        rules = SynthesisRules(threads=2, batch=1, dtype="float32")
        sandbox = Sandbox(tmp_path / "scratch")
        return sandbox.speak(
            folder, "vits", requests, SubmissionLimits.model_validate(fields | limits), rules, on_sample=NO_PROGRESS
        )

    return run


def test_it_speaks(speak: Callable[..., tuple[Spoken, ...]]) -> None:
    """torch and transformers load and compute behind all the walls."""
    spoken = speak()
    assert [(item.rate, item.failure, len(item.pcm) > 1_000) for item in spoken] == [(16_000, None, True)] * 2


@pytest.mark.slow
def test_a_config_that_asks_for_all_memory(folder: Path, speak: Callable[..., tuple[Spoken, ...]]) -> None:
    """A model that is small on disk and huge in memory meets the limit, on its own account."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 65_536, "ffn_dim": 65_536}), encoding="utf-8")
    with pytest.raises(SubmissionFault) as caught:
        speak()
    assert caught.value.code in {Code.MEMORY_EXCEEDED, Code.LOAD_FAILED}


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0, -1, 65_536, 4_000_000_000, "fast"])
def test_a_config_that_names_no_rate_of_sound(folder: Path, speak: Callable[..., tuple[Spoken, ...]], rate: object) -> None:
    """A rate that no file can keep is the model's fault at once: not an error of ours when its audio is kept."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"sampling_rate": rate}), encoding="utf-8")
    with pytest.raises(SubmissionFault) as caught:
        speak()
    assert caught.value.code is Code.LOAD_FAILED


def test_an_index_that_leads_out(folder: Path, speak: Callable[..., tuple[Spoken, ...]]) -> None:
    """A list of weights that names a file outside the model reads nothing: the model fails on its own account."""
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"x": "../../../etc/passwd"}}', encoding="utf-8")
    (folder / "model.safetensors").unlink()
    with pytest.raises(SubmissionFault) as caught:
        speak()
    assert caught.value.code is Code.LOAD_FAILED
