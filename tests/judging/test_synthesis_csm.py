"""The CSM family, with tiny models of random weights: real loading code, kilobytes of data."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import CsmForConditionalGeneration

from scoring.model.fingerprint import fingerprint
from scoring.progress import NO_PROGRESS
from scoring.synthesis.csm import tiny
from scoring.synthesis.csm.adapter import Csm, load
from scoring.synthesis.sampling import Sampling, draw, gumbel
from scoring.synthesis.synthesiser import NotAllSpoken, NotSpoken, Request, Waveform
from tests.builders.imagined_card import CARD, imagined_card

REQUEST = Request("p0", "hello there", "", 11)
REQUESTS = [
    REQUEST,
    Request("p1", "Something rather longer than that; it has a second sentence. Here it is.", "", 12),
    Request("p2", "Yes", "", 13),
    Request("p3", "Something rather longer than that; it has a second sentence. Here it is.", "", 99),
]
SHARED, OTHER = "depth_decoder.model.embed_tokens.weight", "backbone_model.embed_tokens.embed_audio_tokens.weight"
CODEBOOK = "codec_model.quantizer.semantic_residual_vector_quantizer.layers.0.codebook."
STOCK: Any = CsmForConditionalGeneration
Tensors = dict[str, Tensor]
Change = Callable[[Tensors], Tensors]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model's files."""
    return tiny.build(tmp_path_factory.mktemp("csm") / "model")


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """The same files, to change."""
    return Path(shutil.copytree(folder, tmp_path / "copy"))


@pytest.fixture(scope="module")
def model(folder: Path) -> Csm:
    """The model, loaded."""
    return load(folder, None, 1, "float32")


def sound(model: Csm, request: Request = REQUEST) -> NDArray[np.float32]:
    """What the model says to one request."""
    (spoken,) = model.generate([request])
    return spoken


def codes(model: Csm, *requests: Request) -> list[list[list[int]]]:
    """The codes of requests that are all spoken, said together."""
    found = model.talker.say([model.row(request) for request in requests])
    assert all(isinstance(item, Tensor) for item in found)
    return [item.tolist() for item in found if isinstance(item, Tensor)]


def said(model: Csm) -> list[list[list[int]] | NotSpoken]:
    """What becomes of all requests, said together."""
    found = model.talker.say([model.row(request) for request in REQUESTS])
    return [item.tolist() if isinstance(item, Tensor) else item for item in found]


def results(model: Csm, *requests: Request) -> Sequence[Waveform | NotSpoken]:
    """What the model says to requests that it cannot all say."""
    with pytest.raises(NotAllSpoken) as caught:
        model.generate(requests)
    return caught.value.results


def change_tensors(folder: Path, change: Change) -> None:
    """Other weights in the folder."""
    save_file(change(load_file(folder / "model.safetensors")), folder / "model.safetensors", {"format": "pt"})


def beyond(tensors: Tensors, weight: float) -> Tensors:
    """Heads whose rows for ids that are no codes are zero, but for the weight of what is constant."""
    first, others = tensors["lm_head.weight"], tensors["depth_decoder.codebooks_head.weight"]
    first[tiny.CODES :], others[:, :, tiny.CODES :] = 0.0, 0.0
    first[tiny.CODES :, 0], others[:, 0, tiny.CODES :] = weight, weight
    return tensors


def change_json(path: Path, **fields: object) -> None:
    """Other fields in a file."""
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | fields), encoding="utf-8")


def test_it_speaks(folder: Path, model: Csm) -> None:
    """From the files that its library writes: float32 mono at the codec's rate, in whole frames."""
    spoken = sound(model)
    assert len(list(folder.iterdir())) == 7
    assert (model.family, model.sample_rate) == ("csm", 24_000)
    assert (spoken.dtype.name, spoken.ndim, spoken.size) == ("float32", 1, 1_920 * len(codes(model, REQUEST)[0]))
    assert bool(np.isfinite(spoken).all())
    assert float(spoken.std()) > 0.01


def test_rows_of_a_batch_are_what_they_are_alone(model: Csm) -> None:
    """Code by code, in any order, and so byte by byte: each row has a random stream and positions of its own, and ends by itself."""
    alone = [codes(model, request)[0] for request in REQUESTS]
    assert codes(model, *REQUESTS) == alone
    assert codes(model, *reversed(REQUESTS)) == alone[::-1]
    assert len({len(frames) for frames in alone}) > 1
    together = model.generate(REQUESTS)
    assert all(np.array_equal(sound(model, request), spoken) for request, spoken in zip(REQUESTS, together, strict=True))


def test_another_seed_says_it_otherwise(model: Csm) -> None:
    """The random stream is the request's own."""
    assert codes(model, replace(REQUEST, seed=14)) != codes(model, REQUEST)


