"""Rows into records: columns are named as the fields are; closed sets become their enums."""

from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
from functools import cache
from typing import Any, TypeVar, get_args, get_type_hints

Record = TypeVar("Record")
JsonObject = Mapping[str, Any]
"""A JSON object: finite numbers only."""


def read(kind: type[Record], row: Mapping[str, Any], **others: Any) -> Record:
    """Build a record from a row; `others` are fields that no column holds. Raises KeyError for a missing column."""
    key: Any = kind  # mypy does not take a type variable's class as hashable
    names, enums = _columns(key, frozenset(others))
    values = {name: row[name] for name in names}
    for name, enum in enums:  # apart from the rest: most columns are taken as they are, and pages have very many
        if values[name] is not None:
            values[name] = enum(values[name])
    return kind(**values, **others)


@cache
def _columns(kind: type[Any], without: frozenset[str]) -> tuple[tuple[str, ...], tuple[tuple[str, type[Enum]], ...]]:
    """The columns of a record, and those of them that become an enum."""
    hints = get_type_hints(kind)
    names = tuple(field.name for field in fields(kind) if field.name not in without)
    return names, tuple((name, enum) for name in names if (enum := _enum_of(hints[name])) is not None)


def _enum_of(hint: Any) -> type[Enum] | None:
    for part in (hint, *get_args(hint)):
        if isinstance(part, type) and issubclass(part, Enum):
            return part
    return None
