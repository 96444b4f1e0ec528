"""The one form of a tensor's numbers, whatever type it was saved in. Only integers are computed with, so every machine makes the same.

float32 holds every number of the narrower floats, int64 every one of the narrower integers: they are widened. float64 is narrowed
where that loses nothing. There is one zero and one NaN. A weight-normalised direction counts by its ratios: each of its rows is
scaled by a power of two, which its norm takes away again to the bit.
"""

import math
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from scoring.model.safetensors_header import DTYPE_BYTES, TensorSpan

Bits = NDArray[Any]
"""Numbers as the unsigned integers that spell them."""
Read = Callable[[int, int], bytes]
"""`read(start, stop)`: bytes of a tensor, counted from its first."""

CHUNK_BYTES = 1 << 20
_SMALL_FLOATS = {"F16": (5, 10), "F8_E5M2": (5, 2), "F8_E4M3": (4, 3)}
"""Bits of exponent and of fraction."""
FLOATS = frozenset({"F64", "F32", "BF16", *_SMALL_FLOATS})
"""The types of tensors that hold floats."""
Narrow = Literal["F16", "BF16"]
"""A type that models are rounded to when they are saved."""
_INTEGERS = {"BOOL": "u1", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "I64": "<i8"}
_NAN_32, _INFINITY_32, _ZERO_32 = 0x7FC00000, 0x7F800000, 0x80000000
_NAN_64, _INFINITY_64, _ZERO_64 = 0x7FF8 << 48, 0x7FF << 52, 1 << 63
_BIAS_32, _BIAS_64 = 127, 1023
_ROWS = "F64/rows"
_MOST_FLOAT = 1e150
"""No weight is larger: of larger ones the squares have no sum."""


def canonical(span: TensorSpan, read: Read, scaled_rows: int | None = None) -> tuple[str, Iterator[bytes]]:
    """The name of a tensor's canonical type, and its numbers in it, in chunks.

    With `scaled_rows` the tensor is a weight-normalised direction of so many rows.
    """
    if scaled_rows is not None and (span.dtype in {"F64", "F32", "BF16"} or span.dtype in _SMALL_FLOATS):
        return _ROWS, _scaled(span, read, scaled_rows)
    if span.dtype == "F64":
        if all(_fits_32(part).all() for part in _parts(span, read)):
            return "F32", (_one_zero_32(_narrowed(part)).tobytes() for part in _parts(span, read))
        return "F64", (_one_zero_64(part).tobytes() for part in _parts(span, read))
    if span.dtype in {"F32", "BF16"} or span.dtype in _SMALL_FLOATS:
        return "F32", (_one_zero_32(_single(part, span.dtype)).tobytes() for part in _parts(span, read))
    if span.dtype in _INTEGERS:
        return "I64", (part.astype("<i8").tobytes() for part in _parts(span, read))
    return span.dtype, (part.tobytes() for part in _parts(span, read))


def _parts(span: TensorSpan, read: Read) -> Iterator[Bits]:
    size = span.end - span.start
    for start in range(0, size, CHUNK_BYTES):
        yield _bits(span, read(start, min(start + CHUNK_BYTES, size)))


def _bits(span: TensorSpan, raw: bytes) -> Bits:
    kind = _INTEGERS.get(span.dtype) or f"<u{DTYPE_BYTES[span.dtype]}"
    return np.frombuffer(raw, kind)


def floats(dtype: str, raw: bytes, rounded_to: Narrow | None = None) -> NDArray[np.float64]:
    """The numbers of some bytes of floats, 0 for what is no finite number; rounded to a narrower type on request."""
    bits = np.frombuffer(raw, f"<u{DTYPE_BYTES[dtype]}")
    found: NDArray[np.float64]
    if dtype in _SMALL_FLOATS:
        found = _doubles(dtype)[bits]
    else:
        found = (bits.view("<f8") if dtype == "F64" else _single(bits, dtype).view("<f4")).astype(np.float64)
    if rounded_to == "F16":
        found = np.clip(found, -65504.0, 65504.0).astype("<f2").astype(np.float64)
    elif rounded_to == "BF16":
        found = _to_bfloat16(found)
    if dtype == "F64" or not math.isfinite(np.einsum("i->", found)):
        found[~(np.abs(found) < _MOST_FLOAT)] = 0.0
    return found


@cache
def _doubles(dtype: str) -> NDArray[np.float64]:
    """Every number of a small float."""
    return _table(dtype).view("<f4").astype(np.float64)


