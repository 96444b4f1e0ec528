"""The Qwen3-TTS family in a process whose path begins with its own packages: `test_qwen3_tts_sandbox` runs this file there."""

import json
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from scoring.model.fingerprint import fingerprint
from scoring.progress import NO_PROGRESS
from scoring.synthesis.load import PartsUnusable
from scoring.synthesis.qwen3_tts import tiny
from scoring.synthesis.qwen3_tts.adapter import Qwen3Tts, load
from scoring.synthesis.qwen3_tts.official import import_official
from scoring.synthesis.synthesiser import NotAllSpoken, NotSpoken, Request
from tests.builders.imagined_card import CARD, imagined_card

REQUEST = Request("p0", "hello there", "a deep voice", 11)
REQUESTS = [
    REQUEST,
    Request("p1", "Something longer: it has 2 parts; “quoted”, too.", "a bright, quick voice", 12),
    Request("p2", "Yes", "", 13),
]
NO_CHANCE = {"temperature": 0.0, "subtalker_temperature": 0.0}
Tensors = dict[str, Tensor]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of each kind, and the pinned codec."""
    import_official()
    made = tmp_path_factory.mktemp("qwen")
    tiny.build(made / "design", "voice_design")
    tiny.build(made / "custom", "custom_voice")
    tiny.build_codec(made / "parts" / "codec")
    return made


@pytest.fixture(scope="module")
def model(root: Path) -> Qwen3Tts:
    """The model that hears descriptions, loaded."""
    return load(root / "design", root / "parts", 1, "float32")


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    """Both models' files and the codec's, to change."""
    return Path(shutil.copytree(root, tmp_path / "copy"))


def opened(root: Path, kind: str = "design") -> Qwen3Tts:
    """A folder's model, loaded."""
    return load(root / kind, root / "parts", 1, "float32")


def codes(model: Qwen3Tts, *requests: Request) -> list[list[list[int]] | NotSpoken]:
    """What becomes of requests, said together."""
    found = model.talker.say([model.row(request) for request in requests])
    return [item if isinstance(item, NotSpoken) else item.tolist() for item in found]


def change_json(path: Path, **fields: object) -> None:
    """Other fields in a file."""
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | fields), encoding="utf-8")


def change_talker(path: Path, **fields: object) -> None:
    """Other sizes of the talker."""
    talker = json.loads(path.read_text(encoding="utf-8"))["talker_config"]
    change_json(path, talker_config=talker | fields)


def change_predictor(path: Path, **fields: object) -> None:
    """Other sizes of what says a frame's other codes."""
    predictor = json.loads(path.read_text(encoding="utf-8"))["talker_config"]["code_predictor_config"]
    change_talker(path, code_predictor_config=predictor | fields)


def more_books(path: Path) -> None:
    """Six codes a frame, said by both networks."""
    change_predictor(path, num_code_groups=6)
    change_talker(path, num_code_groups=6)


def change_tensors(folder: Path, change: Callable[[Tensors], Tensors]) -> None:
    """Other weights in the folder."""
    save_file(change(load_file(folder / "model.safetensors")), folder / "model.safetensors", {"format": "pt"})


def write(path: Path, text: str) -> None:
    """Another file."""
    path.write_text(text, encoding="utf-8")


def name_speaker(folder: Path, name: str) -> None:
    """Let a speaker speak."""
    write(folder / "voice.json", json.dumps({"name": name}))


def test_it_speaks(model: Qwen3Tts) -> None:
    """Float32 mono at the codec's rate, in whole frames."""
    (spoken,) = model.generate([REQUEST])
    (said,) = codes(model, REQUEST)
    assert isinstance(said, list)
    assert (model.sample_rate, spoken.dtype.name, spoken.shape) == (24_000, "float32", (1_920 * len(said),))
    assert float(spoken.std()) > 0.01


def test_rows_of_a_batch_are_what_they_are_alone(model: Qwen3Tts) -> None:
    """Code by code and byte by byte, in any order."""
    alone = [codes(model, request)[0] for request in REQUESTS]
    assert codes(model, *REQUESTS) == alone
    assert codes(model, *reversed(REQUESTS)) == alone[::-1]
    together = model.generate(REQUESTS)
    assert all(np.array_equal(model.generate([request])[0], said) for request, said in zip(REQUESTS, together, strict=True))


