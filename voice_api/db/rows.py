"""Rows into records: columns are named as the fields are; closed sets become their enums."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from enum import Enum
from functools import cache
from typing import Any, TypeVar, get_args, get_type_hints

Record = TypeVar("Record")


def read(kind: type[Record], row: Mapping[str, Any], **others: Any) -> Record:
    """Build a record from a row; `others` are fields that no column holds. Raises KeyError for a missing column."""
    key: Any = kind  # mypy does not take a type variable's class as hashable
    values = {name: _converted(row[name], convert) for name, convert in _converters(key) if name not in others}
    return kind(**values, **others)


def _converted(value: Any, convert: Callable[[Any], Any] | None) -> Any:
    return value if value is None or convert is None else convert(value)


@cache
def _converters(kind: type[Any]) -> tuple[tuple[str, type[Enum] | None], ...]:
    hints = get_type_hints(kind)
    return tuple((field.name, _enum_of(hints[field.name])) for field in fields(kind))


def _enum_of(hint: Any) -> type[Enum] | None:
    for part in (hint, *get_args(hint)):
        if isinstance(part, type) and issubclass(part, Enum):
            return part
    return None
