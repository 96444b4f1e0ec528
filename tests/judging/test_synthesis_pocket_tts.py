"""The Pocket TTS family, with tiny models of random weights: real loading code, kilobytes of data."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PocketTTSForConditionalGeneration

from scoring.synthesis.load import PartsUnusable
from scoring.synthesis.pocket_tts import tiny
from scoring.synthesis.pocket_tts.adapter import PocketTTS, load
from scoring.synthesis.synthesiser import NotAllSpoken, NotSpoken, Request, Waveform
from tests.builders import pocket_voices
from tests.builders.pocket_voices import PocketVoice

REQUEST = Request("p0", "hello there", "", 11)
LONGER = Request("p1", "Something rather longer than that; it has a second sentence. Here it is.", "", 12)
SHORT = Request("p2", "Yes", "", 13)


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> PocketVoice:
    """A random model, codec and voice."""
    return pocket_voices.build(tmp_path_factory.mktemp("pocket"))


@pytest.fixture(scope="module")
def parts(voice: PocketVoice) -> Path:
    """The codec and the voice."""
    return voice.parts


@pytest.fixture(scope="module")
def folder(voice: PocketVoice) -> Path:
    """The model."""
    return voice.model


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """That model's files, to change."""
    return Path(shutil.copytree(folder, tmp_path / "copy"))


@pytest.fixture(scope="module")
def model(folder: Path, parts: Path) -> PocketTTS:
    """The model, loaded."""
    return load(folder, parts, 1, "float32")


def sound(model: PocketTTS, request: Request) -> NDArray[np.float32]:
    """What the model says to one request."""
    (spoken,) = model.generate([request])
    return spoken


def results(model: PocketTTS, *requests: Request) -> Sequence[Waveform | NotSpoken]:
    """What the model says to requests that it cannot all say."""
    with pytest.raises(NotAllSpoken) as caught:
        model.generate(requests)
    return caught.value.results


def test_it_speaks(model: PocketTTS) -> None:
    """float32 mono at the codec's rate, in whole frames, from the seventh frame on."""
    spoken = sound(model, REQUEST)
    assert (model.family, model.sample_rate) == ("pocket_tts", 24_000)
    assert (spoken.dtype.name, spoken.ndim, spoken.size % 1_920) == ("float32", 1, 0)
    assert spoken.size >= 1_920 * (7 + 4)
    assert bool(np.isfinite(spoken).all())


def test_rows_of_a_batch_are_what_they_are_alone(model: PocketTTS) -> None:
    """Lengths to the frame and latents up to rounding: each row has a random stream and positions of its own, and ends by itself."""
    requests = [REQUEST, LONGER, SHORT, replace(LONGER, seed=99)]
    rows = [row for request in requests for row in model.rows(request)]
    together = model.talker.say(rows)
    alone = [model.talker.say([row])[0] for row in rows]
    assert len({len(latents) for latents in lengths(together)}) > 1
    for batched, single in zip(lengths(together), lengths(alone), strict=True):
        assert batched.shape == single.shape
        torch.testing.assert_close(batched, single, rtol=0.0, atol=2e-5)


def lengths(said: list[Any]) -> list[Tensor]:
    """The latents of rows that all ended."""
    assert all(isinstance(item, Tensor) for item in said)
    return said


def test_the_same_request_gives_the_same_bytes(model: PocketTTS) -> None:
    """After others too; another seed gives others."""
    first = sound(model, REQUEST)
    sound(model, LONGER)
    assert np.array_equal(sound(model, REQUEST), first)
    other = sound(model, replace(REQUEST, seed=12))
    assert other.shape != first.shape or not np.array_equal(other, first)


def test_without_noise_it_says_what_transformers_says(copy: Path, parts: Path) -> None:
    """The stock generator, given the same tokens, voice and tail, makes the same latents."""
    (copy / "generation_config.json").write_text('{"temperature": 0.0}', encoding="utf-8")
    tiny.build(copy, end_logit=0.0)
    (copy / "generation_config.json").write_text('{"temperature": 0.0}', encoding="utf-8")
    ours = load(copy, parts, 1, "float32")
    (row,) = ours.rows(REQUEST)
    (said,) = ours.talker.say([row])
    stock: Any = PocketTTSForConditionalGeneration.from_pretrained(copy)
    voice = load_file(parts / "speaker" / "latents.safetensors")["latents"]
    config = stock.config
    ids = [config.audio_prompt_bos_token_id, *[config.audio_prompt_token_id] * len(voice), *row.ids, config.audio_bos_token_id]
    expected = stock.generate(
        input_ids=torch.tensor([ids]),
        attention_mask=torch.ones((1, len(ids)), dtype=torch.long),
        audio_prompt_latents=voice[None],
        frames_after_eos=torch.tensor([row.tail_frames]),
        do_sample=False,
        return_dict_in_generate=True,
    ).audio_latents[0]
    assert isinstance(said, Tensor)
    torch.testing.assert_close(said, expected, rtol=0.0, atol=1e-5)


