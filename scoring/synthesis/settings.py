"""The settings that a repository may bring: which keys count, and in which range. Everything else in such a file is passed over."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import TypeAdapter, model_validator

from scoring import strict_json
from scoring.schema import StrictModel

FILE = "generation_config.json"
"""The file that they stand in; a repository may do without it."""


class Setting(StrictModel):
    """One key: its range, both ends included, and what stands for it where a repository does not name it."""

    low: float
    high: float
    default: float
    whole: bool = False
    """Whether only whole numbers will do."""

    @model_validator(mode="after")
    def _holds_its_default(self) -> Self:
        if not self.low <= self.default <= self.high:
            raise ValueError("the default lies in the range")
        return self

    def read(self, key: str, value: object) -> float:
        """A repository's value; raises ValueError that names the key and its range."""
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            raise ValueError(f"{FILE}: {key} is {'a whole number' if self.whole else 'a number'}")
        if not self.low <= value <= self.high:
            raise ValueError(f"{FILE}: {key} is {str(value)[:40]}; it may be {self.low:g} to {self.high:g}")
        return value


_SETTINGS = TypeAdapter(dict[str, Setting])


def read_settings(model_dir: Path, manifest: Path) -> Mapping[str, float]:
    """Every setting that a family.toml lists, as a repository's folder has it.

    Raises ValueError for a file that is no such file, or a value out of its range. A guest cannot read the registry of families, which
    leans on packages out of its reach; it reads the one manifest.
    """
    settings = _SETTINGS.validate_python(tomllib.loads(manifest.read_text(encoding="utf-8"))["settings"])
    path = model_dir / FILE
    found = strict_json.read_file(path) if path.is_file() else {}
    return {key: setting.read(key, found[key]) if key in found else setting.default for key, setting in settings.items()}