@pytest.mark.parametrize("renamed", [False, True], ids=["one name of the codes' table", "the other"])
def test_without_chance_it_says_what_transformers_says(tmp_path: Path, renamed: bool) -> None:
    """The stock generator, given the same tokens of several texts, makes the same codes and ends where ours ends."""
    copy = tiny.build(tmp_path / "model", seed=8, end_logit=1.0)
    change_tensors(copy, lambda tensors: beyond(tensors, 0.0))  # which the stock generator would say
    if renamed:
        change_tensors(copy, lambda tensors: {OTHER if name == SHARED else name: held for name, held in tensors.items()})
    change_json(copy / "generation_config.json", temperature=0.0, depth_decoder_temperature=0.0)
    ours = load(copy, None, 1, "float32")
    rows = [ours.row(request) for request in REQUESTS[:3]]
    width = max(len(row.ids) for row in rows)
    stock = STOCK.from_pretrained(copy)
    expected = stock.generate(
        input_ids=torch.tensor([[0] * (width - len(row.ids)) + list(row.ids) for row in rows]),
        attention_mask=torch.tensor([[0] * (width - len(row.ids)) + [1] * len(row.ids) for row in rows]),
        do_sample=False,
        depth_decoder_do_sample=False,
        max_new_tokens=30,
    )
    found = codes(ours, *REQUESTS[:3])
    assert [len(frames) for frames in found] == [5, 4, 7]
    for frames, stocks in zip(found, expected.tolist(), strict=True):
        assert [*frames, [0] * tiny.CODEBOOKS] == stocks[: len(frames) + 1]


@given(
    st.lists(st.floats(width=32), min_size=2, max_size=20),
    st.integers(0, 2**63),
    st.floats(0.0, 2.0),
    st.integers(1, 30),
)
def test_no_draw_leaves_the_codebook(logits: list[float], seed: int, temperature: float, top_k: int) -> None:
    """Whatever a network says: infinities and what is no number, too."""
    noise = gumbel(torch.Generator().manual_seed(seed), 1, len(logits))
    (drawn,) = draw(torch.tensor([logits]), noise, Sampling(temperature, top_k)).tolist()
    assert 0 <= drawn < len(logits)


def test_draws_follow_the_odds() -> None:
    """Of 20,000 draws as many as softmax says, at a temperature, among the likeliest."""
    logits = torch.tensor([2.0, 1.0, 0.5, -3.0, 1.5])
    noise = gumbel(torch.Generator().manual_seed(1), 20_000, 5)
    drawn = draw(logits.expand(20_000, -1), noise, Sampling(0.8, 3))
    odds = torch.softmax(logits[[0, 4, 1]] / 0.8, -1)
    found = torch.bincount(drawn, minlength=5) / 20_000
    torch.testing.assert_close(found[[0, 4, 1]], odds, rtol=0.0, atol=0.015)
    assert found[[2, 3]].tolist() == [0.0, 0.0]


def test_ids_that_are_no_codes_are_never_said(copy: Path, model: Csm) -> None:
    """The heads' rows beyond the codebook would be drawn each time, and would break the codec."""
    change_tensors(copy, lambda tensors: beyond(tensors, 50.0))
    assert codes(load(copy, None, 1, "float32"), *REQUESTS) == codes(model, *REQUESTS)


def test_a_card_is_asked_in_its_own_numbers(folder: Path) -> None:
    """In bfloat16 all but the codec, which makes a sound in float32; and all of it moves."""
    rounded = load(folder, None, 1, "bfloat16")
    kinds = {name: {weight.dtype for weight in part.parameters()} for name, part in rounded.talker.model.named_children()}
    assert kinds.pop("codec_model") == {torch.float32}
    assert set.union(*kinds.values()) == {torch.bfloat16}
    assert sound(rounded).size > 0
    rounded.to(cast(Any, "meta"))
    assert {weight.device.type for weight in rounded.talker.model.state_dict().values()} == {"meta"}


def test_no_tensor_is_left_behind(folder: Path) -> None:
    """On a card it says the same, of tensors that are all there."""
    near, far = (load(folder, None, 1, "bfloat16") for _ in range(2))
    with imagined_card():
        far.to(CARD)
        spoken = far.generate(REQUESTS[1:])
    assert [sound.tolist() for sound in spoken] == [sound.tolist() for sound in near.generate(REQUESTS[1:])]


def test_speech_that_does_not_stop(tmp_path: Path) -> None:
    """It is told, and never cut and passed on."""
    never = load(tiny.build(tmp_path / "never", end_logit=-50.0), None, 1, "float32")
    reason = "it did not stop: no end within the 48 frames that its text may take"
    assert results(never, REQUEST) == [NotSpoken(reason)]


