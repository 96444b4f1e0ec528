"""TOML files that people write, read against a schema. An error is one line with the file, the place and the reason."""

import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from scoring.errors import Code, PlatformError

T = TypeVar("T")


class StrictModel(BaseModel):
    """Part of a file's schema: frozen; unknown names, values of another type and numbers that are none are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def read(path: Path, schema: TypeAdapter[T], code: Code) -> T:
    """Read the file as the schema's type; raises PlatformError(code)."""
    try:
        return schema.validate_python(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as exc:
        raise PlatformError(code, f"{path} cannot be read: {exc.strerror}") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise PlatformError(code, f"{path} is not TOML: {exc}") from exc
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise PlatformError(code, f"{path}: {where}: {first['msg']}") from exc
