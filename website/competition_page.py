"""The reference of the competition's file: its keys, what each means, and the rules that ship."""

import ast
import inspect
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from scoring import competition
from scoring.competition import Competition, Schedule
from website.tables import cell, code, table

_HEAD = """# The competition's file

Every number that decides money stands in one TOML file, in versions, and its hash is in each receipt. The file that ships is
below, with its comments; `VOICE_COMPETITION` names another. [How a model is scored](../scoring.md) and
[how miners are paid](../incentives.md) explain the rules, and [for validators](../validator.md#when-rules-change) says how they change.
"""


def page() -> str:
    """Every table of the file with its keys, then the file."""
    shipped = competition.load().version[-1]
    sections = [_section(name, model, value) for name, model, value in _tables("", Competition, shipped)]
    file = competition.DEFAULT_PATH.read_text(encoding="utf-8")
    keys = "\n".join(_keys_of_the_file())
    return f"{_HEAD}\n{keys}\n{chr(10).join(sections)}\n## The file that ships\n\n```toml\n{file}```\n"


def _keys_of_the_file() -> Iterator[str]:
    rows = [(code(name), cell(_documented(Schedule).get(name, ""))) for name in Schedule.model_fields if name != "version"]
    yield "## The head of the file\n\n" + cell(inspect.getdoc(Schedule) or "") + "\n"
    yield table(("key", "it means"), rows)


def _tables(place: str, model: type[BaseModel], value: BaseModel) -> Iterator[tuple[str, type[BaseModel], BaseModel]]:
    """A table and those below it, with the values that ship; of a list of tables the first."""
    yield place or "version", model, value
    for name in model.model_fields:
        below = getattr(value, name)
        first = below[0] if isinstance(below, tuple) and below else below
        if isinstance(first, BaseModel):
            yield from _tables(f"{place or 'version'}.{name}", type(first), first)


def _section(place: str, model: type[BaseModel], value: BaseModel) -> str:
    plain = {name: getattr(value, name) for name in model.model_fields}
    said = _documented(model)
    rows = [(code(name), code(_written(each)), cell(said.get(name, ""))) for name, each in plain.items() if not _is_table(each)]
    return f"## `{place}`\n\n{cell(inspect.getdoc(model) or '')}\n\n{table(('key', 'value', 'it means'), rows) if rows else ''}"


def _is_table(value: object) -> bool:
    return isinstance(value, BaseModel) or (isinstance(value, tuple) and bool(value) and isinstance(value[0], BaseModel))


def _written(value: Any) -> str:
    match value:
        case None:
            return ""
        case tuple():
            return "[" + ", ".join(map(str, value)) + "]"
        case Mapping():
            return ", ".join(f"{key} = {each}" for key, each in value.items())
        case float():
            return f"{value:g}"
    return str(value)


def _documented(model: type[BaseModel]) -> dict[str, str]:
    """What stands below each field of a model, the models that it extends included."""
    said: dict[str, str] = {}
    for each in reversed([base for base in model.__mro__ if issubclass(base, BaseModel) and base is not BaseModel]):
        said |= _below_fields(each)
    return said


def _below_fields(model: type[BaseModel]) -> dict[str, str]:
    tree = ast.parse(Path(inspect.getfile(model)).read_text(encoding="utf-8"))
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == model.__name__]
    found = {}
    for body in bodies:
        for field, text in pairwise(body):
            match field, text:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                    found[name] = words
    return found
