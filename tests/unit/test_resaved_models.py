"""A model that was only saved anew, so that it sounds the same to the bit, is the same model; one that may sound otherwise is not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from safetensors.numpy import save_file

from scoring.model.canonical_tensor import canonical
from scoring.model.fingerprint import fingerprint
from scoring.model.safetensors_header import TensorSpan
from scoring.progress import NO_PROGRESS

Tensors = dict[str, NDArray[Any]]
EMBEDDING, SPEAKERS = "text_encoder.embed_tokens.weight", "embed_speaker.weight"
DRAW = np.random.default_rng(0)
FLOATS: Tensors = {
    EMBEDDING: DRAW.standard_normal((5, 4)).astype(np.float32),
    SPEAKERS: DRAW.standard_normal((3, 2)).astype(np.float32),
    "decoder.conv_pre.weight_g": np.abs(DRAW.standard_normal((3, 1, 1))).astype(np.float32),
    "decoder.conv_pre.weight_v": DRAW.standard_normal((3, 2, 5)).astype(np.float32),
    "decoder.bias": np.array([0.0, 1.0, -2.5, 1e-40], np.float32),
    "flow.weight": DRAW.standard_normal((2, 3)).astype(np.float16).astype(np.float32),
    "posterior_encoder.weight": DRAW.standard_normal(7).astype(np.float32),
    "positions": np.arange(4, dtype=np.int32),
}
CONFIG: dict[str, Any] = {"model_type": "vits", "hidden_size": 4, "vocab_size": 5}
FILES: dict[str, bytes] = {
    "vocab.json": json.dumps({sign: number for number, sign in enumerate("_abcd")}).encode(),
    "README.md": b"---\nlicense: mit\n---\n",
    "generation_config.json": b'{"transformers_version": "5"}',
}


def write(folder: Path, tensors: Tensors, config: dict[str, Any], files: dict[str, bytes]) -> Path:
    """A model folder."""
    folder.mkdir()
    save_file({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, folder / "model.safetensors")
    for name, content in ({"config.json": json.dumps(config).encode()} | files).items():
        (folder / name).write_bytes(content)
    return folder


def with_tensor(name: str, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Tensors:
    """The model's tensors, one of them changed."""
    return FLOATS | {name: change(FLOATS[name])}


def renamed(change: Callable[[str], str]) -> Tensors:
    """The model's tensors under other names."""
    return {change(name): tensor for name, tensor in FLOATS.items()}


def newer(name: str) -> str:
    """As torch's newer weight norm has it."""
    ways = {"_g": ".parametrizations.weight.original0", "_v": ".parametrizations.weight.original1"}
    return name.replace(".weight_g", ways["_g"]).replace(".weight_v", ways["_v"])


def wider(tensor: NDArray[Any]) -> NDArray[Any]:
    """In a type with more bits."""
    return tensor.astype(np.int64 if tensor.dtype == np.int32 else np.float64)


ROWS = 2.0 ** np.array([3, -7, 20]).reshape(3, 1, 1)
NEGATIVE_ZERO = np.array([-0.0, 1.0, -2.5, 1e-40], np.float32)


@pytest.mark.parametrize(
    ("tensors", "config", "files"),
    [
        pytest.param({name: wider(tensor) for name, tensor in FLOATS.items()}, {}, {}, id="wider types"),
        pytest.param(
            with_tensor("flow.weight", lambda held: held.astype(np.float16)), {}, {}, id="a narrower type that holds it"
        ),
        pytest.param(renamed(newer), {}, {}, id="weight norm by its newer names"),
        pytest.param(renamed("vits.{}".format), {}, {}, id="the class's name before each"),
        pytest.param(with_tensor("decoder.conv_pre.weight_v", lambda held: held * np.float32(2)), {}, {}, id="v times 2"),
        pytest.param(
            with_tensor("decoder.conv_pre.weight_v", lambda held: held * ROWS), {}, {}, id="each row of v by a power of 2"
        ),
        pytest.param(with_tensor("decoder.bias", lambda _: NEGATIVE_ZERO), {}, {}, id="-0.0 for 0.0"),
        pytest.param({name: t for name, t in FLOATS.items() if "posterior" not in name}, {}, {}, id="what only training needs"),
        pytest.param(FLOATS | {"posterior_encoder.b": np.zeros(1, np.float32)}, {}, {}, id="more of what only training needs"),
        pytest.param(FLOATS, {"transformers_version": "9", "_name_or_path": "x/y"}, {}, id="traces of a tool"),
        pytest.param(FLOATS, {}, {"vocab.json": json.dumps(json.loads(FILES["vocab.json"]), indent=2).encode()}, id="layout"),
        pytest.param(
            FLOATS, {}, {"README.md": b"", "LICENSE": b"MIT", "special_tokens_map.json": b"{}"}, id="files nobody reads"
        ),
    ],
)
def test_a_copy_that_was_saved_anew(tmp_path: Path, tensors: Tensors, config: dict[str, Any], files: dict[str, bytes]) -> None:
    """Both hashes are the model's."""
    plain = fingerprint(write(tmp_path / "plain", FLOATS, CONFIG, FILES), NO_PROGRESS)
    assert fingerprint(write(tmp_path / "copy", tensors, CONFIG | config, FILES | files), NO_PROGRESS) == plain