def _to_bfloat16(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each number rounded to the nearest of bfloat16's, of two the even one."""
    bits = np.clip(numbers, -3.3e38, 3.3e38).astype("<f4").view("<u4")
    even = (bits >> np.uint32(16)) & np.uint32(1)
    return ((bits + np.uint32(0x7FFF) + even) & np.uint32(0xFFFF0000)).view("<f4").astype(np.float64)


def _single(bits: Bits, dtype: str) -> Bits:
    """Bits of float32."""
    if dtype == "F32":
        return bits
    if dtype == "BF16":
        return bits.astype("<u4") << np.uint32(16)
    found: Bits = _table(dtype)[bits]
    return found


@cache
def _table(dtype: str) -> Bits:
    """The float32 bits of every number of a small float."""
    exponent_bits, fraction_bits = _SMALL_FLOATS[dtype]
    codes = np.arange(1 << (1 + exponent_bits + fraction_bits), dtype=np.int64)
    sign, fraction = codes >> (exponent_bits + fraction_bits), codes & ((1 << fraction_bits) - 1)
    exponent, bias = (codes >> fraction_bits) & ((1 << exponent_bits) - 1), (1 << (exponent_bits - 1)) - 1
    significand = np.where(exponent > 0, fraction + (1 << fraction_bits), fraction)
    size = np.ldexp(significand.astype(np.float64), np.maximum(exponent, 1) - bias - fraction_bits)
    found = size.astype("<f4").view("<u4").astype(np.int64)  # exact: each is a normal number of float32, or 0
    last = (1 << exponent_bits) - 1
    if dtype == "F8_E4M3":  # it has no infinity, and one NaN of each sign
        found = np.where((exponent == last) & (fraction == (1 << fraction_bits) - 1), _NAN_32, found)
    else:
        found = np.where(exponent == last, np.where(fraction == 0, _INFINITY_32, _NAN_32), found)
    table: Bits = (found | (sign << 31)).astype("<u4")
    return table


def _one_zero_32(bits: Bits) -> Bits:
    return _one_zero(bits, _ZERO_32, _INFINITY_32, _NAN_32)


def _one_zero_64(bits: Bits) -> Bits:
    return _one_zero(bits, _ZERO_64, _INFINITY_64, _NAN_64)


def _one_zero(bits: Bits, zero: int, infinity: int, nan: int) -> Bits:
    kind = bits.dtype.type
    is_zero = bits == kind(zero)
    if is_zero.any():  # that seldom anything has to be changed makes this three times as fast
        bits = np.where(is_zero, kind(0), bits)
    is_nan = (bits & kind(zero - 1)) > kind(infinity)
    return np.where(is_nan, kind(nan), bits) if is_nan.any() else bits


def _fields_64(bits: Bits) -> tuple[Bits, Bits]:
    """Exponent and fraction of float64."""
    return ((bits >> np.uint64(52)) & np.uint64(0x7FF)).astype(np.int64), (bits & np.uint64((1 << 52) - 1)).astype(np.int64)


def _fits_32(bits: Bits) -> NDArray[np.bool_]:
    """Whether float32 holds these numbers of float64."""
    if _is_normal_32(bits):
        has_room: NDArray[np.bool_] = (bits & np.uint64((1 << 29) - 1)) == 0
        return has_room
    exponent, fraction = _fields_64(bits)
    power = exponent - _BIAS_64
    lost = np.clip(29 + np.maximum(-126 - power, 0), 0, 53)  # low bits of the significand that float32 has no room for
    significand = fraction | (1 << 52)
    is_finite = (power >= -149) & (power <= 127) & ((significand & ((1 << lost) - 1)) == 0)
    found: NDArray[np.bool_] = is_finite | ((exponent == 0) & (fraction == 0)) | (exponent == 0x7FF)
    return found


def _is_normal_32(bits: Bits) -> bool:
    """Whether all of these numbers of float64 lie where float32 has its normal numbers, or are 0."""
    power = _exponents_64(bits).astype(np.int32) - _BIAS_64
    is_normal = (power >= -126) & (power <= 127)
    return bool((is_normal | (bits << np.uint64(1) == 0)).all() if not is_normal.all() else True)


def _exponents_64(bits: Bits) -> Bits:
    """The exponent fields of float64, from its highest two bytes."""
    highest: Bits = bits.view("<u2").reshape(*bits.shape, 4)[..., 3]
    found: Bits = (highest >> np.uint16(4)) & np.uint16(0x7FF)
    return found


def _narrowed(bits: Bits) -> Bits:
    """The float32 bits of numbers that fit."""
    if _is_normal_32(bits):
        return bits.view("<f8").astype("<f4").view("<u4")  # exact on every machine, as nothing is rounded
    exponent, fraction = _fields_64(bits)
    power = exponent - _BIAS_64
    normal = ((power + _BIAS_32) << 23) | (fraction >> 29)
    subnormal = (fraction | (1 << 52)) >> np.clip(29 + (-126 - power), 0, 53)
    size = np.where(power >= -126, normal, subnormal)
    size = np.where(exponent == 0, 0, size)
    size = np.where(exponent == 0x7FF, np.where(fraction == 0, _INFINITY_32, _NAN_32), size)
    found: Bits = (size | ((bits >> np.uint64(63)).astype(np.int64) << 31)).astype("<u4")
    return found


def _double(bits: Bits) -> Bits:
    """The float64 bits of float32 numbers."""
    exponents = (bits >> np.uint32(23)) & np.uint32(0xFF)
    if ((exponents > 0) & (exponents < 0xFF)).all():
        return bits.view("<f4").astype("<f8").view("<u8")  # exact on every machine, as none is subnormal
    wide = bits.astype(np.int64)
    sign, exponent, fraction = wide >> 31, (wide >> 23) & 0xFF, wide & 0x7FFFFF
    normal = ((exponent + (_BIAS_64 - _BIAS_32)) << 52) | (fraction << 29)
    top = np.frexp(fraction.astype(np.float64))[1].astype(np.int64) - 1  # the place of a fraction's highest bit
    subnormal = ((top - 149 + _BIAS_64) << 52) | ((fraction << np.clip(52 - top, 0, 52)) & ((1 << 52) - 1))
    size = np.where(exponent > 0, normal, np.where(fraction > 0, subnormal, 0))
    size = np.where(exponent == 0xFF, np.where(fraction == 0, _INFINITY_64, _NAN_64), size)
    found: Bits = size.astype("<u8") | (sign.astype("<u8") << np.uint64(63))
    return found


def _scaled(span: TensorSpan, read: Read, rows: int) -> Iterator[bytes]:
    """Each row divided by the power of two that brings its largest number into [1, 2), as float64, which has room for every quotient."""
    width = DTYPE_BYTES[span.dtype]
    row_bytes = (span.end - span.start) // max(1, rows)
    if row_bytes == 0:
        return

    def wide(start: int, stop: int) -> Bits:
        bits = _bits(span, read(start, stop))
        return bits if span.dtype == "F64" else _double(_single(bits, span.dtype))

    step = max(1, CHUNK_BYTES // row_bytes)
    for first in range(0, rows, step):
        start, stop = first * row_bytes, min(first + step, rows) * row_bytes
        pieces = [(at, min(at + CHUNK_BYTES, stop)) for at in range(start, stop, CHUNK_BYTES)]
        if len(pieces) == 1:
            block = wide(start, stop).reshape(-1, row_bytes // width)
            yield _divided(block, *_powers(block))
            continue
        found = [_powers(wide(*piece).reshape(1, -1)) for piece in pieces]  # one row, longer than a chunk
        largest, least = np.max([high for high, _ in found], axis=0), np.min([low for _, low in found], axis=0)
        for piece in pieces:
            yield _divided(wide(*piece).reshape(1, -1), largest, least)


def _powers(rows: Bits) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The largest and the least exponent in each row, of numbers but 0."""
    exponent = _exponents_64(rows)
    least = exponent
    if not exponent.all():
        least = np.where(rows << np.uint64(1) == 0, np.uint16(0x7FF), exponent)
    return exponent.max(axis=1).astype(np.int64), least.min(axis=1).astype(np.int64)


def _divided(rows: Bits, largest: NDArray[np.int64], least: NDArray[np.int64]) -> bytes:
    """Rows of normal numbers, scaled; others (infinities, or float64's own subnormal numbers) stay as they are."""
    is_normal = (largest < 0x7FF) & (least > np.maximum(0, largest - _BIAS_64))
    shift = np.where(is_normal, largest - _BIAS_64, 0)[:, np.newaxis] << 52
    scaled = (rows.view("<i8") - shift).view("<u8")
    is_zero = rows << np.uint64(1) == 0
    if is_zero.any():
        scaled = np.where(is_zero, rows, scaled)
    return _one_zero_64(scaled).tobytes()