@pytest.mark.parametrize("change", [{"seed": 14}, {"description": "an old, slow voice"}, {"text": "hello then"}], ids=str)
def test_another_request_is_said_otherwise(model: Qwen3Tts, change: dict[str, Any]) -> None:
    """Its stream, its description and its text reach the sound."""
    changed = [replace(request, **change) for request in REQUESTS]
    assert all(before != after for before, after in zip(codes(model, *REQUESTS), codes(model, *changed), strict=True))


@pytest.mark.parametrize("kind", ["design", "custom"])
def test_without_chance_it_says_what_the_official_code_says(copy: Path, kind: str) -> None:
    """The authors' own class, given the same batch, makes the same codes."""
    from qwen_tts import Qwen3TTSModel

    folder = copy / kind
    name_speaker(folder, "bert")
    shutil.copytree(copy / "parts" / "codec", folder / "speech_tokenizer")
    hearing = {"feature_extractor_type": "EncodecFeatureExtractor", "sampling_rate": 24_000, "feature_size": 1}
    (folder / "speech_tokenizer" / "preprocessor_config.json").write_text(json.dumps(hearing), encoding="utf-8")
    stock: Any = Qwen3TTSModel.from_pretrained(str(folder), dtype=torch.float32, attn_implementation="sdpa")
    heard: list[Any] = []
    generate = stock.model.generate

    def listen(**asked: Any) -> Any:
        heard.append(generate(**asked))
        return heard[-1]

    stock.model.generate = listen
    asked: dict[str, Any] = {"do_sample": False, "subtalker_dosample": False, "max_new_tokens": 150, "language": "English"}
    asked |= {"text": [request.text for request in REQUESTS], "instruct": [request.description for request in REQUESTS]}
    if kind == "design":
        stock.generate_voice_design(**asked)
    else:
        stock.generate_custom_voice(speaker="bert", **asked)
    shutil.rmtree(folder / "speech_tokenizer")
    change_json(folder / "generation_config.json", **NO_CHANCE)
    ours = codes(opened(copy, kind), *REQUESTS)
    assert ours == [said.tolist() for said in heard[0][0]]
    assert max(len(said) for said in ours if isinstance(said, list)) > 2


def test_a_card_is_asked_in_its_own_numbers(root: Path) -> None:
    """In bfloat16 all but the codec, which makes a sound in float32, twice the same; and all of it moves."""
    rounded = load(root / "design", root / "parts", 1, "bfloat16")
    talker, codec = vars(rounded.talker), vars(rounded)["_codec"]

    def held() -> tuple[list[Tensor], list[Tensor]]:
        return [*talker["_talker"].parameters(), talker["_pad"]], list(vars(codec)["_decoder"].parameters())

    assert [{weight.dtype for weight in weights} for weights in held()] == [{torch.bfloat16}, {torch.float32}]
    spoken = rounded.generate(REQUESTS)
    assert all(sound.dtype == np.float32 and float(sound.std()) > 0.01 for sound in spoken)
    assert all(np.array_equal(sound, twice) for sound, twice in zip(spoken, rounded.generate(REQUESTS), strict=True))
    rounded.to(cast(Any, "meta"))
    assert [{weight.device.type for weight in weights} for weights in held()] == [{"meta"}, {"meta"}]


