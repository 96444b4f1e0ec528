"""The words that texts are made of: lists by what a word can stand for, and each word's forms."""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from prompts.inflect import past, plural, present_participle

FOLDER = Path(__file__).with_name("words")
NONE = "-"
"""Stands for a form that nobody uses."""

Words = Mapping[str, tuple[str, ...]]
"""Entries by class. An entry is a word and, behind bars, what no rule makes of it: `wolf|wolves`, `hide|hid|hidden`. It may also be a
phrase with slots of its own: `my {of_people} {friend}`."""


class Form(StrEnum):
    """A form of a word, as slots name it."""

    PLURAL = "s"
    PAST = "did"
    PARTICIPLE = "done"
    ING = "doing"


def read(path: Path) -> dict[str, Any]:
    """A YAML file of the corpus."""
    raw: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return raw


@cache
def vocabulary() -> Words:
    """All classes of all lists."""
    classes: dict[str, tuple[str, ...]] = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        classes |= split(read(path))
    return united(classes, classes)


def split(raw: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Classes as they are written: words parted by commas, phrases on a line each."""
    return {name: tuple(text.splitlines() if "\n" in text else text.split(", ")) for name, text in raw.items()}


def united(classes: Words, known: Words) -> dict[str, tuple[str, ...]]:
    """The classes in which `=tool` stands for all entries of the known class `tool`."""
    return {
        name: tuple(word for entry in entries for word in (known[entry[1:]] if entry.startswith("=") else (entry,)))
        for name, entries in classes.items()
    }


def inflect(entry: str, form: Form | None) -> str | None:
    """The word in this form, the plain one for None; None where nobody says it.

    >>> inflect("hide|hid|hidden", Form.PARTICIPLE), inflect("lantern", Form.PLURAL), inflect("rice|-", Form.PLURAL)
    ('hidden', 'lanterns', None)
    """
    base, *given = entry.split("|")
    match form:
        case None:
            return base
        case Form.PLURAL:
            made = given[0] if given else plural(base)
        case Form.PAST:
            made = given[0] if given else past(base)
        case Form.PARTICIPLE:
            made = (given[1:2] or given or [past(base)])[0]
        case Form.ING:
            made = given[2] if len(given) > 2 else present_participle(base)
    return None if made == NONE else made
