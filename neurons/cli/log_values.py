"""What a log writes for a value: plain data for machines, words for people, and never how Python shows an object."""

import dataclasses
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from enum import Enum

from scoring.foreign_words import printable

Plain = str | int | float | bool | None | list["Plain"] | dict[str, "Plain"]
"""What JSON has."""


def plain(value: object) -> Plain:
    """A value as plain data: what a member stands for, the fields of a dataclass, hex of bytes, seconds, a moment as ISO 8601."""
    match value:
        case Enum():
            return plain(value.value)
        case str() | bool() | int() | float() | None:
            return value
        case bytes():
            return value.hex()
        case timedelta():
            return value.total_seconds()
        case datetime():
            return value.isoformat()
        case Mapping():
            return {str(plain(name)): plain(each) for name, each in value.items()}
        case _:
            return _structure(value)


def _structure(value: object) -> Plain:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, set | frozenset):
        return sorted((plain(each) for each in value), key=str)
    return [plain(each) for each in value] if isinstance(value, Collection) else str(value)


def in_words(value: Plain) -> Plain:
    """Plain data as people read it: lists and maps as text, and strangers' words without what moves a cursor."""
    match value:
        case str():
            return printable(value)
        case bool():
            return "yes" if value else "no"
        case dict():
            return ", ".join(f"{printable(name)}: {in_words(each)}" for name, each in value.items()) or "none"
        case list():
            return ", ".join(str(in_words(each)) for each in value) or "none"
        case _:
            return value
