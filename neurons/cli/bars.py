"""Bars on stderr, one for each stage of an evaluation."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich import progress
from rich.console import Console

if TYPE_CHECKING:
    from workers.evaluation.progress import Progress, Stage


@contextmanager
def stages() -> "Iterator[Progress]":
    """What an evaluation calls with its progress; a bar appears when its stage begins."""
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
