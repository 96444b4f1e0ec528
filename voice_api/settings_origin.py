"""Where each setting comes from: what `voice config show` tells, and what an error names."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource, InitSettingsSource, PydanticBaseSettingsSource, SecretsSettingsSource

from scoring.shown_addresses import without_access
from voice_api import settings_file
from voice_api.settings import ProcessSettings, settings_path


class SettingOrigin(StrEnum):
    """Who says what a setting is; each wins over those before it. Options of a command win over all."""

    UNSET = "must be set"
    """Nobody, and it has no default."""
    DEFAULT = "default"
    FILE = "file"
    SECRET_FILE = "secret file"  # noqa: S105 - the name of an origin
    ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingView:
    """A setting as people may see it."""

    variable: str
    """Of the environment."""
    value: str
    """As the environment would say it; of a secret only that it is there."""
    origin: SettingOrigin
    problem: str | None
    """What is wrong with it; None for nothing."""

    @property
    def name(self) -> str:
        """In the file of settings; '' where it may not stand there."""
        return "" if self.variable == "VOICE_CONFIG" else settings_file.key_of(self.variable)

    @property
    def is_said(self) -> bool:
        """Whether anybody said it: no default."""
        return self.origin not in (SettingOrigin.UNSET, SettingOrigin.DEFAULT)


def views(kind: type[ProcessSettings]) -> Iterator[SettingView]:
    """The settings of a class, in its order; raises PlatformError(SETTING_INVALID) for a file that cannot be read."""
    found, problems = said(kind), _problems(kind)
    for field in kind.model_fields.values():
        variable = str(field.validation_alias)
        none = (SettingOrigin.UNSET, None) if field.is_required() else (SettingOrigin.DEFAULT, field.default)
        origin, value = found.get(variable, none)
        yield SettingView(variable=variable, value=_shown(field, value), origin=origin, problem=problems.get(variable))


def said(kind: type[ProcessSettings]) -> dict[str, tuple[SettingOrigin, Any]]:
    """What is said of a class's settings and by whom, by variable, the strongest of each; secrets in plain text."""
    found: dict[str, tuple[SettingOrigin, Any]] = {}
    for source in _sources(kind):
        for variable, value in source().items():
            found.setdefault(variable, (_origin(source), value))
    return found


def file_that_says(variable: str, value: object) -> Path | None:
    """The file of settings that has this value under a variable's name; None where it came from elsewhere."""
    path = settings_path()
    if path is None:
        return None
    said = settings_file.read(path).get(settings_file.key_of(variable))
    return path if said is not None and said == value else None


def _sources(kind: type[ProcessSettings]) -> tuple[PydanticBaseSettingsSource, ...]:
    none = InitSettingsSource(kind, {})
    return kind.settings_customise_sources(kind, none, EnvSettingsSource(kind), none, none)


def _origin(source: PydanticBaseSettingsSource) -> SettingOrigin:
    match source:
        case SecretsSettingsSource():
            return SettingOrigin.SECRET_FILE
        case EnvSettingsSource():
            return SettingOrigin.ENVIRONMENT
        case _:
            return SettingOrigin.FILE


def _problems(kind: type[ProcessSettings]) -> dict[str, str]:
    """What is wrong, by variable; what must be set and is not is no problem of a role that nobody runs."""
    try:
        kind()
    except ValidationError as exc:
        wrong = [each for each in exc.errors() if each["loc"] and each["type"] != "missing"]
        return {str(each["loc"][0]): each["msg"].removeprefix("Value error, ") for each in wrong}
    return {}


def _shown(field: FieldInfo, value: object) -> str:
    text = as_text(value)
    if text and settings_file.is_secret(field.annotation):
        return "(hidden)"
    return without_access(text)


def as_text(value: object) -> str:
    """A value as the environment says it."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case timedelta():
            return f"{value.total_seconds():g}"
        case Enum():
            return str(value.value)
        case tuple() | list() | frozenset():
            return ",".join(sorted(map(as_text, value)) if isinstance(value, frozenset) else map(as_text, value))
        case _:
            return str(value)
