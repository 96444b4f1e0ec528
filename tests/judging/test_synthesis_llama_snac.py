"""The Llama with SNAC family, with tiny models of random weights: real loading code, megabytes of data."""

import json
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import LlamaForCausalLM

from scoring.model.fingerprint import Fingerprint, fingerprint
from scoring.progress import NO_PROGRESS
from scoring.synthesis.llama_snac import tiny
from scoring.synthesis.llama_snac.adapter import LlamaSnac, by_level, load
from scoring.synthesis.llama_snac.ids import AFTER_TEXT, BEFORE_TEXT, CODES, FIRST_CODE, SLOTS, STOP
from scoring.synthesis.llama_snac.preparation import line, most_frames
from scoring.synthesis.llama_snac.talker import FIRST_STOP, Speech, Unsaid, nucleus
from scoring.synthesis.load import PartsUnusable
from scoring.synthesis.synthesiser import NotAllSpoken, NotSpoken, Request, Waveform
from tests.builders import snac_voices
from tests.builders.imagined_card import CARD, imagined_card
from tests.builders.snac_voices import SnacVoice

REQUEST = Request("p0", "hello there", "a deep voice", 11)
LONGER = Request("p1", "Something rather longer than that; it has a second clause.", "a high voice", 12)
SHORT = Request("p2", "Yes", "a deep voice", 13)


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> SnacVoice:
    """A random model and codec."""
    return snac_voices.build(tmp_path_factory.mktemp("snac"))


@pytest.fixture(scope="module")
def parts(voice: SnacVoice) -> Path:
    """The codec."""
    return voice.parts


@pytest.fixture
def copy(voice: SnacVoice, tmp_path: Path) -> Path:
    """The model's files, to change."""
    return Path(shutil.copytree(voice.model, tmp_path / "copy"))


@pytest.fixture(scope="module")
def model(voice: SnacVoice) -> LlamaSnac:
    """The model, loaded."""
    return load(voice.model, voice.parts, 1, "float32")


def said(model: LlamaSnac, *requests: Request) -> list[Tensor]:
    """The codes that a model says to requests, as one batch."""
    found = model.talker.say([model.row(request) for request in requests])
    return [speech.codes for speech in found if isinstance(speech, Speech)]


def results(model: LlamaSnac, *requests: Request) -> Sequence[Waveform | NotSpoken]:
    """What the model says to requests that it cannot all say."""
    with pytest.raises(NotAllSpoken) as caught:
        model.generate(requests)
    return caught.value.results


def change_json(path: Path, **fields: object) -> None:
    """Other fields in a file."""
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | fields), encoding="utf-8")