def test_no_tensor_is_left_behind(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a card it says the same, of tensors that are all there."""
    from transformers import masking_utils

    def without_vmap(mask: Callable[..., Tensor], _bh_indices: bool = True) -> Callable[..., Tensor]:
        def at(row: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
            shape = (len(row), len(head), len(query), len(key))
            return mask(row[:, None, None, None], head[:, None, None], query[:, None], key).expand(shape)

        return at

    monkeypatch.setattr(masking_utils, "_vmap_for_bhqkv", without_vmap)  # the card knows no vmap
    monkeypatch.setattr(torch, "autocast", lambda **_off: nullcontext())  # nor its name
    near, far = (load(root / "design", root / "parts", 1, "bfloat16") for _ in range(2))
    with imagined_card():
        far.to(CARD)
        spoken = far.generate(REQUESTS)
    assert [sound.tolist() for sound in spoken] == [sound.tolist() for sound in near.generate(REQUESTS)]


def test_speech_that_does_not_stop(tmp_path: Path, root: Path) -> None:
    """It is told, and never cut and passed on."""
    never = load(tiny.build(tmp_path / "never", "voice_design", end_logit=-500.0), root / "parts", 1, "float32")
    with pytest.raises(NotAllSpoken) as caught:
        never.generate([REQUEST])
    assert caught.value.results == [NotSpoken("it did not stop: no end within the 48 frames that its text may take")]


def test_ids_that_are_no_codes_are_never_said(copy: Path, model: Qwen3Tts) -> None:
    """The head's rows beyond the codebook would be drawn each time, and would leave the codec's tables."""

    def louder(tensors: Tensors) -> Tensors:
        tensors["talker.codec_head.weight"][tiny.END + 1 :, 0] = 50.0
        return tensors

    change_tensors(copy / "design", louder)
    assert codes(opened(copy), *REQUESTS) == codes(model, *REQUESTS)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("temperature", 1.9),
        ("top_k", 1),
        ("repetition_penalty", 2.0),
        ("subtalker_temperature", 1.9),
        ("subtalker_top_k", 1),
    ],
)
def test_settings_that_count(copy: Path, model: Qwen3Tts, setting: str, value: float) -> None:
    """Each changes what is said."""
    change_json(copy / "design" / "generation_config.json", **{setting: value})
    assert codes(opened(copy), *REQUESTS) != codes(model, *REQUESTS)


def test_settings_that_do_not_count(copy: Path, model: Qwen3Tts) -> None:
    """Nothing else that lies beside the weights says how to generate or to prepare."""
    folder = copy / "design"
    change_json(folder / "generation_config.json", max_new_tokens=1, do_sample=False, top_p=0.1, subtalker_dosample=False)
    change_json(folder / "tokenizer_config.json", model_max_length=1, chat_template="{{ 'Another text' }}")
    change_json(folder / "config.json", quantization_config={"quant_method": "bitsandbytes"})
    assert codes(opened(copy), *REQUESTS) == codes(model, *REQUESTS)


def test_whose_voice_speaks(copy: Path) -> None:
    """Of several speakers the one that voice.json names; of one, that one; a description reaches the larger model only."""
    custom = copy / "custom"
    with pytest.raises(ValueError, match="names 2 speakers"):
        opened(copy, "custom")
    name_speaker(custom, "carl")
    with pytest.raises(ValueError, match="'carl' is none of the speakers in config"):
        opened(copy, "custom")
    name_speaker(custom, "ada")
    ada = opened(copy, "custom")
    name_speaker(custom, "bert")
    bert = opened(copy, "custom")
    assert codes(ada, *REQUESTS) != codes(bert, *REQUESTS)
    plain = [replace(request, description="") for request in REQUESTS]
    assert codes(bert, *plain) != codes(bert, *REQUESTS)
    change_json(custom / "config.json", tts_model_size="0b6")
    (custom / "voice.json").unlink()
    change_talker(custom / "config.json", spk_id={"bert": tiny.CODES + 21})
    smaller = opened(copy, "custom")
    assert codes(smaller, *REQUESTS) == codes(smaller, *plain) == codes(bert, *plain)


def spread(folder: Path) -> None:
    """The weights in two files, with their index."""
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    places = {name: f"model-{1 + number % 2:05}-of-00002.safetensors" for number, name in enumerate(tensors)}
    for place in set(places.values()):
        save_file({name: tensors[name] for name in tensors if places[name] == place}, folder / place, {"format": "pt"})
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    write(folder / "model.safetensors.index.json", json.dumps({"metadata": {"total_size": size}, "weight_map": places}))


def halved(tensors: Tensors) -> Tensors:
    """Norms, which are all ones, in a narrower type."""
    return tensors | {name: held.half() for name, held in tensors.items() if name.endswith("norm.weight")}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda at: change_tensors(at, lambda held: {n: t.double() for n, t in held.items()}), id="wider types"),
        pytest.param(lambda at: change_tensors(at, halved), id="types that hold it"),
        pytest.param(spread, id="shards"),
        pytest.param(
            lambda at: write(at / "preprocessor_config.json", '{"padding_side": "left"}'), id="a file that nobody reads"
        ),
    ],
)
def test_a_copy_that_was_saved_anew(copy: Path, model: Qwen3Tts, change: Callable[[Path], None]) -> None:
    """It says the same and is the same model."""
    plain = fingerprint(copy / "design", NO_PROGRESS)
    change(copy / "design")
    assert codes(opened(copy), *REQUESTS) == codes(model, *REQUESTS)
    assert fingerprint(copy / "design", NO_PROGRESS) == plain


@pytest.mark.parametrize(("name", "row"), [("codec_head", 40), ("model.codec_embedding", 40), ("model.text_embedding", 33)])
def test_what_sounds_the_same_is_one_for_lineage(copy: Path, model: Qwen3Tts, name: str, row: int) -> None:
    """Rows that nobody asks for tell no two models apart, though a tag binds them."""

    def change(tensors: Tensors) -> Tensors:
        tensors[f"talker.{name}.weight"][row] += 1.0
        return tensors

    plain = fingerprint(copy / "design", NO_PROGRESS)
    change_tensors(copy / "design", change)
    found = fingerprint(copy / "design", NO_PROGRESS)
    assert codes(opened(copy), *REQUESTS) == codes(model, *REQUESTS)
    assert (found.tensors == plain.tensors, found.content != plain.content) == (True, True)


CHANGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a base model": (lambda at: change_json(at / "config.json", tts_model_type="base"), "tts_model_type"),
    "layers beyond all networks": (lambda at: change_talker(at / "config.json", num_hidden_layers=10**9), "num_hidden_layers"),
    "another type": (lambda at: change_talker(at / "config.json", hidden_size="16"), "hidden_size"),
    "another network": (lambda at: change_talker(at / "config.json", intermediate_size=60_000), "config.json asks for"),
    "an end that is a code": (lambda at: change_talker(at / "config.json", codec_eos_token_id=1), "which is a code of the codec"),
    "an id beyond": (lambda at: change_talker(at / "config.json", codec_bos_id=5_000), "not below the vocab_size"),
    "heads that do not divide": (lambda at: change_talker(at / "config.json", num_key_value_heads=3), "a multiple of"),
    "no number": (lambda at: change_talker(at / "config.json", rope_theta=float("nan")), "config.json|not JSON|NaN"),
    "no English": (lambda at: change_talker(at / "config.json", codec_language_id={"chinese": 17}), "names no english"),
    "codes that the codec has not": (lambda at: change_predictor(at / "config.json", vocab_size=32), "vocab_size is not 16"),
    "books that the codec has not": (lambda at: more_books(at / "config.json"), "num_code_groups is 6; the codec has 4"),
    "positions that stretch": (
        lambda at: change_talker(at / "config.json", rope_scaling={"rope_type": "dynamic", "factor": 2.0}),
        "rope_type",
    ),
    "a setting out of range": (lambda at: change_json(at / "generation_config.json", top_k=0), "top_k is 0"),
    "a tensor too many": (
        lambda at: change_tensors(at, lambda tensors: tensors | {"decoy": torch.zeros(1)}),
        r"too many: \['decoy'\]",
    ),
    "roles of many tokens": (lambda at: write(at / "merges.txt", "#version: 0.2\n"), "the role before a text is one"),
}


@pytest.mark.parametrize(("change", "reason"), CHANGES.values(), ids=CHANGES)
def test_what_is_refused(copy: Path, change: Callable[[Path], None], reason: str) -> None:
    """It is the model's fault, with a reason."""
    change(copy / "design")
    with pytest.raises(ValueError, match=reason):
        opened(copy)


@pytest.mark.parametrize("file", ["vocab.json", "merges.txt"])
@pytest.mark.parametrize("text", ["", "[]", '{"a": 0.5}', '{"a": -1}'])
def test_a_vocabulary_that_is_none(copy: Path, file: str, text: str) -> None:
    """It ends in an exception, which the guest tells, whatever the library makes of it."""
    write(copy / "design" / file, text)
    with pytest.raises(Exception, match=r"\w"):
        opened(copy)


def test_weights_that_are_no_numbers(copy: Path) -> None:
    """They are told as such."""
    name = "talker.model.norm.weight"
    change_tensors(copy / "design", lambda tensors: tensors | {name: torch.full_like(tensors[name], float("nan"))})
    assert codes(opened(copy), REQUEST) == [NotSpoken("what the network says of its next frame is no number")]


def test_a_codec_that_is_none_is_ours(copy: Path) -> None:
    """Missing, of other sizes, or not pinned at all."""
    with pytest.raises(PartsUnusable):
        load(copy / "design", None, 1, "float32")
    change_json(copy / "parts" / "codec" / "config.json", decode_upsample_rate=960)
    with pytest.raises(PartsUnusable, match="1920 samples of a frame, not 960"):
        opened(copy)
    (copy / "parts" / "codec" / "model.safetensors").unlink()
    with pytest.raises(PartsUnusable):
        opened(copy)
