"""Safetensors headers that were changed at random, most of them slightly: what a parser accepts and another refuses is found among them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

_NUMBERS = (
    *("0", "-0", "1", "2", "8", "-1", "00", "01", "1.0", "8.0", "8e0", "1E0", "0x8", "+1", "1e400", "-0.0", "1_0", "٣"),
    *(str(1 << bits) for bits in (31, 32, 53, 59, 60, 61, 62, 63, 64, 65)),
    *(str((1 << bits) - 1) for bits in (31, 53, 60, 61, 63, 64)),
)
_STRINGS = (
    *('"a"', '"b"', '""', '"\\ud800"', '"\\udc00"', '"\\ud83d\\ude00"', '"\\ude00\\ud83d"', '"\\u0000"', '"\\u00e9"', '"é"'),
    *('"\\/"', '"\\x41"', '"\\u12"', '"\t"', '"\x7f"', '"\ufeff"', '"\\uD800\\u0041"', '"dtype"', '"shape"', '"data_offsets"'),
    *('"__metadata__"', '"F32"', '"F16"', '"U8"', '"BOOL"', '"F64"', '"C64"', '"F4"', '"F6_E2M3"', '"F8_E8M0"', '"f32"'),
)
_VALUES = (
    "null",
    "true",
    "false",
    "NaN",
    "Infinity",
    "-Infinity",
    "{}",
    "[]",
    "[[]]",
    '{"a":"b"}',
    "[0,8]",
    "[8,0]",
    "[0,0]",
    "[2]",
    "[1,2]",
)
_SHAPES = ("[0]", "[]", "[4611686018427387904,4611686018427387904,0]", "[0,18446744073709551615]", "[2,1,1]", "[1,1,1,1,1,1,1,2]")
_SPACE = (" ", "\n", "\t", "\r", "\x00", "\x0b", "\x0c", "\u00a0", "\ufeff", "//", ",", ":", "/**/")
_TOKENS = (*_NUMBERS, *_STRINGS, *_VALUES, *_SHAPES)
_STARTS = tuple(
    json.dumps(fields, separators=separators).encode()
    for fields in (
        {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}},
        {"__metadata__": {"format": "pt"}, "a": {"dtype": "F16", "shape": [2, 2], "data_offsets": [0, 8]}},
        {"a": {"dtype": "U8", "shape": [], "data_offsets": [0, 1]}, "b": {"dtype": "I8", "shape": [7], "data_offsets": [1, 8]}},
        {
            "e": {"dtype": "F32", "shape": [0, 3], "data_offsets": [0, 0]},
            "f": {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]},
        },
        {
            "z": {"dtype": "BF16", "shape": [0], "data_offsets": [8, 8]},
            "y": {"dtype": "C64", "shape": [1], "data_offsets": [0, 8]},
        },
    )
    for separators in ((",", ":"), (", ", ": "))
)
_DATA_BYTES = 8
_DATA_SIZES = (0, 1, 7, 9, 16)


@dataclass(frozen=True, slots=True)
class MutatedHeader:
    """The JSON part of a header, and the bytes of data behind it."""

    raw: bytes
    data_bytes: int

    def file(self) -> bytes:
        """The whole file: length, header, zeros."""
        return len(self.raw).to_bytes(8, "little") + self.raw + bytes(self.data_bytes)


def mutated(count: int, seed: int) -> Iterator[MutatedHeader]:
    """So many headers, each changed once to three times; the same for the same seed."""
    chance = Random(seed)
    for _ in range(count):
        raw = chance.choice(_STARTS)
        for _ in range(chance.randint(1, 3)):
            raw = chance.choice(_CHANGES)(raw, chance)
        yield MutatedHeader(raw, _DATA_BYTES if chance.random() < 0.9 else chance.choice(_DATA_SIZES))


def _replace_token(raw: bytes, chance: Random) -> bytes:
    """Another value in place of a number, a string or a list."""
    spans = list(_spans(raw))
    if not spans:
        return raw
    start, end = chance.choice(spans)
    pool = _NUMBERS if raw[start : start + 1].isdigit() else _STRINGS if raw[start : start + 1] == b'"' else _VALUES + _SHAPES
    token = chance.choice(pool if chance.random() < 0.8 else _TOKENS)
    return raw[:start] + token.encode() + raw[end:]


def _replace_shape(raw: bytes, chance: Random) -> bytes:
    """A shape of the same number of elements, or of none with enormous dimensions."""
    start = raw.find(b"[", raw.find(b'"shape"'))
    end = raw.find(b"]", start) + 1
    if start < 0 or end <= 0:
        return raw
    dimensions = [chance.choice(("0", "1", "2", *_NUMBERS)) for _ in range(chance.randint(0, 4))]
    return raw[:start] + b"[" + ",".join(dimensions).encode() + b"]" + raw[end:]


def _flip(raw: bytes, chance: Random) -> bytes:
    if not raw:
        return raw
    place = chance.randrange(len(raw))
    return raw[:place] + bytes([raw[place] ^ (1 << chance.randrange(8))]) + raw[place + 1 :]


def _insert(raw: bytes, chance: Random) -> bytes:
    place = chance.randint(0, len(raw))
    return raw[:place] + chance.choice(_SPACE + _TOKENS).encode() + raw[place:]


def _space_between(raw: bytes, chance: Random) -> bytes:
    """Something where JSON permits white space."""
    places = [place for place, byte in enumerate(raw) if byte in b"{}[],:"]
    if not places:
        return raw
    place = chance.choice(places) + 1
    return raw[:place] + chance.choice(_SPACE).encode() + raw[place:]


def _escape(raw: bytes, chance: Random) -> bytes:
    """A character inside a string, written as an escape or put before one."""
    strings = [(start, end) for start, end in _spans(raw) if raw[start : start + 1] == b'"' and end - start > 2]
    if not strings:
        return raw
    start, end = chance.choice(strings)
    place = chance.randrange(start + 1, end - 1)
    escape = chance.choice(
        (
            b"\\u%04x" % raw[place],
            b"\\ud800",
            b"\\udfff",
            b"\\ud800\\udc00",
            b"\\n",
            b"\\",
            b"\\u000",
            b"\xc3\xa9",
            b"\xed\xa0\x80",
        )
    )
    return raw[:place] + escape + raw[place + chance.randint(0, 1) :]


def _cut(raw: bytes, chance: Random) -> bytes:
    start = chance.randint(0, len(raw))
    return raw[:start] + raw[min(len(raw), start + chance.randint(1, 8)) :]


def _repeat(raw: bytes, chance: Random) -> bytes:
    """A stretch that comes twice: names, fields, whole tensors."""
    spans = list(_spans(raw)) or [(0, len(raw))]
    start, _ = chance.choice(spans)
    _, end = chance.choice(spans)
    return raw[:end] + b"," + raw[start:end] + raw[end:] if start < end else raw


def _pad(raw: bytes, chance: Random) -> bytes:
    return raw + chance.choice((b" " * 8, b"\n", b"\x00", b"}", b"{}", b"\t ", b","))


_CHANGES = (
    *(_replace_token, _replace_token, _replace_shape, _replace_shape, _flip, _insert),
    *(_space_between, _escape, _escape, _cut, _repeat, _pad),
)


def _spans(raw: bytes) -> Iterator[tuple[int, int]]:
    """Places of strings, whole numbers and flat lists."""
    place = 0
    while place < len(raw):
        end = _token_end(raw, place)
        if end > place:
            yield place, end
            if raw[place : place + 1] != b"[":
                place = end - 1
        place += 1


def _token_end(raw: bytes, place: int) -> int:
    match raw[place : place + 1]:
        case b'"':
            return raw.find(b'"', place + 1) + 1
        case b"[":
            return raw.find(b"]", place + 1) + 1
        case digit if digit.isdigit():
            end = place
            while raw[end : end + 1].isdigit():
                end += 1
            return end
        case _:
            return place
