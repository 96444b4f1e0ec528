"""The VITS family, with tiny models of random weights as their authors publish them: real loading code, kilobytes of data."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from transformers import VitsModel

from scoring.synthesis.load import adapter
from scoring.synthesis.synthesiser import Request, Synthesiser, Waveform
from scoring.synthesis.vits import tiny

REQUEST = Request("p0", "hello there", "A baritone speaks.", 11)
SPEAKERS = [{"name": "Ann", "id": 2}, {"name": "Bob", "id": 0, "phrases": ["a baritone"]}]
LAST = "text_encoder.project.bias"
Change = Callable[[dict[str, NDArray[np.float32]]], dict[str, NDArray[np.float32]]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model of letters."""
    return tiny.build(tmp_path / "letters")


def load(folder: Path, **table: object) -> Synthesiser:
    """Open a folder, with such a voice.json."""
    if table:
        (folder / "voice.json").write_text(json.dumps(table), encoding="utf-8")
    return adapter("vits")(folder, None, 1, "float32")


def say(model: Synthesiser, description: str = "A baritone speaks.", text: str = REQUEST.text) -> Waveform:
    """What it says, from the same random stream."""
    return model.generate([replace(REQUEST, text=text, description=description)])[0]


@pytest.mark.parametrize("phonemize", [False, True], ids=["letters", "phonemes"])
def test_it_speaks(tmp_path: Path, phonemize: bool) -> None:
    """float32 mono at the config's rate; a repository of phonemes needs no package that reads them."""
    model = load(tiny.build(tmp_path / "model", phonemize=phonemize))
    spoken = say(model)
    assert (model.family, model.sample_rate) == ("vits", 16_000)
    assert (spoken.dtype.name, spoken.ndim, bool(np.isfinite(spoken).all()), spoken.size > 500) == ("float32", 1, True, True)


def test_without_settings_of_a_tokenizer_it_reads_phonemes(tmp_path: Path) -> None:
    """That is what transformers does without them: the sound stays the same."""
    folder = tiny.build(tmp_path / "model", phonemize=True)
    expected = say(load(folder))
    (folder / "tokenizer_config.json").write_text(json.dumps({"unk_token": "_"}), encoding="utf-8")
    assert np.array_equal(say(load(folder)), expected)
    (folder / "tokenizer_config.json").unlink()
    assert np.array_equal(say(load(folder)), expected)


def test_a_prompt_depends_on_its_own_seed_only(folder: Path) -> None:
    """Alone, after others or in a batch: the same bytes; another seed: others."""
    model = load(folder)
    (alone,) = model.generate([REQUEST])
    other = replace(REQUEST, prompt_id="p1", text="something rather longer than that", seed=12)
    _, in_batch = model.generate([other, REQUEST])
    (again,) = model.generate([REQUEST])
    (reseeded,) = model.generate([replace(REQUEST, seed=13)])
    assert np.array_equal(alone, in_batch)
    assert np.array_equal(alone, again)
    assert not np.array_equal(alone, reseeded)


def test_the_table_speaks_faster_and_louder(folder: Path) -> None:
    """By the longest phrase of the description, in any case; what is asked for once is forgotten for the next prompt."""
    rates = [{"phrases": ["slowly"], "factor": 0.9}, {"phrases": ["very slowly"], "factor": 0.5}]
    model = load(folder, rate=rates, loudness=[{"phrases": ["loudly"], "gain": 6.0206}])
    plain, slow, loud = say(model), say(model, "A baritone speaks VERY SLOWLY."), say(model, "Loudly.")
    assert slow.size > 1.5 * plain.size
    assert np.allclose(loud, 2.0 * plain, rtol=1e-4)
    assert np.array_equal(say(model), plain)


def test_the_table_says_who_speaks(tmp_path: Path) -> None:
    """The first speaker where the description asks for none; each sounds otherwise."""
    folder = tiny.build(tmp_path / "several", speakers=3)
    model = load(folder, speakers=SPEAKERS)
    first, second = say(model, "A soprano speaks."), say(model, "A baritone speaks.")
    assert not np.array_equal(first, second)
    (folder / "voice.json").unlink()
    alone = load(folder, speakers=SPEAKERS[:1])
    assert np.array_equal(say(alone, "A baritone speaks."), first)


@pytest.mark.parametrize(
    ("speakers", "table", "why"),
    [
        pytest.param(3, {}, "the network has 3 speakers, and voice.json names none of them", id="nobody named"),
        pytest.param(3, {"speakers": [{"name": "Ann", "id": 3}]}, "numbered from 0; 'Ann' is beyond them", id="no such speaker"),
        pytest.param(1, {"speakers": SPEAKERS}, "the network has one voice", id="one voice"),
        pytest.param(1, {"rate": [{"phrases": ["x"], "factor": 9.0}]}, "voice.json: rate.0.factor: .* less than", id="too fast"),
        pytest.param(1, {"noise": 1}, "voice.json: noise: Extra inputs", id="an unknown name"),
        pytest.param(1, {"frame": {"begin": "^", "end": "$"}}, "frames texts with '\\^', which is not in vocab.json", id="frame"),
    ],
)
def test_a_table_that_does_not_fit(tmp_path: Path, speakers: int, table: dict[str, object], why: str) -> None:
    """It is an error at load that says so: a network that is not told who speaks would speak in nobody's voice."""
    folder = tiny.build(tmp_path / "model", speakers=speakers)
    with pytest.raises(ValueError, match=why):
        load(folder, **table)


