"""A file of settings as `voice init` writes it: a comment above each, what nobody set commented out."""

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

from neurons.cli.init.questions import ROLE_QUESTIONS, SAYS
from neurons.cli.roles import ROLES
from scoring.errors import Code, PlatformError
from voice_api.settings_file import is_secret, key_of
from voice_api.settings_origin import as_text

_HEAD = """\
# Settings of this {role}, written by `voice init {role}` on {day}. Keep it readable by its user alone: it may hold passwords.
# The environment wins over it, and a command's options win over both: `voice config show {role}` tells each value and where it comes from.
"""


def text(role: str, values: Mapping[str, object], others: Mapping[str, Any], day: date) -> str:
    """The file of a role with values by variable; `others` are lines of an earlier file that stay, by their keys."""
    questions = ROLE_QUESTIONS[role]
    parts = [_HEAD.format(role=role, day=day)]
    parts += [_entry(variable, values.get(variable), role) for variable in questions.asked]
    parts.append("# What has a default, or is seldom needed:\n")
    parts += [_entry(variable, values.get(variable), role) for variable in questions.later]
    if others:
        lines = "".join(f"{key} = {_value(value)}\n" for key, value in others.items())
        parts.append(f"# Kept from the earlier file:\n{lines}")
    return "\n".join(parts)


def set_aside(path: Path) -> Path:
    """Copy a file to the first free of FILE.bak, FILE.bak-1, …, of mode 600; returns which. Raises PlatformError(SETTING_INVALID)."""
    names = (f"{path.name}.bak{f'-{number}' if number else ''}" for number in count())
    kept = next(place for name in names if not (place := path.with_name(name)).exists())
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise PlatformError(Code.SETTING_INVALID, f"{path} cannot be read: {exc.strerror}") from exc
    write(kept, content)
    return kept


def write(path: Path, content: bytes) -> None:
    """Write a file of mode 600, all or nothing; raises PlatformError(SETTING_INVALID)."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".new-", delete=False) as file:  # mode 600
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(path)
    except OSError as exc:
        raise PlatformError(Code.SETTING_INVALID, f"{path} cannot be written: {exc.strerror}") from exc


def _entry(variable: str, value: object, role: str) -> str:
    says = f"# {SAYS[variable]}.\n"
    if value is not None:
        return f"{says}{key_of(variable)} = {_value(value)}\n"
    return f"{says}# {key_of(variable)} = {_value(_default(variable, role))}\n"


def _default(variable: str, role: str) -> object:
    """What stands behind a line that is commented out: the default, or nothing for what has none, or one of this machine alone."""
    fields = {str(field.validation_alias): field for kind in ROLES[role] for field in kind.model_fields.values()}
    field = fields[variable]
    if field.is_required() or field.default is None or is_secret(field.annotation) or variable == "VOICE_COMPETITION":
        return ""
    return field.default if isinstance(field.default, bool | int | float) else as_text(field.default)


def _value(value: object) -> str:
    """A value as TOML has it; raises PlatformError(ARGUMENT_INVALID) for signs that no line can show."""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return f"[{', '.join(map(_value, value))}]"
    if not str(value).isprintable():
        raise PlatformError(Code.ARGUMENT_INVALID, f"{str(value)!r} holds signs that no setting has")
    return json.dumps(str(value), ensure_ascii=False)