def change_tensors(copy: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> None:
    """Other weights in the folder."""
    save_file(change(load_file(copy / "model.safetensors")), copy / "model.safetensors", {"format": "pt"})


def test_it_speaks(model: LlamaSnac) -> None:
    """float32 mono at the codec's rate, in whole frames, four at least."""
    (spoken,) = model.generate([REQUEST])
    assert (model.family, model.sample_rate) == ("llama_snac", 24_000)
    assert (spoken.dtype.name, spoken.ndim, spoken.size % 2_048) == ("float32", 1, 0)
    assert spoken.size >= 2_048 * FIRST_STOP
    assert 0.0 < float(np.abs(spoken).max()) <= 1.0


def test_rows_of_a_batch_are_what_they_are_alone(model: LlamaSnac) -> None:
    """Code by code and byte by byte, in any order: each row has a random stream and positions of its own, and ends by itself."""
    requests = [REQUEST, LONGER, SHORT, replace(LONGER, seed=99)]
    together = model.generate(requests)
    turned = model.generate(requests[::-1])[::-1]
    alone = [model.generate([request])[0] for request in requests]
    assert len({wave.size for wave in alone}) > 1
    for batched, other, single in zip(together, turned, alone, strict=True):
        assert batched.tobytes() == other.tobytes() == single.tobytes()


def test_another_seed_and_another_description(model: LlamaSnac) -> None:
    """Each is heard."""
    first, other = said(model, REQUEST, replace(REQUEST, seed=12))
    assert not torch.equal(first[:FIRST_STOP], other[:FIRST_STOP])
    hidden = [model.row(replace(REQUEST, description=description)).ids for description in ("a deep voice", "a high voice")]
    assert hidden[0] != hidden[1]


def test_without_noise_it_says_what_transformers_says(copy: Path, parts: Path) -> None:
    """The stock generator, given the same ids and held to the same order of codes, says the same ones."""
    tiny.build(copy, stop_logit=2.0)
    settings = {"temperature": 0.0, "repetition_penalty": 1.9}
    (copy / "generation_config.json").write_text(json.dumps(settings), encoding="utf-8")
    ours = load(copy, parts, 1, "float32")
    row = ours.row(REQUEST)
    (codes,) = said(ours, REQUEST)
    stock: Any = LlamaForCausalLM.from_pretrained(copy, dtype=torch.float32)
    ids = torch.tensor([[*BEFORE_TEXT, *row.ids, *AFTER_TEXT]])

    def due(_: int, so_far: Tensor) -> list[int]:
        place = len(so_far) - ids.shape[1]
        first = FIRST_CODE + place % SLOTS * CODES
        stops = [STOP] if place % SLOTS == 0 and place >= SLOTS * FIRST_STOP else []
        return [*range(first, first + CODES), *stops]

    found = stock.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        repetition_penalty=1.9,
        prefix_allowed_tokens_fn=due,
        max_new_tokens=SLOTS * row.most_frames + 1,
        eos_token_id=STOP,
        pad_token_id=128263,
    )[0, ids.shape[1] :]
    assert found[-1] == STOP
    expected = (found[:-1] - FIRST_CODE).reshape(-1, SLOTS) - torch.arange(SLOTS) * CODES
    assert len(codes) > FIRST_STOP
    assert torch.equal(codes, expected)