@pytest.mark.parametrize(
    ("file", "content", "why"),
    [
        pytest.param("vocab.json", {"a": 0, "b": 99}, "gives 'b' the number 99; config.json has vocab_size 30", id="no symbol"),
        pytest.param("vocab.json", {"a": True}, "gives 'a' the number True", id="no number"),
        pytest.param("tokenizer_config.json", {"phonemize": "yes"}, "phonemize is true or false", id="no flag"),
        pytest.param("config.json", {"speaking_rate": 0.01}, "speaking_rate is 0.01, which is not from 0.25 to 4", id="rate"),
        pytest.param("config.json", {"noise_scale": 3.0}, "noise_scale is 3.0, which is not from 0 to 2", id="noise"),
        pytest.param("config.json", {"speaker_embedding_size": 4}, "one voice has no speaker_embedding_size", id="dead tensors"),
    ],
)
def test_files_that_do_not_fit(folder: Path, file: str, content: dict[str, object], why: str) -> None:
    """Each is named with the reason."""
    before = json.loads((folder / file).read_text(encoding="utf-8")) if file == "config.json" else {}
    (folder / file).write_text(json.dumps(before | content), encoding="utf-8")
    with pytest.raises(ValueError, match=why):
        load(folder)


@pytest.mark.parametrize(
    "lies",
    [
        {"quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": True}},
        {"attn_implementation": "flash_attention_2", "_attn_implementation": "flash_attention_2"},
        {"transformers_weights": "vocab.json", "return_dict": False, "dtype": "float16", "architectures": ["BertModel"]},
    ],
    ids=str,
)
def test_a_config_chooses_sizes_only(folder: Path, lies: dict[str, object]) -> None:
    """What else a library would do for it, as to ask for one more library, is done for nobody."""
    expected = say(load(folder))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | lies), encoding="utf-8")
    assert np.array_equal(say(load(folder)), expected)


def test_a_text_without_symbols(folder: Path) -> None:
    """It fails as one sample, with a sentence."""
    with pytest.raises(ValueError, match=r"of this text no symbol is in vocab\.json"):
        say(load(folder), text="你好")


def test_only_safetensors(folder: Path) -> None:
    """Weights in the old form are not read, whatever they hold."""
    torch.save(VitsModel.from_pretrained(folder).state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(OSError, match="safetensors"):
        load(folder)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param(lambda tensors: tensors | {"decoy": np.zeros(1, np.float32)}, "too many: .*decoy", id="too many"),
        pytest.param(lambda tensors: dict(list(tensors.items())[1:]), "missing: .'", id="one missing"),
        pytest.param(
            lambda tensors: {f"vits_{name}": value for name, value in tensors.items()}, "too many", id="a prefix misspelt"
        ),
        pytest.param(
            lambda tensors: {name.replace(".weight_g", "_weight_g"): value for name, value in older_names(tensors).items()},
            "too many: .*_weight_g",
            id="weight norm misspelt",
        ),
        pytest.param(
            lambda tensors: tensors | {LAST: np.zeros_like(tensors[LAST], np.int32)}, f"{LAST} is of type I32", id="whole numbers"
        ),
    ],
)
def test_exactly_the_tensors_that_speak(folder: Path, change: Change, why: str) -> None:
    """A tensor that is not used would make a copy look like another model; one that is missing would be random."""
    rewrite(folder, change)
    with pytest.raises(ValueError, match=why):
        load(folder)


def test_what_never_speaks_may_be_left_out(folder: Path) -> None:
    """Half of this model's tensors: the sound is the same to the bit without them, and with others in their place."""
    expected = say(load(folder))
    silent = ("posterior_encoder.", "duration_predictor.post_", "duration_predictor.flows.1.")
    whole = load_file(folder / "model.safetensors")
    rewrite(folder, lambda tensors: {name: value for name, value in tensors.items() if not name.startswith(silent)})
    assert len(load_file(folder / "model.safetensors")) < 0.75 * len(whole)
    assert np.array_equal(say(load(folder)), expected)
    rewrite(folder, lambda _: {name: value * 2 if name.startswith(silent) else value for name, value in whole.items()})
    assert np.array_equal(say(load(folder)), expected)


def rewrite(folder: Path, change: Change) -> None:
    """Change a model's tensors."""
    path = folder / "model.safetensors"
    save_file(change(load_file(path)), path, {"format": "pt"})


def older_names(tensors: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """Weight norm as older versions of transformers and of torch saved it."""
    pairs = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    return {reduce(lambda said, pair: said.replace(*pair), pairs.items(), name): value for name, value in tensors.items()}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(older_names, id="older names"),
        pytest.param(lambda tensors: {f"vits.{name}": value for name, value in tensors.items()}, id="inside a larger model"),
        pytest.param(lambda tensors: {name: value.astype(np.float64) for name, value in tensors.items()}, id="a wider type"),
    ],
)
def test_what_identity_takes_for_the_same_sounds_the_same(folder: Path, change: Change) -> None:
    """To the bit, however it was saved."""
    expected = say(load(folder))
    before = (folder / "model.safetensors").read_bytes()
    rewrite(folder, change)
    assert (folder / "model.safetensors").read_bytes() != before
    assert np.array_equal(say(load(folder)), expected)
