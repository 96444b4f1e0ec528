"""Output of commands on a terminal: questions, and bars on stderr."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING

import typer

from scoring.errors import Code, PlatformError

if TYPE_CHECKING:
    from workers.evaluation.progress import Progress, Stage


def confirm(question: str, yes: bool, *, may_look: bool = False) -> None:
    """Go on with a yes: the option's, or the answer of whoever sits at the terminal; anything else ends the command.

    Raises PlatformError(ARGUMENT_INVALID) where there is neither: nobody waits for an answer that cannot come. `may_look` is for commands
    with a --dry-run.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        look = ", or look with --dry-run" if may_look else ""
        raise PlatformError(Code.ARGUMENT_INVALID, f"{question} There is no terminal to ask: give --yes (-y){look}.")
    typer.confirm(question, abort=True, err=True)


@contextmanager
def prints_aside() -> Iterator[None]:
    """Inside, what a library prints goes to standard error, from Python or from C: standard output is the answer's alone."""
    out, err = 1, 2
    sys.stdout.flush()
    kept = os.dup(out)
    os.dup2(err, out)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        ctypes.CDLL(None).fflush(None)  # C has a buffer of its own
        os.dup2(kept, out)
        os.close(kept)


@contextmanager
def stages() -> "Iterator[Progress]":
    """Bars of one evaluation: a callable that takes its progress; a bar appears when its stage begins."""
    from rich import progress
    from rich.console import Console

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
