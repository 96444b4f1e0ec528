"""A real model class, loaded by transformers, inside the real sandbox."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from neurons.miner.model_check import check_folder
from scoring.audio.spoken import Spoken
from scoring.competition import SynthesisRules
from scoring.competition import load as load_competition
from scoring.errors import Code, SubmissionFault
from scoring.progress import NO_PROGRESS
from scoring.synthesis.synthesiser import Request
from scoring.synthesis.vits import tiny
from tests.builders.limits import limits
from workers.sandbox.sandbox import Sandbox


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model of letters."""
    return tiny.build(tmp_path / "model")


@pytest.fixture
def speak(tmp_path: Path, folder: Path) -> Callable[..., tuple[Spoken, ...]]:
    """Let the model speak two texts in a sandbox of 2 GiB."""

    def run(folder: Path = folder) -> tuple[Spoken, ...]:
        requests = [Request(f"p{number}", text, "a voice", number) for number, text in enumerate(("hello there", "goodbye"))]
        rules = SynthesisRules(device="cpu", threads=1, batch=1, dtype="float32")
        sandbox = Sandbox(tmp_path / "scratch")
        return sandbox.speak(folder, "vits", requests, limits(ram_bytes=2 << 30), rules, on_sample=NO_PROGRESS)

    return run


def test_it_speaks(speak: Callable[..., tuple[Spoken, ...]]) -> None:
    """torch and transformers load and compute behind all the walls."""
    spoken = speak()
    assert [(item.rate, item.failure, len(item.pcm) > 1_000) for item in spoken] == [(16_000, None, True)] * 2


def test_a_repository_as_its_authors_publish_it(tmp_path: Path, speak: Callable[..., tuple[Spoken, ...]]) -> None:
    """From files to the same sound twice: checked as a validator does, phonemes by the library in the guest."""
    model = tiny.build(tmp_path / "published", phonemize=True)
    assert check_folder(model, load_competition().version[-1]).family == "vits"
    first, again = speak(model), speak(model)
    assert [(item.rate, item.failure, len(item.pcm) > 1_000) for item in first] == [(16_000, None, True)] * 2
    assert [item.pcm for item in first] == [item.pcm for item in again]


def test_a_repository_of_several_speakers(tmp_path: Path, speak: Callable[..., tuple[Spoken, ...]]) -> None:
    """It says nothing before its table names one of them, and then speaks as that one."""
    model = tiny.build(tmp_path / "published", phonemize=True, speakers=3)
    with pytest.raises(SubmissionFault, match=r"voice\.json names none of them"):
        speak(model)
    (model / "voice.json").write_text(json.dumps({"speakers": [{"name": "Ann", "id": 1}]}), encoding="utf-8")
    assert check_folder(model, load_competition().version[-1]).family == "vits"
    assert [(item.rate, item.failure, len(item.pcm) > 1_000) for item in speak(model)] == [(16_000, None, True)] * 2


@pytest.mark.slow
def test_a_config_that_asks_for_all_memory(folder: Path, speak: Callable[..., tuple[Spoken, ...]]) -> None:
    """A model that is small on disk and huge in memory meets the limit, on its own account."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 65_536, "ffn_dim": 65_536}), encoding="utf-8")
    with pytest.raises(SubmissionFault) as caught:
        speak()
    assert caught.value.code in {Code.MEMORY_EXCEEDED, Code.LOAD_FAILED}


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0, 65_536, "fast"])
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