def test_speech_that_does_not_begin(tmp_path: Path) -> None:
    """A first frame of zeros is the end of nothing."""
    silent = load(tiny.build(tmp_path / "silent", end_logit=50.0), None, 1, "float32")
    assert results(silent, REQUEST) == [NotSpoken("it ended before it had said anything")]


def test_a_request_fails_alone(model: Csm) -> None:
    """The others of its batch are spoken."""
    first, second = results(model, replace(REQUEST, text="—"), REQUEST)
    assert first == NotSpoken("the text holds no word")
    assert np.array_equal(np.asarray(second), sound(model))


@pytest.mark.parametrize("name", ["backbone_model.norm.weight", "depth_decoder.model.norm.weight"])
def test_weights_that_are_no_numbers(copy: Path, name: str) -> None:
    """They are told as such, and not as silence or as speech that did not stop."""
    change_tensors(copy, lambda tensors: tensors | {name: torch.full_like(tensors[name], float("nan"))})
    reason = "what the network says of its next frame is no number"
    assert results(load(copy, None, 1, "float32"), REQUEST) == [NotSpoken(reason)]


def test_a_repository_sets_no_length_and_no_text(copy: Path, model: Csm) -> None:
    """What lies beside the weights and could say how to generate, prepare or render changes nothing."""
    settings = {"max_new_tokens": 1, "max_length": 1, "do_sample": False, "depth_decoder_do_sample": False, "top_p": 0.1}
    change_json(copy / "generation_config.json", **settings)
    (copy / "processor_config.json").write_text('{"feature_extractor": {"sampling_rate": 1}}', encoding="utf-8")
    (copy / "chat_template.jinja").write_text("{{ 'Another text' }}", encoding="utf-8")
    change_json(copy / "tokenizer_config.json", chat_template="{{ 'Another text' }}", model_max_length=1, bos_token="A")
    change_json(copy / "config.json", quantization_config={"quant_method": "bitsandbytes"}, transformers_weights="config.json")
    assert codes(load(copy, None, 1, "float32"), REQUEST) == codes(model, REQUEST)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("temperature", 1.9), ("top_k", 1), ("depth_decoder_temperature", 1.9), ("depth_decoder_top_k", 1), ("speaker", 1)],
)
def test_settings_that_count(copy: Path, model: Csm, setting: str, value: float) -> None:
    """Each changes what is said."""
    change_json(copy / "generation_config.json", **{setting: value})
    assert said(load(copy, None, 1, "float32")) != said(model)


def test_a_config_of_an_older_library(copy: Path, model: Csm) -> None:
    """Positions turn as its names say."""
    path = copy / "config.json"
    fields = json.loads(path.read_text(encoding="utf-8"))
    turns = fields.pop("rope_parameters")
    fields |= {"rope_theta": turns.pop("rope_theta"), "rope_scaling": turns}
    path.write_text(json.dumps(fields), encoding="utf-8")
    assert said(load(copy, None, 1, "float32")) == said(model)
    change_json(path, rope_theta=10.0)
    assert said(load(copy, None, 1, "float32")) != said(model)


def without(tensors: Tensors, *beginnings: str) -> Tensors:
    """Tensors whose names do not begin so."""
    return {name: held for name, held in tensors.items() if not name.startswith(beginnings)}


def test_the_encoder_may_be_there_or_not(copy: Path, model: Csm) -> None:
    """No sound depends on it."""
    encoder = ("codec_model.encoder", "codec_model.downsample")
    plain = fingerprint(copy, NO_PROGRESS)
    change_tensors(copy, lambda tensors: without(tensors, *encoder))
    assert codes(load(copy, None, 1, "float32"), REQUEST) == codes(model, REQUEST)
    assert fingerprint(copy, NO_PROGRESS) == plain


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda tensors: {name: held.double() for name, held in tensors.items()}, id="wider types"),
        pytest.param(lambda tensors: dict(reversed(tensors.items())), id="another order"),
        pytest.param(
            lambda tensors: tensors | {n: t.half() for n, t in tensors.items() if n.endswith("norm.weight")},
            id="types that hold it",
        ),
    ],
)
def test_a_copy_that_was_saved_anew(copy: Path, model: Csm, change: Change) -> None:
    """It says the same and is the same model."""
    plain = fingerprint(copy, NO_PROGRESS)
    change_tensors(copy, change)
    assert np.array_equal(sound(load(copy, None, 1, "float32")), sound(model))
    assert fingerprint(copy, NO_PROGRESS) == plain


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda tensors: {OTHER if n == SHARED else n: t for n, t in tensors.items()}, id="the codes' other name"),
        pytest.param(lambda tensors: beyond(tensors, 3.0), id="rows of heads for no codes"),
        pytest.param(
            lambda tensors: tensors | {n: 2.0 * t for n, t in tensors.items() if n.startswith(CODEBOOK)},
            id="a codebook and its usage",
        ),
    ],
)
def test_what_sounds_the_same_is_one_for_lineage(copy: Path, model: Csm, change: Change) -> None:
    """A tag binds each of them."""
    plain = fingerprint(copy, NO_PROGRESS)
    change_tensors(copy, change)
    found = fingerprint(copy, NO_PROGRESS)
    assert np.array_equal(sound(load(copy, None, 1, "float32")), sound(model))
    assert (found.tensors == plain.tensors, found.content != plain.content) == (True, True)


CHANGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a tensor too many": (
        lambda copy: change_tensors(copy, lambda tensors: tensors | {"decoy": torch.zeros(1)}),
        r"too many: \['decoy'\]",
    ),
    "one missing": (
        lambda copy: change_tensors(copy, lambda tensors: without(tensors, "lm_head")),
        r"missing: \['lm_head.weight'\]",
    ),
    "the codes' table twice": (
        lambda copy: change_tensors(copy, lambda tensors: tensors | {OTHER: tensors[SHARED].clone()}),
        r"too many: \['depth_decoder.model.embed_tokens.weight'\]",
    ),
    "names that transformers would take": (
        lambda copy: change_tensors(
            copy,
            lambda tensors: {
                n.replace("codec_model.decoder.", "codec_model.decoder.decoder_seanet."): t for n, t in tensors.items()
            },
        ),
        r"too many: \['codec_model.decoder.decoder_seanet",
    ),
    "whole numbers": (
        lambda copy: change_tensors(copy, lambda tensors: tensors | {"lm_head.weight": tensors["lm_head.weight"].long()}),
        "lm_head.weight is of type I64",
    ),
    "sizes of another network": (
        lambda copy: change_json(copy / "config.json", intermediate_size=60_000),
        r"is of shape \[16, 32\]; config.json asks for \[16, 60000\]",
    ),
    "sizes beyond all networks": (
        lambda copy: change_json(copy / "config.json", num_hidden_layers=10**9),
        "config.json: num_hidden_layers: Input should be less than or equal to 128",
    ),
    "a size that is none": (
        lambda copy: change_json(copy / "config.json", hidden_size="16"),
        "config.json: hidden_size: Input should be a valid integer",
    ),
    "no number": (
        lambda copy: change_json(copy / "config.json", rms_norm_eps=float("nan")),
        "config.json: NaN is not a number",
    ),
    "positions that depend on others of the batch": (
        lambda copy: change_json(
            copy / "config.json", rope_parameters={"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}
        ),
        "config.json: rope_parameters.rope_type: Input should be 'default' or 'llama3'",
    ),
    "another codec": (
        lambda copy: replace_text(copy / "config.json", '"mimi"', '"encodec"'),
        "config.json: codec_config.model_type: Input should be 'mimi'",
    ),
    "another end": (
        lambda copy: change_json(copy / "config.json", codebook_eos_token_id=3),
        "config.json: codebook_eos_token_id: Input should be 0",
    ),
    "codes that the talker has no room for": (
        lambda copy: change_json(copy / "config.json", vocab_size=8),
        "config.json: .*a vocab_size of 8 has no room for the codec's 16 codes",
    ),
    "a setting out of range": (
        lambda copy: change_json(copy / "generation_config.json", depth_decoder_top_k=0),
        "depth_decoder_top_k is 0; it may be 1 to 2048",
    ),
    "a tokenizer without marks": (
        lambda copy: replace_text(copy / "tokenizer.json", "<|begin_of_text|>", "<|begin|>"),
        r"tokenizer.json: there is no token <\|begin_of_text\|> among the model's 100",
    ),
}


def replace_text(path: Path, before: str, after: str) -> None:
    """Another word in a file."""
    path.write_text(path.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")


@pytest.mark.parametrize("wrong", CHANGES)
def test_what_does_not_load(copy: Path, wrong: str) -> None:
    """The message names what is wrong."""
    change, why = CHANGES[wrong]
    change(copy)
    with pytest.raises(ValueError, match=why):
        load(copy, None, 1, "float32")


@pytest.mark.parametrize("wrong", [pytest.param(97, id="a mark"), pytest.param(5_000, id="beyond the embedding")])
def test_ids_are_checked_before_any_look_up(copy: Path, wrong: int) -> None:
    """A tokenizer that gives what is no text token fails the sample by name: nothing is read past the embedding."""
    tokens = json.loads((copy / "tokenizer.json").read_text(encoding="utf-8"))
    tokens["model"]["vocab"]["h"] = wrong
    (copy / "tokenizer.json").write_text(json.dumps(tokens), encoding="utf-8")
    reason = f"the tokenizer gives the id {wrong}, which is no text token of this model"
    assert results(load(copy, None, 1, "float32"), REQUEST) == [NotSpoken(reason)]
