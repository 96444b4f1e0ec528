"""`voice miner run`: watch a folder of checkpoints, submit each that beats the last submission, and tell it on the terminal."""

import asyncio
import json
import os
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Protocol, Self

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from neurons.cli.options import MOST_SECONDS, AsJson, ChainOptions, CompetitionFile, keys_of, load, open_chain, shared_options
from neurons.settings import HeartbeatSettings, MinerSettings
from scoring.errors import Code, PlatformError
from scoring.foreign_words import printable
from scoring.types import Block

if TYPE_CHECKING:
    import bittensor as bt

    from neurons.chain.adapter import Chain
    from neurons.miner.client import ModelToPublish, PublishingCost
    from neurons.miner.daemon import DaemonOptions
    from neurons.miner.messages import Message, Notify
    from neurons.miner.publish_steps import Consent

Models = Annotated[Path, typer.Argument(metavar="MODEL_DIR", help="The folder whose sub-folders are checkpoints.")]
Repo = Annotated[str, typer.Option("--repo", help="<namespace>/<name>: each submission gets <name>-<8 hex digits> for itself.")]
Margin = Annotated[
    float | None,
    typer.Option("--margin", min=0.0, max=1.0, help="The lead that must be shown (default: a young king's margin)."),
]
Once = Annotated[bool, typer.Option("--once", help="Do what can be done now, and end.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Score and compare, but sign, upload and show nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Publish without asking.")]
Settle = Annotated[
    float,
    typer.Option("--settle", min=0.0, max=MOST_SECONDS, help="Seconds without a change after which a checkpoint is complete."),
]


@shared_options
def run(
    options: ChainOptions,
    folder: Models,
    repo: Repo,
    margin: Margin = None,
    once: Once = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    settle: Settle = 30.0,
    competition: CompetitionFile = None,
    as_json: AsJson = False,
) -> None:
    """Watch a folder of checkpoints: check and score each, and submit it when it beats the last submission beyond doubt."""
    from neurons.miner.daemon import DaemonOptions
    from neurons.miner.miner_metrics import MinerMetrics
    from neurons.miner.model_check import check_base
    from voice_api.runtime.process_metrics import exposed
    from voice_api.settings import MetricsSettings

    settings = options.settings(MinerSettings, competition=competition)
    check_base(repo)
    if not (yes or dry_run) and (as_json or not sys.stdin.isatty()):
        raise PlatformError(
            Code.ARGUMENT_INVALID, "Without a terminal, or with --json, nobody can be asked: add --yes, or --dry-run."
        )
    keys = keys_of(settings)
    reporter: Reporter = JsonLines() if as_json else Terminal()
    plan = DaemonOptions(
        folder=folder.resolve(), repo=repo, margin=margin, settle=timedelta(seconds=settle), once=once, dry_run=dry_run
    )
    metrics, shown = MinerMetrics(), MetricsSettings()
    with reporter, exposed(metrics.registry, shown.host, shown.port):
        left_over = asyncio.run(_serve(plan, settings, keys, _asks(yes), metrics.beside(reporter)))
    if left_over:  # a thread still uploads: Python would wait for it
        sys.stdout.flush()
        os._exit(0)


def _asks(yes: bool) -> "Consent":
    """Ask for consent on the terminal, where the cost was shown just now; with --yes it is given."""

    async def consent(_cost: "PublishingCost", model: "ModelToPublish") -> bool:
        return yes or await ask(f"Publish it as {model.repo} and commit it?")

    return consent


async def _serve(plan: "DaemonOptions", settings: MinerSettings, keys: "bt.Wallet", consent: "Consent", notify: "Notify") -> bool:
    """Run until the end; return whether a piece of work was left behind that would keep the process."""
    from neurons.api_client.client import VoiceApi
    from neurons.miner.client import MinerClient
    from neurons.miner.daemon import assemble
    from neurons.miner.hub import ModelHub
    from neurons.miner.journal import Journal
    from neurons.miner.messages import Message, MessageKind
    from neurons.miner.scorer import ScoringProcess
    from neurons.shutdown import Shutdown

    stop, schedule = Shutdown(HeartbeatSettings().heartbeat), load(settings.competition)
    stop.listen()
    async with open_chain(settings) as chain, VoiceApi(settings.api_url, None, settings.api_hotkey) as api:
        client = MinerClient(chain, ModelHub(settings.hub, settings.token), api, keys, schedule)
        with Journal(await _journal_path(chain, settings.data, client.hotkey)) as journal:
            scorer = ScoringProcess(settings.competition)
            daemon = assemble(plan, client=client, journal=journal, scorer=scorer, consent=consent, notify=notify)
            notify(Message(MessageKind.WATCHING, f"Watching {plan.folder} for {client.hotkey}.", {"hotkey": client.hotkey}))
            await daemon.run(settings.pause, stop)
    return client.abandon()


async def _journal_path(chain: "Chain", data: Path, hotkey: str) -> Path:
    """One journal for each hotkey, subnet and chain; a chain is known by its first block."""
    first = await chain.block_hash(Block(0))
    return data / "mining" / f"{first[2:14]}-{chain.netuid}-{re.sub('[^A-Za-z0-9]', '', hotkey)}.jsonl"


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
        self._console.print(Text.assemble((stamp, "dim"), " ", (printable(message.text), _STYLES[message.good])))
        if message.kind.value == "cost":
            table = Table("what", "how much", box=SIMPLE_HEAD)
            for name, value in message.facts.items():
                table.add_row(name.replace("_", " "), f"{value:,}" if isinstance(value, int) else printable(str(value)))
            self._console.print(table)

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
        self._bar.reset(self._task, description=printable(message.text), completed=int(done), total=total, visible=True)
        self._bar.start()


async def ask(question: str) -> bool:
    """Ask on the terminal; a signal ends the process while it waits. Every answer but yes is no."""
    typer.echo(f"{question} [y/N] ", nl=False)
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        return (await reader.readline()).decode("utf-8", "replace").strip().lower() in ("y", "yes")
    finally:
        transport.close()
