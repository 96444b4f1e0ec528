"""Output of commands: JSON or a view for people, text that moves no cursor, and bars on stderr."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich import progress
from rich.console import Console

if TYPE_CHECKING:
    from workers.evaluation.progress import Progress, Stage


def plain(text: str) -> str:
    """A stranger's text with a mark for each character that cannot be printed: it must not move a cursor."""
    return "".join(character if character.isprintable() else "�" for character in text)


def answer(as_json: bool, data: Any, show: Callable[[], None]) -> None:
    """Print the data as JSON for machines, or show a view of it to people."""
    if as_json:
        typer.echo(json.dumps(data))
    else:
        show()


@contextmanager
def stages() -> "Iterator[Progress]":
    """Bars of one evaluation: a callable that takes its progress; a bar appears when its stage begins."""
    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True)) as bars:
        rows: dict[Stage, progress.TaskID] = {}

        def show(stage: "Stage", done: int, total: int) -> None:
            if stage not in rows:
                rows[stage] = bars.add_task(stage.value, total=total)
            bars.update(rows[stage], completed=done, total=total)

        yield show
