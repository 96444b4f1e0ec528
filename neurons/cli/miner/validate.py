"""`voice miner validate`: have one recording judged by the network's workers, with the code that judges models."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table
from rich.text import Text

from neurons.cli.options import MOST_SECONDS, AsJson, CompetitionFile, WalletOptions, answer, keys_of, load, shared_options
from neurons.settings import MinerSettings
from scoring.errors import Code, PlatformError
from scoring.foreign_words import printable
from scoring.shown_addresses import without_access
from scoring.types import MICRO

if TYPE_CHECKING:
    from neurons.api_client.client import VoiceApi
    from scoring.scores.aggregate import Anchors
    from voice_api.schemas import ValidationOut

    Tell = Callable[[str], None]

File = Annotated[Path, typer.Argument(help="A WAV, FLAC or OGG file.", show_default=False)]
Words = Annotated[str, typer.Option("--text", help="The words that are said in it.", show_default=False)]
Voice = Annotated[
    str, typer.Option("--description", help="The voice that was asked for, as rounds describe one.", show_default=False)
]
Wait = Annotated[
    float,
    typer.Option(
        "--wait", min=0.0, max=MOST_SECONDS, help="Seconds to wait for the result; a later one can be read at its address."
    ),
]

_PAUSE_SECONDS = 1.0
_ENDED = ("done", "failed")
_MEBIBYTE = 1 << 20


@shared_options
def validate(
    options: WalletOptions,
    file: File,
    text: Words,
    description: Voice,
    wait: Wait = 600.0,
    competition: CompetitionFile = None,
    as_json: AsJson = False,
) -> None:
    """Have one recording judged by the network, and see where it loses points. Needs a registered hotkey; earns and costs nothing."""
    from neurons.api_client.client import VoiceApi
    from scoring.scores import aggregate

    upload = _read(file)
    _check("--text", text)
    _check("--description", description)
    settings = options.settings(MinerSettings, competition=competition)
    scale = aggregate.load_anchors(load(settings.competition).version[-1].track[0].profile)
    keys = keys_of(settings)

    async def ask(tell: "Tell") -> "ValidationOut":
        async with VoiceApi(settings.api_url, keys, settings.api_hotkey) as api:
            return await follow(api, upload, text, description, wait=wait, tell=tell)

    found = asyncio.run(_with_progress(ask))
    url = without_access(f"{settings.api_url.rstrip('/')}/v1/validations/{found.id}")
    answer(as_json, {**found.model_dump(mode="json"), "url": url}, lambda: _show(found, scale, url))
    if found.state == "failed":
        raise typer.Exit(1)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{file} cannot be read: {exc.strerror}") from exc


def _check(option: str, said: str) -> None:
    """Check a text that is sent in an address: UTF-8, and not too long."""
    from voice_api.schemas import MOST_CHARACTERS

    if not 0 < len(said) <= MOST_CHARACTERS:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{option} has {len(said)} characters; 1 to {MOST_CHARACTERS} are taken.")
    try:
        said.encode()
    except UnicodeEncodeError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{option} is not UTF-8.") from exc


async def follow(
    api: "VoiceApi", upload: bytes, text: str, description: str, *, wait: float, tell: "Tell", pause: float = _PAUSE_SECONDS
) -> "ValidationOut":
    """Send a recording and ask for its result every `pause` seconds: its last state when it has ended, or after `wait` seconds.

    `tell` hears of each step. Raises ApiUnavailable and ApiRefused.
    """
    tell(f"sending {len(upload) / _MEBIBYTE:.1f} MiB")
    found = await api.validate(upload, text, description)
    end = time.monotonic() + wait
    while found.state not in _ENDED and time.monotonic() < end:
        tell(f"{found.state}: validation {found.id}")
        await asyncio.sleep(min(pause, max(0.0, end - time.monotonic())))
        found = await api.validation(found.id)
    return found


async def _with_progress(ask: "Callable[[Tell], Awaitable[ValidationOut]]") -> "ValidationOut":
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        row = bars.add_task("")
        return await ask(lambda what: bars.update(row, description=what))


def _show(found: "ValidationOut", scale: "Anchors", url: str) -> None:
    if found.state == "failed":
        raise PlatformError(found.code or Code.INTERNAL, f"{found.reason} ({url})")
    console = Console(soft_wrap=True, highlight=False)
    if found.score is None:
        console.print(f"{found.state}: not judged yet; ask again at {url}")
        return
    if found.metrics:
        Console().print(measured(found, scale))
    for reason in found.reasons:
        console.print(Text(f"  {printable(reason)}"))
    console.print(f"score [bold]{found.score / MICRO:.4f}[/], {url}")


def measured(found: "ValidationOut", scale: "Anchors") -> Table:
    """A row for each metric that counts, with its human and its bad value; utilities stand beside the first metric of their factor."""
    table = Table(
        "factor",
        Column("utility", justify="right"),
        "metric",
        *(Column(name, justify="right") for name in ("found", "human", "bad")),
        box=SIMPLE_HEAD,
    )
    metrics, utilities = found.metrics or {}, found.utilities or {}
    for factor, anchors in scale.factors.items():
        worth = f"{utilities[factor]:.3f}" if factor in utilities else ""
        first = (factor.value, worth)
        for name, anchor in anchors.metrics.items():
            if name in metrics:
                table.add_row(*first, name, *(f"{value:.3g}" for value in (metrics[name], anchor.human, anchor.bad)))
                first = ("", "")
    return table
