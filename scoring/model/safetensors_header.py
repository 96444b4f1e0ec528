"""Read safetensors headers by hand, trusting nothing: bounded, without holes, without overlaps, and nothing that the library refuses.

The format: eight bytes little-endian, the length of a JSON object; that object, tensor name → dtype, shape and offsets into
the data that follows, plus `__metadata__` of strings; then the data.
"""

import itertools
import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scoring import strict_json
from scoring.errors import Code, SubmissionFault

PREFIX_BYTES = 8
_MAX_NAME = 512
_MAX_DIMENSIONS = 16
MAX_TENSORS = 100_000
MAX_HEADER_BYTES = 100_000_000
"""The library's own bound."""
_MOST_NUMBERS = 1 << 60
"""No dimension, offset or product of the first dimensions is beyond it: the library computes bits of a tensor in 64 bits, and refuses a
shape whose product runs over before a dimension of zero ends it."""
_MOST = {b"{": MAX_TENSORS + 2, b"[": 2 * MAX_TENSORS, b",": (_MAX_DIMENSIONS + 4) * MAX_TENSORS}
"""Most occurrences of these marks in the header of that many tensors. As objects they would take a multiple of their bytes."""
DTYPE_BYTES = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0"), 1),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 2),
    **dict.fromkeys(("U32", "I32", "F32"), 4),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 8),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSpan:
    """One tensor's place: `start` and `end` are bytes from the start of the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def header_length(prefix: bytes, file_bytes: int, limit: int) -> int:
    """Bytes of JSON that the first eight bytes announce; raises SubmissionFault(HEADER_INVALID) beyond `limit` or the file's end."""
    if len(prefix) < PREFIX_BYTES:
        raise _invalid("the file is shorter than a header's length")
    length = int.from_bytes(prefix[:PREFIX_BYTES], "little")
    if not 2 <= length <= min(limit, MAX_HEADER_BYTES, file_bytes - PREFIX_BYTES):
        raise _invalid(f"a header of {length} bytes is out of bounds")
    return length


def parse_header(raw: bytes, file_bytes: int) -> tuple[TensorSpan, ...]:
    """Check the JSON part of a header against the file's size; tensors in order of their place.

    Raises SubmissionFault(HEADER_INVALID).
    """
    start = PREFIX_BYTES + len(raw)
    fields = _read_object(raw)
    _check_metadata(fields.pop("__metadata__", {}))
    spans = sorted((_span(name, value, start) for name, value in fields.items()), key=lambda span: (span.start, span.end))
    _check_cover(spans, start, file_bytes)
    return tuple(spans)


def read_header(path: Path, limit: int) -> tuple[TensorSpan, ...]:
    """The tensors of a file, in order of their place; raises SubmissionFault(HEADER_INVALID)."""
    file_bytes = path.stat().st_size
    with path.open("rb") as file:
        length = header_length(file.read(PREFIX_BYTES), file_bytes, limit)
        return parse_header(file.read(length), file_bytes)


def _read_object(raw: bytes) -> dict[str, object]:
    if any(raw.count(mark) > most for mark, most in _MOST.items()):
        raise _invalid(f"it describes more than {MAX_TENSORS} tensors")
    try:
        fields = strict_json.read_object(raw, max_bytes=len(raw))
    except ValueError as exc:
        raise _invalid(f"as JSON, {exc}") from exc
    if not raw.startswith(b"{"):
        raise _invalid("it does not start with a brace")
    return fields


def _check_metadata(metadata: object) -> None:
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _invalid("__metadata__ maps strings to strings")


def _span(name: str, value: object, start: int) -> TensorSpan:
    if not 0 < len(name) <= _MAX_NAME:
        raise _invalid("a tensor's name is empty or too long")
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise _invalid("a tensor has dtype, shape and data_offsets, and nothing else")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPE_BYTES:
        raise _invalid("a tensor has an unknown dtype")
    if not _are_counts(shape) or len(shape) > _MAX_DIMENSIONS or not _are_counts(offsets) or len(offsets) != 2:
        raise _invalid("shapes and offsets are lists of whole numbers")
    begin, end = offsets
    if max(itertools.accumulate(shape, operator.mul), default=1) > _MOST_NUMBERS:
        raise _invalid("a tensor's shape is beyond all memory")
    if end - begin != DTYPE_BYTES[dtype] * math.prod(shape):
        raise _invalid("a tensor's offsets do not fit its dtype and shape")
    return TensorSpan(name=name, dtype=dtype, shape=tuple(shape), start=start + begin, end=start + end)


def _are_counts(value: object) -> bool:
    return isinstance(value, list) and all(type(number) is int and 0 <= number <= _MOST_NUMBERS for number in value)


def _check_cover(spans: Sequence[TensorSpan], start: int, file_bytes: int) -> None:
    position = start
    for span in spans:
        if span.start != position:
            raise _invalid("the tensors overlap or leave holes")
        position = span.end
    if position != file_bytes:
        raise _invalid("the tensors do not end where the file ends")


def _invalid(detail: str) -> SubmissionFault:
    return SubmissionFault(Code.HEADER_INVALID, f"a safetensors header is not valid: {detail}")
