"""Repositories made to hurt: whatever a file holds, the refusal is the submission's, in bounded time and memory."""

import tracemalloc
from pathlib import Path

import pytest

from scoring.errors import Code, SubmissionFault
from scoring.model.fingerprint import fingerprint
from scoring.model.safetensors_header import MAX_TENSORS, parse_header
from scoring.progress import NO_PROGRESS
from workers.hub.repo_check import check_config, check_licence


def refusal(header: bytes) -> str:
    """Why a header is refused."""
    with pytest.raises(SubmissionFault) as caught:
        parse_header(header, len(header) + 8)
    assert caught.value.code is Code.HEADER_INVALID
    return caught.value.detail


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b'{"a":{"dtype":"F32","shape":[' + b"[]," * 3_000_000 + b"[]]}}", id="lists"),
        pytest.param(b'{"__metadata__":{"a":[' + b"{}," * 3_000_000 + b"{}]}}", id="objects"),
        pytest.param(b'{"a":{"dtype":"F32","shape":[' + b"1000," * 3_000_000 + b"1]}}", id="numbers"),
        pytest.param(b"{" + b'"":0,' * 3_000_000 + b'"":0}', id="names"),
    ],
)
def test_a_header_that_swells(header: bytes) -> None:
    """JSON that takes a multiple of its bytes in memory is refused before it is read."""
    tracemalloc.start()
    try:
        assert f"more than {MAX_TENSORS} tensors" in refusal(header)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity", "9" * 5_000])
def test_numbers_that_are_none(tmp_path: Path, number: str) -> None:
    """A config that holds a number beyond all numbers is invalid at the first look, not a failure of ours at a later one."""
    raw = f'{{"model_type": "vits", "x": {number}}}'.encode()
    (tmp_path / "config.json").write_bytes(raw)
    for look in (lambda: check_config(raw, ["vits"]), lambda: fingerprint(tmp_path, NO_PROGRESS)):
        with pytest.raises(SubmissionFault) as caught:
            look()
        assert caught.value.code is Code.CONFIG_INVALID


@pytest.mark.parametrize(
    "value",
    [
        "!!timestamp abc",
        "!!bool abc",
        '!!int ""',
        '!!int "-"',
        "!!float abc",
        "2001-99-99",
        '"\\U99999999"',
        "!!python/object/apply:os.system [ls]",
        "!!set {a, b}",
        "9" * 6_000,
    ],
)
def test_values_that_yaml_cannot_make(value: str) -> None:
    """A card whose front matter holds an impossible value has a licence or none; it is never a failure of ours."""
    try:
        assert check_licence(f"---\nx: {value}\nlicense: mit\n---\n".encode(), ["mit"]) == "mit"
    except SubmissionFault as fault:
        assert fault.code is Code.LICENCE_NOT_OPEN
    with pytest.raises(SubmissionFault) as caught:
        check_licence(f"---\nlicense: {value}\n---\n".encode(), ["mit"])
    assert caught.value.code is Code.LICENCE_NOT_OPEN
