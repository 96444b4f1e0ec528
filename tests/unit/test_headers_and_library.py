"""A header that we accept is one that the safetensors library accepts, and reads alike."""

import pytest
from safetensors import SafetensorError, deserialize

from scoring.errors import SubmissionFault
from scoring.model.safetensors_header import TensorSpan, parse_header
from tests.builders.mutated_headers import MutatedHeader, mutated

_LEAST_ACCEPTED = 0.05
"""Of the mutated headers: with fewer, the test would try the refusals alone."""


def accepted(header: MutatedHeader) -> tuple[TensorSpan, ...] | None:
    """What we read; None where we refuse."""
    try:
        return parse_header(header.raw, 8 + len(header.raw) + header.data_bytes)
    except SubmissionFault:
        return None


def read_by_library(header: MutatedHeader) -> object:
    """The same of the library: name, dtype, shape and bytes of each tensor, or its refusal as a sentence."""
    try:
        found = deserialize(header.file())  # type: ignore[no-untyped-call]  # of the library's compiled half
    except SafetensorError as exc:
        return str(exc)
    return sorted((name, view["dtype"], tuple(view["shape"]), len(view["data"])) for name, view in found)


@pytest.mark.parametrize(
    ("count", "seed"),
    [
        pytest.param(10_000, 1, marks=pytest.mark.small, id="ten thousand"),
        pytest.param(1_000_000, 2, marks=[pytest.mark.slow, pytest.mark.timeout(600)], id="a million"),
    ],
)
def test_nothing_is_accepted_that_the_library_refuses(count: int, seed: int) -> None:
    """Of so many mutated headers, each that we accept opens in the library too, with the same tensors."""
    taken, differing = 0, []
    for header in mutated(count, seed):
        spans = accepted(header)
        if spans is None:
            continue
        taken += 1
        ours = sorted((span.name, span.dtype, span.shape, span.end - span.start) for span in spans)
        if (theirs := read_by_library(header)) != ours:
            differing.append((header, theirs))
    assert differing == []
    assert taken >= _LEAST_ACCEPTED * count


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b'{"\\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', id="half a character in a name"),
        pytest.param(
            b'{"__metadata__":{"a":"\\udfff"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', id="and in metadata"
        ),
        pytest.param(b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[-0,8]}}', id="minus zero"),
        pytest.param(
            b'{"e":{"dtype":"U8","shape":[4611686018427387904,4611686018427387904,0],"data_offsets":[0,0]},'
            b'"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
            id="a product that runs over before its zero",
        ),
    ],
)
def test_what_was_accepted_and_could_not_be_opened(raw: bytes) -> None:
    """Both refuse what only the library refused before."""
    header = MutatedHeader(raw, 8)
    assert accepted(header) is None
    assert isinstance(read_by_library(header), str)
