"""JSON from strangers: it has one reading only, or it is refused."""

import json
import math
from pathlib import Path
from typing import NoReturn

MAX_BYTES = 1 << 20
_MAX_DEPTH = 32


def read_object(raw: bytes, max_bytes: int = MAX_BYTES) -> dict[str, object]:
    """A JSON object of bounded size and depth that every reader reads alike; raises ValueError.

    Refused are names that occur twice, NaN and Infinity, −0 as a whole number (some read 0, others a fraction), and escapes of half a
    character.
    """
    if len(raw) > max_bytes:
        raise ValueError(f"it is larger than {max_bytes} bytes")
    try:
        value = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_no_duplicates,
            parse_int=_whole,
            parse_float=_finite,
            parse_constant=_no_constants,
        )
    except RecursionError as exc:
        raise ValueError("it is nested too deeply") from exc
    if not isinstance(value, dict):
        raise ValueError("it is not an object")
    _check(value, 1)
    return value


def read_file(path: Path, max_bytes: int = MAX_BYTES) -> dict[str, object]:
    """The JSON object in a file; raises ValueError that names the file, also where there is none."""
    try:
        with path.open("rb") as file:
            return read_object(file.read(max_bytes + 1), max_bytes)
    except FileNotFoundError as exc:
        raise ValueError(f"there is no {path.name}") from exc
    except ValueError as exc:
        raise ValueError(f"{path.name}: {exc}") from exc


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a name occurs twice")
    return fields


def _no_constants(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number is beyond all numbers")
    return number


def _whole(digits: str) -> int:
    if digits == "-0":
        raise ValueError("-0 is not a whole number")
    return int(digits)


def _check(value: object, depth: int) -> None:
    """Raise ValueError where it is nested too deeply, or a string in it is no text."""
    if depth > _MAX_DEPTH:
        raise ValueError("it is nested too deeply")
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict):
        for name, child in value.items():
            _check_text(name)
            _check(child, depth + 1)
    elif isinstance(value, list):
        for child in value:
            _check(child, depth + 1)


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as exc:
        raise ValueError("a string holds half a character (a lone surrogate)") from exc
