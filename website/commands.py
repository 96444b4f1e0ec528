"""The reference of the command line, of the commands themselves."""

from collections.abc import Iterator
from typing import Any

import typer.main

from neurons.cli.main import app
from website.tables import cell, code, table

_HEAD = """# Commands

Every command of `voice`, with its arguments and options. This page is made of what `--help` says. Each command takes `--help`, or `-h`.
"""


def page() -> str:
    """The reference of all commands, each group after those that stand alone."""
    root: Any = typer.main.get_command(app)
    context = typer.Context(root, info_name="voice")
    return _HEAD + "\n" + "\n".join(_section(command, own) for command, own in sorted(_commands(root, context), key=_place))


def _place(found: tuple[Any, typer.Context]) -> tuple[str, ...]:
    return tuple(found[1].command_path.split())


def _commands(command: Any, context: typer.Context) -> Iterator[tuple[Any, typer.Context]]:
    """A command and all below it, each with its context; hidden ones are left out."""
    yield command, context
    for name, below in getattr(command, "commands", {}).items():
        if not below.hidden:
            yield from _commands(below, typer.Context(below, info_name=name, parent=context))


def _section(command: Any, context: typer.Context) -> str:
    depth = len(context.command_path.split())
    title = f"{'#' * min(depth + 1, 4)} `{context.command_path}`\n"
    rows = [row for parameter in command.params if (row := _row(parameter, context))]
    options = "\n" + table(("argument or option", "it means"), rows) if rows else ""
    usage = command.get_usage(context).removeprefix("Usage: ")
    return f"{title}\n```text\n{usage}\n```\n\n{_paragraphs(command.help or '')}\n{options}"


def _row(parameter: Any, context: typer.Context) -> tuple[str, str] | None:
    record = parameter.get_help_record(context)
    if record is None or "--help" in parameter.opts:
        return None
    return code(record[0]), cell(record[1])


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(part.split()).replace("<", "&lt;") for part in text.split("\n\n"))
