"""The schema of what others write: its strict base, what differs from it in one line, and files read against it."""

import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from scoring.errors import Code, PlatformError

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


class StrictModel(BaseModel):
    """Part of a schema: frozen; unknown names, values of another type and numbers that are none are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def first_fault(error: ValidationError, whole: str) -> str:
    """The first difference, as `place: reason`; `whole` is its place where it is of no single field."""
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc']) or whole}: {first['msg'].removeprefix('Value error, ')}"


def read_toml(path: Path, schema: TypeAdapter[T], code: Code) -> T:
    """Read a file that people write as the schema's type; raises PlatformError(code): one line with the file, the place and the reason."""
    try:
        return schema.validate_python(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as exc:
        raise PlatformError(code, f"{path} cannot be read: {exc.strerror}") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise PlatformError(code, f"{path} is not TOML: {exc}") from exc
    except ValidationError as exc:
        raise PlatformError(code, f"{path}: {first_fault(exc, 'the file')}") from exc


def read_measured(path: Path, form: type[M]) -> M:
    """Read a study's result, as JSON; raises PlatformError(ARGUMENT_INVALID) if it is missing or not of this form."""
    try:
        return form.model_validate_json(path.read_bytes())
    except OSError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{path} cannot be read: {exc.strerror}") from exc
    except ValidationError as exc:
        raise PlatformError(
            Code.ARGUMENT_INVALID, f"{path} is not what the study writes: {first_fault(exc, 'the file')}"
        ) from exc