@pytest.mark.parametrize(
    ("tensors", "config", "files"),
    [
        pytest.param(
            with_tensor("decoder.conv_pre.weight_v", lambda held: held * np.float32(3)), {}, {}, id="v times 3: rounding"
        ),
        pytest.param(with_tensor("decoder.conv_pre.weight_g", lambda held: held * np.float32(2)), {}, {}, id="g times 2"),
        pytest.param(with_tensor("flow.weight", lambda held: held * np.float32(2)), {}, {}, id="another weight times 2"),
        pytest.param(with_tensor("decoder.bias", lambda held: held + 1e-12), {}, {}, id="what only float64 holds"),
        pytest.param(FLOATS, {"hidden_size": 8}, {}, id="the config"),
        pytest.param(FLOATS, {}, {"vocab.json": FILES["vocab.json"].replace(b"a", b"e")}, id="the vocabulary"),
        pytest.param(FLOATS, {}, {"voice.json": b'{"accent": "en-gb"}'}, id="the table of its voice"),
        pytest.param(FLOATS, {}, {"tokenizer_config.json": b'{"add_blank": false}'}, id="the tokenizer's settings"),
    ],
)
def test_another_model(tmp_path: Path, tensors: Tensors, config: dict[str, Any], files: dict[str, bytes]) -> None:
    """What can reach the sound is in the content hash."""
    plain = fingerprint(write(tmp_path / "plain", FLOATS, CONFIG, FILES), NO_PROGRESS)
    other = fingerprint(write(tmp_path / "other", tensors, CONFIG | config, FILES | files), NO_PROGRESS)
    assert (other.content != plain.content, other.tensors == plain.tensors) == (True, tensors is FLOATS)


def test_only_the_settings_that_count_count(tmp_path: Path) -> None:
    """Of generation_config.json the family reads the keys that its manifest names."""
    config = {"model_type": "pocket_tts"}
    prints = [
        fingerprint(
            write(tmp_path / str(number), FLOATS, config, {"generation_config.json": json.dumps(held).encode()}), NO_PROGRESS
        )
        for number, held in enumerate([{"temperature": 0.5}, {"temperature": 0.5, "max_length": 9}, {"temperature": 0.6}])
    ]
    assert (prints[0] == prints[1], prints[0] == prints[2]) == (True, False)


@pytest.mark.parametrize(
    ("tensors", "config", "vocabulary"),
    [
        pytest.param(
            with_tensor(EMBEDDING, lambda held: np.vstack([held, held[:1]])), {"vocab_size": 6}, "_abcd", id="a row more"
        ),
        pytest.param(with_tensor(EMBEDDING, lambda held: held[:4]), {"vocab_size": 4}, "_abc", id="a symbol fewer"),
        pytest.param(with_tensor(EMBEDDING, lambda held: held[[0, 2, 1, 3, 4]]), {}, "_bacd", id="symbols in another order"),
        pytest.param(with_tensor(SPEAKERS, lambda held: held * [[1], [1], [2]]), {}, "_abcd", id="a speaker who never speaks"),
    ],
)
def test_tables_tell_no_models_apart(tmp_path: Path, tensors: Tensors, config: dict[str, Any], vocabulary: str) -> None:
    """Nobody can say which of their rows speak: the tag binds each of them, and lineage none."""
    plain = fingerprint(write(tmp_path / "plain", FLOATS, CONFIG, FILES), NO_PROGRESS)
    files = FILES | {"vocab.json": json.dumps({sign: number for number, sign in enumerate(vocabulary)}).encode()}
    other = fingerprint(write(tmp_path / "other", tensors, CONFIG | config, files), NO_PROGRESS)
    assert (other.content != plain.content, other.tensors == plain.tensors) == (True, True)