def test_no_id_leaves_its_codebook(copy: Path, parts: Path) -> None:
    """However likely the model finds every other id: its head is asked for no other."""

    def others_are_likely(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        head = tensors["model.embed_tokens.weight"].clone()
        head[:STOP, 0] += 50.0
        head[STOP + 1 : FIRST_CODE, 0] += 50.0
        return tensors | {"lm_head.weight": head}

    change_tensors(copy, others_are_likely)
    codes = torch.cat(said(load(copy, parts, 1, "float32"), REQUEST, LONGER))
    assert codes.shape[1] == SLOTS
    assert int(codes.min()) >= 0
    assert int(codes.max()) < CODES


def test_the_likeliest_codes() -> None:
    """By hand: of .5, .3, .15 and .05, two reach .7; equal ones stay in order; the likeliest is always there."""
    logits = torch.tensor([[0.15, 0.5, 0.05, 0.3], [0.25, 0.25, 0.25, 0.25]]).log()
    assert torch.isfinite(nucleus(logits, 0.7)).tolist() == [[False, True, False, True], [True, True, True, False]]
    assert torch.isfinite(nucleus(logits, 0.1)).tolist() == [[False, True, False, False], [True, False, False, False]]
    assert torch.equal(nucleus(logits, 1.0), logits)


def test_the_levels_of_a_frame() -> None:
    """Slot 0 is of the coarse level, 1 and 4 of the middle one, the others of the fine one."""
    assert [level.tolist() for level in by_level(torch.arange(14).reshape(2, 7))] == [
        [0, 7],
        [1, 4, 8, 11],
        [2, 3, 5, 6, 9, 10, 12, 13],
    ]


def of_talker(model: LlamaSnac) -> list[Tensor]:
    """All weights that choose codes: the network's, and those of the choices."""
    talker = vars(model.talker)
    return [*talker["_model"].parameters(), *talker["_heads"]]


def test_a_card_is_asked_in_its_own_numbers(voice: SnacVoice) -> None:
    """In bfloat16 all but the codec, which makes a sound in float32; and all of it moves."""
    rounded = load(voice.model, voice.parts, 1, "bfloat16")
    assert {weight.dtype for weight in of_talker(rounded)} == {torch.bfloat16}
    assert {weight.dtype for weight in vars(rounded)["_codec"].parameters()} == {torch.float32}
    assert rounded.generate([REQUEST])[0].size > 0
    rounded.to(cast(Any, "meta"))
    assert {weight.device.type for weight in (*of_talker(rounded), *vars(rounded)["_codec"].parameters())} == {"meta"}


def test_no_tensor_is_left_behind(voice: SnacVoice) -> None:
    """On a card it says the same, of tensors that are all there."""
    near, far = (load(voice.model, voice.parts, 1, "bfloat16") for _ in range(2))
    with imagined_card():
        far.to(CARD)
        spoken = far.generate([REQUEST, SHORT])
    assert [sound.tolist() for sound in spoken] == [sound.tolist() for sound in near.generate([REQUEST, SHORT])]


def test_speech_that_does_not_stop(tmp_path: Path, parts: Path) -> None:
    """It is told, and never cut and passed on."""
    tiny.build(tmp_path / "never", stop_logit=-50.0)
    never = load(tmp_path / "never", parts, 1, "float32")
    frames = math.ceil((len("Yes") / 5 + 3) * 24_000 / 2_048)
    assert results(never, SHORT) == [NotSpoken(f"it did not stop: no end within the {frames} frames that its text may take")]


def test_a_request_fails_alone(model: LlamaSnac) -> None:
    """The others of its batch are spoken."""
    first, second = results(model, replace(REQUEST, text="—"), REQUEST)
    assert first == NotSpoken("the text holds no word")
    assert isinstance(second, np.ndarray)
    assert np.array_equal(second, model.generate([REQUEST])[0])


def test_weights_that_are_no_numbers(copy: Path, parts: Path) -> None:
    """It is said at once, and nothing is passed on as speech."""
    change_tensors(copy, lambda tensors: tensors | {"model.norm.weight": torch.full((16,), float("nan"))})
    assert results(load(copy, parts, 1, "float32"), REQUEST) == [NotSpoken("its logits are NaN or infinite")]


def test_a_voice_with_a_name(copy: Path, parts: Path, model: LlamaSnac) -> None:
    """It reads its name before the text, and no description reaches it."""
    (copy / "voice.json").write_text('{"name": "tara"}', encoding="utf-8")
    named = load(copy, parts, 1, "float32")
    letters = {row: tiny.tokenizer().encode(row).ids for row in ("tara: hello there", '<description="a deep voice"> hello there')}
    assert [list(named.row(REQUEST).ids), list(model.row(REQUEST).ids)] == list(letters.values())
    assert named.row(REQUEST).ids == named.row(replace(REQUEST, description="a high voice")).ids


def test_a_line() -> None:
    """Blanks are one, quotes in a description cannot end it, and without one there is the text alone."""
    assert line("Good \n day", 'a "deep"  voice', None) == "<description=\"a 'deep' voice\"> Good day"
    assert line("Good day", "", None) == "Good day"
    with pytest.raises(ValueError, match="the text holds 1001 characters; there may be 1000"):
        line("a" * 1_001, "", None)
    assert most_frames("a" * 10 + "12", 10.0) == 74  # (10 + 2 · 6) / 5 + 3 seconds


def test_a_repository_sets_no_length_and_no_text(copy: Path, parts: Path, model: LlamaSnac) -> None:
    """What lies beside the weights and could say how to generate, prepare or render changes nothing."""
    change_json(copy / "generation_config.json", max_length=1, max_new_tokens=1, do_sample=False, suppress_tokens=[STOP])
    (copy / "chat_template.jinja").write_text("{{ 'Another text' }}", encoding="utf-8")
    (copy / "tokenizer_config.json").write_text('{"add_bos_token": true, "model_max_length": 1}', encoding="utf-8")
    change_json(copy / "config.json", hidden_act="relu", torch_dtype="float64", quantization_config={"quant_method": "gptq"})
    assert np.array_equal(load(copy, parts, 1, "float32").generate([REQUEST])[0], model.generate([REQUEST])[0])


def prints(folder: Path) -> Fingerprint:
    """The hashes of a folder."""
    return fingerprint(folder, NO_PROGRESS)


def test_the_same_model_saved_otherwise(copy: Path, parts: Path, model: LlamaSnac, voice: SnacVoice) -> None:
    """As float32 in shards it is the same model, to the hash and to the sound; with a head of its own it is the same lineage."""
    stock = LlamaForCausalLM.from_pretrained(copy, dtype=torch.float32)
    (copy / "model.safetensors").unlink()
    settings = (copy / "generation_config.json").read_bytes()
    stock.save_pretrained(copy, max_shard_size="4MB")
    (copy / "generation_config.json").write_bytes(settings)
    change_json(copy / "config.json", dtype="bfloat16", **{"_name_or_path": "a/b"})
    assert len(list(copy.glob("*.safetensors"))) > 1
    assert prints(copy) == prints(voice.model)
    assert np.array_equal(load(copy, parts, 1, "float32").generate([LONGER])[0], model.generate([LONGER])[0])


def test_a_head_of_its_own(copy: Path, parts: Path, model: LlamaSnac, voice: SnacVoice) -> None:
    """A copy of the embedding beside it is the same lineage, whatever its config says of ties; one that differs speaks."""
    table = load_file(copy / "model.safetensors")["model.embed_tokens.weight"]
    change_tensors(copy, lambda tensors: tensors | {"lm_head.weight": table.clone()})
    for tied in (True, False):
        change_json(copy / "config.json", tie_word_embeddings=tied)
        assert np.array_equal(load(copy, parts, 1, "float32").generate([REQUEST])[0], model.generate([REQUEST])[0])
        assert prints(copy).tensors == prints(voice.model).tensors
    louder = table.clone()
    louder[STOP, 0] = 90.0
    change_tensors(copy, lambda tensors: tensors | {"lm_head.weight": louder})
    assert [len(codes) for codes in said(load(copy, parts, 1, "float32"), REQUEST, LONGER)] == [FIRST_STOP, FIRST_STOP]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param(
            lambda copy: change_tensors(copy, lambda tensors: tensors | {"decoy": torch.zeros(1)}),
            r"too many: \['decoy'\]",
            id="a tensor too many",
        ),
        pytest.param(
            lambda copy: change_tensors(copy, lambda tensors: {n: t for n, t in tensors.items() if n != "model.norm.weight"}),
            r"missing: \['model.norm.weight'\]",
            id="one missing",
        ),
        pytest.param(
            lambda copy: change_json(copy / "config.json", tie_word_embeddings=False),
            r"missing: \['lm_head.weight'\]",
            id="no head",
        ),
        pytest.param(
            lambda copy: change_tensors(copy, lambda tensors: {n.removeprefix("model."): t for n, t in tensors.items()}),
            r"too many: \['embed_tokens.weight'",
            id="names that transformers would guess",
        ),
        pytest.param(
            lambda copy: change_tensors(copy, lambda tensors: tensors | {"model.norm.weight": torch.ones(16, dtype=torch.int64)}),
            "model.norm.weight is of type I64",
            id="whole numbers",
        ),
        pytest.param(
            lambda copy: change_json(copy / "config.json", hidden_size=16_000, head_dim=None),
            r"shape \[156940, 16\]; config.json asks for \[156940, 16000\]",
            id="sizes that are not the tensors'",
        ),
        pytest.param(
            lambda copy: change_json(copy / "config.json", num_hidden_layers=1_000_000_000),
            "num_hidden_layers is 1000000000; it is a whole number from 1 to 128",
            id="layers without end",
        ),
        pytest.param(
            lambda copy: change_json(copy / "config.json", hidden_size="16"),
            "hidden_size is 16; it is a whole number",
            id="words",
        ),
        pytest.param(
            lambda copy: change_json(copy / "config.json", vocab_size=True),
            "vocab_size is True; it is a whole",
            id="yes for a size",
        ),
        pytest.param(
            lambda copy: change_json(copy / "config.json", vocab_size=128_256),
            "a vocabulary of 128256 has no room for the codes of a sound, up to the id 156937",
            id="a Llama that only writes",
        ),
        pytest.param(
            lambda copy: change_json(
                copy / "config.json", rope_parameters={"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}
            ),
            "rope_type 'dynamic', not of default",
            id="positions that depend on others of the batch",
        ),
        pytest.param(
            lambda copy: (copy / "config.json").write_text('{"model_type": "llama", "rms_norm_eps": NaN}', encoding="utf-8"),
            "config.json: ",
            id="no number",
        ),
        pytest.param(
            lambda copy: change_json(copy / "generation_config.json", temperature=9.0),
            "temperature is 9.0; it may be 0 to 1.5",
            id="a setting out of range",
        ),
        pytest.param(
            lambda copy: (copy / "voice.json").write_text('{"name": "tara: "}', encoding="utf-8"),
            "voice.json: name: ",
            id="a name",
        ),
    ],
)
def test_what_does_not_load(copy: Path, parts: Path, change: Callable[[Path], None], why: str) -> None:
    """The message names what is wrong."""
    change(copy)
    with pytest.raises(ValueError, match=why):
        load(copy, parts, 1, "float32")


