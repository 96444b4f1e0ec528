"""Safetensors headers, read by hand."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from scoring.errors import Code, SubmissionFault
from scoring.model.safetensors_header import TensorSpan, header_length, parse_header, read_header


def entry(**overrides: object) -> dict[str, object]:
    """A tensor of two float32."""
    return {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | overrides


def check(fields: object, data_bytes: int = 8) -> tuple[TensorSpan, ...]:
    """Parse a header that stands before so much data."""
    raw = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    return parse_header(raw, 8 + len(raw) + data_bytes)


def test_what_the_package_writes_is_read(tmp_path: Path) -> None:
    """A file of the safetensors package is understood, every byte of it accounted for."""
    path = tmp_path / "model.safetensors"
    save_file(
        {"b": np.ones((2, 3), np.float32), "a": np.zeros(5, np.int8), "empty": np.zeros((0, 4), np.float16)}, path, {"x": "y"}
    )
    spans = read_header(path, 10_000)
    assert {(span.name, span.dtype, span.shape, span.end - span.start) for span in spans} == {
        ("b", "F32", (2, 3), 24),
        ("a", "I8", (5,), 5),
        ("empty", "F16", (0, 4), 0),
    }
    assert spans[-1].end == path.stat().st_size


def test_places_are_absolute() -> None:
    """Spans count from the start of the file: 8 bytes, the header, then the offset."""
    raw = json.dumps({"a": entry()}).encode()
    assert parse_header(raw, 8 + len(raw) + 8) == (
        TensorSpan(name="a", dtype="F32", shape=(2,), start=8 + len(raw), end=16 + len(raw)),
    )


@pytest.mark.parametrize(
    ("fields", "data_bytes"),
    [
        pytest.param(b"{", 0, id="not JSON"),
        pytest.param(b"[]", 0, id="not an object"),
        pytest.param(b" {}", 0, id="does not start with a brace"),
        pytest.param(b"\xff\xfe", 0, id="not UTF-8"),
        pytest.param(b'{"a":' * 5_000 + b"1" + b"}" * 5_000, 0, id="nested without end"),
        pytest.param(
            b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
            8,
            id="a name twice",
        ),
        pytest.param({"a": entry(data_offsets=[8, 16])}, 16, id="a hole at the start"),
        pytest.param({"a": entry(), "b": entry(data_offsets=[12, 20])}, 20, id="a hole between"),
        pytest.param({"a": entry(), "b": entry(data_offsets=[4, 12])}, 12, id="an overlap"),
        pytest.param({"a": entry()}, 9, id="bytes after the last tensor"),
        pytest.param({"a": entry()}, 7, id="a tensor beyond the end"),
        pytest.param({}, 4, id="data without tensors"),
        pytest.param({"a": entry(shape=[3])}, 8, id="a shape that does not fit"),
        pytest.param({"a": entry(dtype="F16")}, 8, id="a dtype that does not fit"),
        pytest.param({"a": entry(dtype="STRING")}, 8, id="an unknown dtype"),
        pytest.param({"a": entry(dtype=["F32"])}, 8, id="a dtype that is no string"),
        pytest.param({"a": entry(shape=[-2])}, 8, id="a negative dimension"),
        pytest.param({"a": entry(shape=[2.0])}, 8, id="a fractional dimension"),
        pytest.param({"a": entry(shape=[True, 2])}, 8, id="a truth value as dimension"),
        pytest.param({"a": entry(shape=[1] * 17 + [2])}, 8, id="too many dimensions"),
        pytest.param({"a": entry(shape=[1 << 70, 0], data_offsets=[0, 0])}, 0, id="an enormous dimension"),
        pytest.param({"a": entry(data_offsets=[8, 0])}, 8, id="offsets backwards"),
        pytest.param({"a": entry(data_offsets=[0])}, 8, id="one offset"),
        pytest.param({"a": entry(extra=1)}, 8, id="a field too many"),
        pytest.param({"a": {"dtype": "F32"}}, 8, id="fields missing"),
        pytest.param({"a": 3}, 8, id="a tensor that is no object"),
        pytest.param({"": entry()}, 8, id="no name"),
        pytest.param({"n" * 513: entry()}, 8, id="an endless name"),
        pytest.param({"__metadata__": {"a": 1}, "a": entry()}, 8, id="metadata of numbers"),
        pytest.param({"__metadata__": [], "a": entry()}, 8, id="metadata that is a list"),
    ],
)
def test_what_is_odd_is_refused(fields: object, data_bytes: int) -> None:
    """Everything outside the format is the submission's fault."""
    with pytest.raises(SubmissionFault) as caught:
        check(fields, data_bytes)
    assert caught.value.code is Code.HEADER_INVALID


@pytest.mark.parametrize(
    ("prefix", "file_bytes", "limit", "length"),
    [
        pytest.param(b"\x02" + bytes(7), 10, 100, 2, id="the smallest"),
        pytest.param(b"\x64" + bytes(7), 1_000, 100, 100, id="at the limit"),
        pytest.param(b"\x65" + bytes(7), 1_000, 100, None, id="beyond the limit"),
        pytest.param(b"\x03" + bytes(7), 10, 100, None, id="beyond the file"),
        pytest.param(b"\xff" * 8, 1_000, 100, None, id="2^64 - 1"),
        pytest.param(bytes(8), 1_000, 100, None, id="none"),
        pytest.param(b"\x02\x00", 2, 100, None, id="a file that ends at once"),
    ],
)
def test_the_length_is_bounded(prefix: bytes, file_bytes: int, limit: int, length: int | None) -> None:
    """No more is read than the limit and the file hold."""
    if length is not None:
        assert header_length(prefix, file_bytes, limit) == length
        return
    with pytest.raises(SubmissionFault):
        header_length(prefix, file_bytes, limit)


@given(st.binary(max_size=200), st.integers(0, 300))
def test_noise_never_breaks_the_reader(raw: bytes, data_bytes: int) -> None:
    """Any bytes give spans or the coded refusal, no other error."""
    _refused_or(lambda: check(raw, data_bytes))


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-4, 1 << 65) | st.sampled_from(["F32", "I8", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["dtype", "shape", "data_offsets", "a"]), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["a", "b", "__metadata__"]), _values), st.integers(0, 40))
def test_odd_structures_never_break_the_reader(fields: dict[str, Any], data_bytes: int) -> None:
    """Any JSON gives spans that cover the data, or the coded refusal."""
    spans = _refused_or(lambda: check(fields, data_bytes))
    assert sum(span.end - span.start for span in spans) in (0, data_bytes)


def _refused_or(call: Callable[[], tuple[TensorSpan, ...]]) -> tuple[TensorSpan, ...]:
    try:
        return call()
    except SubmissionFault as fault:
        assert fault.code is Code.HEADER_INVALID
        return ()