def test_tables_are_told_of_too(tmp_path: Path) -> None:
    """Progress goes over all bytes, in order."""
    seen: list[tuple[int, int]] = []
    fingerprint(write(tmp_path / "plain", FLOATS, CONFIG, FILES), lambda done, total: seen.append((done, total)))
    size = sum(tensor.nbytes for name, tensor in FLOATS.items() if "posterior" not in name)
    assert (seen == sorted(seen), seen[-1]) == (True, (size, size))


def numbers(array: NDArray[Any], dtype: str, rows: int | None = None) -> tuple[str, bytes]:
    """The canonical form of an array."""
    raw = array.tobytes()
    span = TensorSpan(name="a", dtype=dtype, shape=array.shape, start=0, end=len(raw))
    kind, chunks = canonical(span, lambda start, stop: raw[start:stop], rows)
    return kind, b"".join(chunks)


@given(arrays(np.uint32, st.integers(1, 40)))
def test_every_float32_is_found_in_float64(bits: NDArray[np.uint32]) -> None:
    """Any bits: subnormal numbers, infinities and NaN too. numpy is the reference, but for the one zero and the one NaN."""
    single = bits.view(np.float32)
    expected = np.where(single == 0, np.float32(0), single).view(np.uint32)
    expected = np.where(np.isnan(single), np.uint32(0x7FC00000), expected)
    assert numbers(single, "F32") == numbers(single.astype(np.float64), "F64") == ("F32", expected.tobytes())


@given(arrays(np.uint64, st.integers(1, 40)))
def test_no_float64_is_rounded(bits: NDArray[np.uint64]) -> None:
    """It is narrowed exactly where that loses nothing."""
    double = bits.view(np.float64)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        fits = (double.astype(np.float32).astype(np.float64) == double) | np.isnan(double)
    assert numbers(double, "F64")[0] == ("F32" if fits.all() else "F64")


@pytest.mark.parametrize(("dtype", "kind"), [("F16", np.uint16), ("BF16", np.uint16)])
def test_every_half(dtype: str, kind: type[np.unsignedinteger[Any]]) -> None:
    """All 65,536 of a type, against numpy's conversion, or against the bits that bfloat16 is short of."""
    bits = np.arange(1 << 16).astype(kind)
    single = bits.view(np.float16).astype(np.float32) if dtype == "F16" else (bits.astype(np.uint32) << 16).view(np.float32)
    assert numbers(bits, dtype) == numbers(single, "F32")


@given(
    arrays(np.float32, (3, 4), elements=st.floats(-(2.0**99), 2.0**99, width=32)),
    st.lists(st.integers(-60, 60), min_size=3, max_size=3),
)
def test_rows_count_by_their_ratios(rows: NDArray[np.float32], powers: list[int]) -> None:
    """Whatever power of two each was scaled by, as float64 holds it; what differs by more than that stays different."""
    scaled = rows.astype(np.float64) * 2.0 ** np.array(powers).reshape(3, 1)
    assert numbers(rows, "F32", 3) == numbers(scaled, "F64", 3)
    other = rows.copy()
    other[0, 0] = 1.5 if rows[0, 0] == 0 else 0
    assert numbers(rows, "F32", 3) != numbers(other, "F32", 3)


def test_a_row_longer_than_a_chunk() -> None:
    """It is read twice, and comes out as a short one would."""
    rows = DRAW.standard_normal((2, 300_000)).astype(np.float32)
    kind, raw = numbers(rows, "F32", 2)
    largest = np.exp2(np.floor(np.log2(np.abs(rows).max(axis=1, keepdims=True).astype(np.float64))))
    assert (kind, np.array_equal(np.frombuffer(raw).reshape(rows.shape), rows / largest)) == ("F64/rows", True)
