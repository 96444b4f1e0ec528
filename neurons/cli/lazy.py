"""Commands that are imported when they are asked for: the list of all of them costs no import."""

import importlib
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """One line of the list of commands: what it does, in which panel it stands, and where it is."""

    source: str
    """`module:name` of a function, which is a command, or of a Typer, which is a group of them."""
    panel: str
    help: str
    """The line in the list; the command's own help begins with the same words."""


class LazyGroup(TyperGroup):
    """A group whose commands stand in `table`; a command is imported when it is run, or when its own help is asked for."""

    table: ClassVar[Mapping[str, CommandEntry]] = {}

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**{**attributes, "commands": {}})
        self.commands = _LoadedCommands(self.table)

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # as Typer calls it
        """The names, in the table's order."""
        return list(self.table)

    def get_command(self, ctx: Any, cmd_name: str) -> "_ListedCommand | None":  # noqa: ARG002  # as Typer calls it
        """The command's line in the list, which becomes the command when it is run."""
        entry = self.table.get(cmd_name)
        return None if entry is None else _ListedCommand(cmd_name, entry)


class _ListedCommand(TyperCommand):
    """A command as the list shows it."""

    def __init__(self, name: str, entry: CommandEntry) -> None:
        super().__init__(name, help=entry.help, rich_help_panel=entry.panel)
        self._entry = entry

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        return _load(str(self.name), self._entry).make_context(info_name, args, parent, **extra)


class _LoadedCommands(MutableMapping[str, Any]):
    """The commands themselves by their names, each imported when it is looked up."""

    def __init__(self, table: Mapping[str, CommandEntry]) -> None:
        self._table = dict(table)

    def __getitem__(self, name: str) -> Any:
        return _load(name, self._table[name])

    def __setitem__(self, name: str, command: Any) -> None:
        raise TypeError(f"{name}: commands of this group stand in its table")

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"{name}: commands of this group stand in its table")

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)


def _load(name: str, entry: CommandEntry) -> Any:
    """Import a command, or a group of them."""
    module, _, attribute = entry.source.partition(":")
    found: typer.Typer | Callable[..., None] = getattr(importlib.import_module(module), attribute)
    if isinstance(found, typer.Typer):
        loaded: Any = typer.main.get_group(found)
    else:
        alone = typer.Typer(add_completion=False)
        alone.command(name)(found)
        loaded = typer.main.get_command(alone)
    loaded.name = name
    return loaded
