"""The miner daemon's messages on the terminal, for people and for machines."""

import asyncio
import json
import sys
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from neurons.cli.output import plain

if TYPE_CHECKING:
    from neurons.miner.messages import Message

_STYLES = {True: "green", False: "yellow", None: ""}


class Reporter(Protocol):
    """Reports messages between its beginning and its end."""

    def __call__(self, message: "Message") -> None:
        """Report one message."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """End."""


class JsonLines:
    """Prints each message as one JSON object a line: its time, kind, sentence and facts."""

    def __call__(self, message: "Message") -> None:
        """Print it at once."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        sys.stdout.write(json.dumps({"at": at, "kind": message.kind.value, "text": message.text, **message.facts}) + "\n")
        sys.stdout.flush()

    def __enter__(self) -> Self:
        """Nothing to prepare."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to end."""


class Terminal:
    """Prints a log, and below it, on a terminal, the work under way and its time."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(20), TimeElapsedColumn())
        self._bar = Progress(*columns, console=self._console, transient=True, disable=not self._console.is_terminal)
        self._task = self._bar.add_task("", visible=False)

    def __call__(self, message: "Message") -> None:
        """Print a message, or show it as the work under way."""
        if message.kind.value == "working" and self._console.is_terminal:
            self._work(message)
            return
        self._bar.stop()
        stamp = f"{datetime.now(UTC):%H:%M:%S}"
        self._console.print(Text.assemble((stamp, "dim"), " ", (plain(message.text), _STYLES[message.good])))
        if message.kind.value == "cost":
            self._console.print(_costs(message))

    def __enter__(self) -> Self:
        """The bar comes with the first work."""
        return self

    def __exit__(self, *_: object) -> None:
        """Take it away."""
        self._bar.stop()

    def _work(self, message: "Message") -> None:
        number, most = message.facts.get("round"), message.facts.get("rounds_at_most")
        total = float(most) if isinstance(most, int) else None
        done = float(number - 1) if isinstance(number, int) else 0.0
        self._bar.reset(self._task, description=plain(message.text), completed=int(done), total=total, visible=True)
        self._bar.start()


def _costs(message: "Message") -> Table:
    table = Table("what", "how much", box=SIMPLE_HEAD)
    for name, value in message.facts.items():
        table.add_row(name.replace("_", " "), f"{value:,}" if isinstance(value, int) else plain(str(value)))
    return table


async def ask(question: str) -> bool:
    """Ask on the terminal; a signal ends the process while it waits. Every answer but yes is no."""
    typer.echo(f"{question} [y/N] ", nl=False)
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        return (await reader.readline()).decode("utf-8", "replace").strip().lower() in ("y", "yes")
    finally:
        transport.close()
