"""`voice.toml`: settings in a file, each under the name of its environment variable in lower case and without VOICE_ or BT_."""

import os
import re
import stat
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic_settings import BaseSettings, TomlConfigSettingsSource

from scoring.errors import Code, PlatformError

NAME = "voice.toml"
_MAX_BYTES = 1 << 20
_PREFIX = re.compile(r"^(voice|bt)_")
_OTHERS_MAY_WRITE = stat.S_IWOTH
_OTHERS_MAY_READ = stat.S_IRWXG | stat.S_IRWXO


def key_of(variable: str) -> str:
    """The name in the file of the setting that an environment variable sets: `netuid` for VOICE_NETUID, `hf_token` for HF_TOKEN."""
    return _PREFIX.sub("", variable.lower())


def is_secret(annotation: Any) -> bool:
    """Whether a field of this type holds what nobody else may read."""
    return annotation is SecretStr or any(is_secret(part) for part in getattr(annotation, "__args__", ()))


def find(named: Path | None, home: Path | None, user: int) -> Path | None:
    """The file to read: the one that VOICE_CONFIG names; else ./voice.toml; else `voice/voice.toml` in the user's folder; None for none.

    Raises PlatformError(SETTING_INVALID) where the named one is not there, or where the folder's is neither this user's nor root's: who
    works in a folder that others fill does not want their settings.
    """
    if named is not None:
        path = Path(os.path.expanduser(named))  # noqa: PTH111 - of a user that is not there it stays as it is
        if not path.exists():
            raise PlatformError(Code.SETTING_INVALID, f"VOICE_CONFIG names the file {named}, which is not there")
        return path
    here = Path(NAME)
    if _is_file(here):
        if here.stat().st_uid not in (user, 0):
            why = "which another user owns, is not read: name it in VOICE_CONFIG if you trust it"
            raise PlatformError(Code.SETTING_INVALID, f"{here.absolute()}, {why}")
        return here.absolute()
    mine = None if home is None else home / "voice" / NAME
    return mine if mine is not None and _is_file(mine) else None


def _is_file(path: Path) -> bool:
    """Whether there is such a file; a folder that this user may not look into has none, as in a container that has another's HOME."""
    try:
        return path.is_file()
    except OSError:
        return False


def read(path: Path) -> dict[str, Any]:
    """What stands in a file, by its keys; raises PlatformError(SETTING_INVALID) naming the file and what is wrong with it."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & _OTHERS_MAY_WRITE and path.is_file():
                raise PlatformError(Code.SETTING_INVALID, f"anybody may write to {path}: chmod o-w {path}")
            raw = file.read(_MAX_BYTES + 1)
    except OSError as exc:
        raise PlatformError(Code.SETTING_INVALID, f"{path} cannot be read: {exc.strerror}") from exc
    if len(raw) > _MAX_BYTES:
        raise PlatformError(Code.SETTING_INVALID, f"{path} is larger than any file of settings: name another in VOICE_CONFIG")
    try:
        return tomllib.loads(raw.decode("utf-8-sig"))  # some editors put a mark before the first line
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise PlatformError(Code.SETTING_INVALID, f"{path} is no TOML: {exc}") from exc
    except RecursionError as exc:
        raise PlatformError(Code.SETTING_INVALID, f"{path} is no file of settings: it is nested too deeply") from exc


def check_names(path: Path, variables: Iterable[str]) -> None:
    """Raise PlatformError(SETTING_INVALID) for the first name in a file that is no setting's, with the nearest one that is."""
    known = sorted(map(key_of, variables))
    for key in read(path):
        if key in known:
            continue
        meant = key_of(key) if key_of(key) in known else next(iter(get_close_matches(key.lower(), known, n=1)), None)
        hint = f"did you mean {meant}?" if meant else "`voice config show` lists them all."
        raise PlatformError(Code.SETTING_INVALID, f"no setting is called {key}, as {path} has it: {hint}")


class SettingsFile(TomlConfigSettingsSource):
    """The settings of one class that stand in a file; what is empty stands for the default, as in the environment.

    A secret that others may read is refused and not only warned of: nobody reads a warning of a daemon's start, and what was read
    once has to be changed.
    """

    def __init__(self, kind: type[BaseSettings], path: Path) -> None:
        self._fields = {key_of(str(field.validation_alias)): field for field in kind.model_fields.values()}
        super().__init__(kind, path)

    def _read_file(self, file_path: Any) -> dict[str, Any]:
        found = {key: value for key, value in read(file_path).items() if key in self._fields and value != ""}
        self._keep_secret(file_path, found)
        return {str(self._fields[key].validation_alias): expanded(value) for key, value in found.items()}

    def _keep_secret(self, path: Path, found: Mapping[str, Any]) -> None:
        secret = next((key for key in found if is_secret(self._fields[key].annotation)), None)
        if secret is not None and path.stat().st_mode & _OTHERS_MAY_READ:
            raise PlatformError(Code.SETTING_INVALID, f"{path} holds {secret}, and others may read it: chmod 600 {path}")


def expanded(value: Any) -> Any:
    """A path below ~ as a shell would hand it over."""
    return os.path.expanduser(value) if isinstance(value, str) and value.startswith("~/") else value  # noqa: PTH111 - of a text
