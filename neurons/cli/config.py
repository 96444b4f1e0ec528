"""`voice config`: the file of settings that is read, and every setting with where it comes from."""

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurons.cli.options import AsJson, answer
from scoring.errors import Code, PlatformError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import RenderableType
    from rich.text import Text

    from voice_api.settings_origin import SettingView

_TABLE_WIDTH = 120
"""From how many columns on a table has room for values."""
app = typer.Typer(invoke_without_command=True)
Role = Annotated[
    str | None,
    typer.Argument(
        metavar="ROLE", help="validator, worker, api, queue, dispatcher, store, backup or miner.", show_default="all of them"
    ),
]


@dataclass(slots=True)
class _Row:
    """A setting, and the roles that read it."""

    view: "SettingView"
    roles: list[str] = field(default_factory=list)


@app.callback()
def config(context: typer.Context) -> None:
    """Say which file of settings is read. An option wins over the environment, and that over the file."""
    if context.invoked_subcommand is None:
        from neurons.cli.roles import file_trouble
        from voice_api.settings import settings_path

        typer.echo(_file_line(settings_path(), file_trouble()))


@app.command("show")
def show(role: Role = None, as_json: AsJson = False) -> None:
    """Show every setting of a role, its value, and where that comes from: default, file, secret file, environment. Secrets are hidden."""
    from neurons.cli.roles import file_trouble
    from voice_api.settings import settings_path

    path, trouble = settings_path(), file_trouble()
    rows = _rows(role)
    answer(as_json, _document(path, trouble, rows), lambda: _show(_file_line(path, trouble), rows))


def _rows(role: str | None) -> "list[_Row]":
    """Each setting once."""
    from neurons.cli.roles import ROLES
    from voice_api.settings_origin import views

    if role is not None and role not in ROLES:
        raise PlatformError(Code.ARGUMENT_INVALID, f"no role is called {role}; there are {', '.join(ROLES)}")
    rows: dict[str, _Row] = {}
    for name in ROLES if role is None else (role,):
        for kind in ROLES[name]:
            for view in views(kind):
                row = rows.setdefault(view.variable, _Row(view))
                row.roles = list(dict.fromkeys([*row.roles, name]))
    return list(rows.values())


def _file_line(path: "Path | None", trouble: str) -> str:
    if trouble:
        return f"no file of settings is read: {trouble}"
    if path is None:
        return "no file of settings is read: VOICE_CONFIG names none, and there is neither ./voice.toml nor ~/.config/voice/voice.toml"
    return f"settings are read from {path}"


def _document(path: "Path | None", trouble: str, rows: "Sequence[_Row]") -> dict[str, Any]:
    settings = [{"name": row.view.name or None, **asdict(row.view), "roles": row.roles} for row in rows]
    return {"file": None if path is None else str(path), "problem": trouble or None, "settings": settings}


def _show(first: str, rows: "Sequence[_Row]") -> None:
    from rich.console import Console

    from scoring.foreign_words import printable

    console = Console()
    console.print(printable(first), soft_wrap=True, markup=False)
    console.print(_table(rows) if console.width >= _TABLE_WIDTH else _list(rows))


def _table(rows: "Sequence[_Row]") -> "RenderableType":
    from rich.box import SIMPLE_HEAD
    from rich.table import Column, Table

    names = (Column("in voice.toml", no_wrap=True), Column("in the environment", no_wrap=True))
    table = Table(*names, Column("value", overflow="fold"), Column("from", no_wrap=True), box=SIMPLE_HEAD)
    for row in rows:
        view = row.view
        table.add_row(view.name, view.variable, _value(view), view.origin.value, style=None if view.is_said else "dim")
    return table


def _list(rows: "Sequence[_Row]") -> "RenderableType":
    """The same where there is no room for a table: each setting on lines of its own."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    lines: list[RenderableType] = [""]
    for row in rows:
        view = row.view
        style = "" if view.is_said else "dim"
        lines += [
            Text.assemble((f"{view.name or view.variable}: ", style), _value(view)),
            Padding(Text(f"from {view.origin.value}; variable {view.variable}", style), (0, 0, 0, 2)),
        ]
    return Group(*lines)


def _value(view: "SettingView") -> "Text":
    from rich.text import Text

    from scoring.foreign_words import printable

    return Text(printable(view.value)) if view.problem is None else Text(printable(f"{view.value}  ({view.problem})"), "red")