@pytest.mark.parametrize("place", ["top", "extra_special_tokens"])
def test_a_mark_before_the_voice(copy: Path, parts: Path, model: PocketTTS, place: str) -> None:
    """Only a model whose tokenizer names one was trained with it."""
    named = json.loads((copy / "tokenizer_config.json").read_text(encoding="utf-8"))
    nameless = {key: value for key, value in named.items() if key != "audio_prompt_bos_token"}
    wrapped = {name: fields if place == "top" else {place: fields} for name, fields in (("with", named), ("without", nameless))}
    said = {}
    for name, fields in wrapped.items():
        (copy / "tokenizer_config.json").write_text(json.dumps(fields), encoding="utf-8")
        said[name] = sound(load(copy, parts, 1, "float32"), REQUEST)
    assert np.array_equal(said["with"], sound(model, REQUEST))
    assert not np.array_equal(said["without"][: 7 * 1_920], said["with"][: 7 * 1_920])


def test_speech_that_does_not_stop(tmp_path: Path, parts: Path) -> None:
    """It is told, and never cut and passed on."""
    tiny.build(tmp_path / "never", end_logit=-50.0)
    never = load(tmp_path / "never", parts, 1, "float32")
    reason = "it did not stop: no end within the 50 frames that its text may take"
    assert results(never, REQUEST) == [NotSpoken(reason)]


def test_a_request_fails_alone(model: PocketTTS) -> None:
    """The others of its batch are spoken."""
    first, second = results(model, replace(REQUEST, text="—"), REQUEST)
    assert first == NotSpoken("the text holds no word")
    assert isinstance(second, np.ndarray)
    assert np.array_equal(second, sound(model, REQUEST))


def test_weights_that_are_no_numbers(copy: Path, parts: Path) -> None:
    """The sound says so at once: it is not taken for speech that did not stop."""
    tensors = load_file(copy / "model.safetensors")
    tensors["model.norm.weight"] = torch.full_like(tensors["model.norm.weight"], float("nan"))
    save_file(tensors, copy / "model.safetensors", {"format": "pt"})
    spoken = sound(load(copy, parts, 1, "float32"), REQUEST)
    assert spoken.size == 1_920
    assert not np.isfinite(spoken).any()


def test_a_repository_sets_no_length_and_no_text(copy: Path, parts: Path, model: PocketTTS) -> None:
    """What lies beside the weights and could say how to generate, prepare or render changes nothing."""
    settings = {"temperature": 0.5, "max_new_tokens": 1, "max_length": 1, "min_frames_before_eos": 0, "do_sample": False}
    (copy / "generation_config.json").write_text(json.dumps(settings), encoding="utf-8")
    (copy / "processor_config.json").write_text('{"frames_after_eos": 0, "audio_tokenizer": "a/b"}', encoding="utf-8")
    (copy / "chat_template.jinja").write_text("{{ 'Another text' }}", encoding="utf-8")
    change_json(copy / "tokenizer_config.json", chat_template="{{ 'Another text' }}", model_max_length=1)
    assert np.array_equal(sound(load(copy, parts, 1, "float32"), REQUEST), sound(model, REQUEST))


def test_training_only_tensors_may_be_there_or_not(copy: Path, parts: Path, model: PocketTTS) -> None:
    """No sound depends on them."""
    tensors = load_file(copy / "model.safetensors")
    kept = {name: value for name, value in tensors.items() if not name.startswith(("loss_weighting", "latent_stats"))}
    assert len(kept) < len(tensors)
    save_file(kept, copy / "model.safetensors", {"format": "pt"})
    assert np.array_equal(sound(load(copy, parts, 1, "float32"), REQUEST), sound(model, REQUEST))