@pytest.mark.parametrize("wrong", [128_000, STOP, FIRST_CODE, FIRST_CODE + SLOTS * CODES - 1, 156_940])
def test_ids_are_checked_before_any_look_up(copy: Path, parts: Path, wrong: int) -> None:
    """A tokenizer that gives a mark, a code or what is beyond the embedding fails the sample by name."""
    tokens = json.loads((copy / "tokenizer.json").read_text(encoding="utf-8"))
    tokens["model"]["vocab"]["h"] = wrong
    (copy / "tokenizer.json").write_text(json.dumps(tokens), encoding="utf-8")
    assert results(load(copy, parts, 1, "float32"), REQUEST) == [
        NotSpoken(f"the tokenizer gives the id {wrong}, which is no text token of this model")
    ]


def test_a_tokenizer_that_floods(copy: Path, parts: Path) -> None:
    """A text of hundreds of tokens would only take time."""
    tokens = json.loads((copy / "tokenizer.json").read_text(encoding="utf-8"))
    tokens["normalizer"] = {"type": "Replace", "pattern": {"String": "l"}, "content": "l" * 400}
    (copy / "tokenizer.json").write_text(json.dumps(tokens), encoding="utf-8")
    reason = "the tokenizer makes 838 tokens of a text; there may be 1 to 800"
    assert results(load(copy, parts, 1, "float32"), REQUEST) == [NotSpoken(reason)]


