"""The reference of settings, of the classes that read them and the comments of .env.example."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

import neurons.settings
import voice_api.settings
import workers.settings
from voice_api.settings import ProcessSettings
from voice_api.settings_file import key_of
from website.tables import cell, code, table

_MODULES = (voice_api.settings, workers.settings, neurons.settings)
_ASSIGNMENT = re.compile(r"^(?P<name>[A-Z0-9_]+)=(?P<value>.*)$")
_BOUNDS = {"ge": "at least {}", "gt": "above {}", "le": "at most {}", "lt": "below {}"}
_HEAD = """---
hide: [toc] # its table takes the room
---

# Settings

Every name that a process reads, in the order of [.env.example](../../.env.example), which holds the same names. *Read by* names the
group of settings, below, that a process takes it with. A name without a group is of docker-compose.yml alone.

An option of a command wins over the environment, that over a file /run/secrets/NAME in lower case, that over `voice.toml`, that over the
default. `voice.toml` is the file that `VOICE_CONFIG` names, else that of the folder a command runs in, else `~/.config/voice/voice.toml`. A
name that is no setting's is refused, and so is a file with a secret that others may read. `voice init`
writes one; `voice config show` tells each value and where it comes from.
"""


def page(root: Path) -> str:
    """The reference of all settings."""
    classes = sorted(_classes(ProcessSettings), key=lambda each: each.__name__)
    example = list(_example(root))
    rows = [
        (
            code(name),
            code(_in_file(name, classes)),
            code(value),
            " ".join(filter(None, (cell(comment), _bounds(name, classes)))),
            _readers(name, classes),
        )
        for name, value, comment in example
    ]
    groups = [(_words(each), cell((each.__doc__ or "").partition("\n\n")[0])) for each in classes]
    return (
        f"{_HEAD}\n{table(('name', 'in voice.toml', 'default', 'it says', 'read by'), rows)}\n"
        f"## Groups of settings\n\n{table(('group', 'it holds'), groups)}"
    )


def _classes(base: type[ProcessSettings]) -> Iterator[type[ProcessSettings]]:
    names = {module.__name__ for module in _MODULES}
    for each in base.__subclasses__():
        if each.__module__ in names:
            yield each
        yield from _classes(each)


def _example(root: Path) -> Iterator[tuple[str, str, str]]:
    """Each name of .env.example with its value and the comment above it."""
    comment: list[str] = []
    for line in (root / ".env.example").read_text(encoding="utf-8").splitlines():
        if found := _ASSIGNMENT.match(line):
            yield found["name"], found["value"], " ".join(comment)
        comment = [*comment, line.removeprefix("#").strip()] if line.startswith("#") else []


def _fields(name: str, classes: list[type[ProcessSettings]]) -> dict[str, FieldInfo]:
    """The fields that read a name, by their class."""
    return {
        _words(each): field
        for each in classes
        for field in each.model_fields.values()
        if name in (field.validation_alias, str(field.validation_alias).upper())
    }


def _readers(name: str, classes: list[type[ProcessSettings]]) -> str:
    return ", ".join(_fields(name, classes)) or "docker-compose.yml"


def _in_file(name: str, classes: list[type[ProcessSettings]]) -> str:
    """The name in the file of settings; nothing for what cannot stand there."""
    return key_of(name) if _fields(name, [each for each in classes if each.in_file]) else ""


def _bounds(name: str, classes: list[type[ProcessSettings]]) -> str:
    """The range of a number, in words."""
    field = next(iter(_fields(name, classes).values()), None)
    found = [
        words.format(_number(getattr(each, bound)))
        for each in (field.metadata if field else ())
        for bound, words in _BOUNDS.items()
        if hasattr(each, bound)
    ]
    return f"({', '.join(dict.fromkeys(found))})" if found else ""


def _number(bound: Any) -> str:
    return f"{bound.total_seconds():g}" if isinstance(bound, timedelta) else f"{bound:,}"


def _words(settings: type[ProcessSettings]) -> str:
    """The name of a class as words: `ReceiptSignerSettings` is `receipt signer`."""
    return " ".join(re.findall(r"[A-Z][a-z0-9]*", settings.__name__.removesuffix("Settings"))).lower()