def change_tensors(copy: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> None:
    """Other weights in the folder."""
    save_file(change(load_file(copy / "model.safetensors")), copy / "model.safetensors", {"format": "pt"})


def change_json(path: Path, **fields: object) -> None:
    """Other fields in a file."""
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | fields), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param(
            lambda copy: change_tensors(copy, lambda tensors: tensors | {"decoy": torch.zeros(1)}),
            r"too many: \['decoy'\]",
            id="a tensor too many",
        ),
        pytest.param(
            lambda copy: change_tensors(copy, lambda tensors: {n: t for n, t in tensors.items() if n != "eos_head.bias"}),
            r"missing: \['eos_head.bias'\]",
            id="one missing",
        ),
        pytest.param(
            lambda copy: change_tensors(copy, lambda tensors: {n.removeprefix("model."): t for n, t in tensors.items()}),
            r"too many: \['audio_latent_proj.weight'",
            id="names that transformers would guess",
        ),
        pytest.param(
            lambda copy: change_tensors(copy, lambda tensors: tensors | {"eos_head.bias": torch.zeros(1, dtype=torch.int64)}),
            "eos_head.bias is of type I64",
            id="whole numbers",
        ),
        pytest.param(
            lambda copy: change_json(copy / "config.json", rope_parameters={"type": "dynamic", "rope_theta": 1e4, "factor": 2.0}),
            "rope_type 'dynamic', not 'default'",
            id="positions that depend on others of the batch",
        ),
        pytest.param(
            lambda copy: change_json(copy / "config.json", latent_dim=8),
            r"`flow_head_config.latent_dim` \(4\) must equal `latent_dim` \(8\)",
            id="another codec's latents",
        ),
        pytest.param(
            lambda copy: change_json(copy / "config.json", frame_rate=25.0),
            r"latents of 4 at 25 frames a second do not fit the pinned codec, which has 4 at 12\.5",
            id="another frame rate",
        ),
        pytest.param(
            lambda copy: change_json(copy / "config.json", audio_bos_token_id=4_003),
            r"the ids \[4003\] of audio tokens lie outside the vocabulary of 100",
            id="a placeholder beyond the vocabulary",
        ),
        pytest.param(
            lambda copy: change_json(copy / "generation_config.json", temperature=9.0),
            "temperature is 9.0; it may be 0 to 1.5",
            id="a setting out of range",
        ),
        pytest.param(
            lambda copy: (copy / "tokenizer_config.json").write_text("[]", encoding="utf-8"),
            "tokenizer_config.json: it is not an object",
            id="no settings of a tokenizer",
        ),
    ],
)
def test_what_does_not_load(copy: Path, parts: Path, change: Callable[[Path], None], why: str) -> None:
    """The message names what is wrong."""
    change(copy)
    with pytest.raises(Exception, match=why):  # a library's own error for a config that contradicts itself
        load(copy, parts, 1, "float32")


@pytest.mark.parametrize("wrong", [pytest.param(97, id="a placeholder"), pytest.param(5_000, id="beyond the embedding")])
def test_ids_are_checked_before_any_look_up(copy: Path, parts: Path, wrong: int) -> None:
    """A tokenizer that gives what is no text token fails the sample by name: nothing is read past the embedding."""
    tokens = json.loads((copy / "tokenizer.json").read_text(encoding="utf-8"))
    tokens["model"]["vocab"]["h"] = wrong
    (copy / "tokenizer.json").write_text(json.dumps(tokens), encoding="utf-8")
    asked = replace(REQUEST, text="Ah")
    assert results(load(copy, parts, 1, "float32"), asked) == [
        NotSpoken(f"the tokenizer gives the id {wrong}, which is no text token of this model")
    ]


def test_a_tokenizer_that_floods(copy: Path, parts: Path) -> None:
    """A text of hundreds of tokens would only take time."""
    tokens = json.loads((copy / "tokenizer.json").read_text(encoding="utf-8"))
    tokens["normalizer"] = {"type": "Replace", "pattern": {"String": "l"}, "content": "l" * 400}
    (copy / "tokenizer.json").write_text(json.dumps(tokens), encoding="utf-8")
    reason = "the tokenizer makes 810 tokens of a text; there may be 1 to 400"
    assert results(load(copy, parts, 1, "float32"), REQUEST) == [NotSpoken(reason)]


def test_a_tokenizer_that_throws_dice(copy: Path, parts: Path) -> None:
    """A text has one reading: merges that are dropped at random, and cuts, are for training."""
    tokens = json.loads((copy / "tokenizer.json").read_text(encoding="utf-8"))
    pairs = [first + second for first in "abcd" for second in "abcd"]
    vocabulary = {sign: number for number, sign in enumerate([*" .Abcda", *pairs])}
    model = {"type": "BPE", "vocab": vocabulary, "merges": [list(pair) for pair in pairs], "dropout": 0.5}
    cut = {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0}
    changed: dict[str, object] = {"model": model, "truncation": cut, "pre_tokenizer": None, "added_tokens": []}
    (copy / "tokenizer.json").write_text(json.dumps(tokens | changed), encoding="utf-8")
    loaded = load(copy, parts, 1, "float32")
    readings = {loaded.rows(replace(REQUEST, text="Abcd abcd dcba"))[0].ids for _ in range(20)}
    assert [len(ids) for ids in readings] == [10]  # A bc d, ab cd and dc ba, with what stands between and behind them


@pytest.mark.parametrize("torn", ["codec/config.json", "codec/model.safetensors", "speaker/latents.safetensors"])
def test_parts_that_cannot_be_opened(folder: Path, parts: Path, tmp_path: Path, torn: str) -> None:
    """They are told apart from a model that cannot be loaded: they are not its owner's."""
    broken = Path(shutil.copytree(parts, tmp_path / "parts"))
    (broken / torn).write_bytes(b"torn")
    with pytest.raises(PartsUnusable):
        load(folder, broken, 1, "float32")


def test_nothing_is_pinned(folder: Path) -> None:
    """Without codec and voice there is no model."""
    with pytest.raises(PartsUnusable, match="no codec and no voice are pinned"):
        load(folder, None, 1, "float32")