@pytest.mark.parametrize("torn", ["codec/config.json", "codec/model.safetensors"])
def test_parts_that_cannot_be_opened(voice: SnacVoice, tmp_path: Path, torn: str) -> None:
    """They are told apart from a model that cannot be loaded: they are not its owner's."""
    broken = Path(shutil.copytree(voice.parts, tmp_path / "parts"))
    (broken / torn).write_bytes(b"torn")
    with pytest.raises(PartsUnusable):
        load(voice.model, broken, 1, "float32")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        pytest.param({"vq_strides": [8, 4, 2, 1]}, "Error", id="four levels"),
        pytest.param({"vq_strides": [2, 2, 1]}, "the codec has no 3 levels of 4096 codes", id="other levels"),
        pytest.param({"attn_window_size": 32}, "the codec attends", id="a codec that attends"),
    ],
)
def test_another_codec(voice: SnacVoice, tmp_path: Path, fields: dict[str, object], why: str) -> None:
    """Its frames would be others."""
    other = Path(shutil.copytree(voice.parts, tmp_path / "parts"))
    change_json(other / "codec" / "config.json", **fields)
    with pytest.raises(PartsUnusable, match=why):
        load(voice.model, other, 1, "float32")


def test_nothing_is_pinned(voice: SnacVoice) -> None:
    """Without a codec there is no model."""
    with pytest.raises(PartsUnusable, match="no codec is pinned"):
        load(voice.model, None, 1, "float32")


def test_a_batch_of_nothing(model: LlamaSnac) -> None:
    """It says nothing."""
    assert model.talker.say([]) == []
    assert isinstance(model.talker.say([replace(model.row(LONGER), most_frames=1)])[0], Unsaid)
