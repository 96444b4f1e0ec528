"""`voice store`: the store of audio and receipts, for whoever runs it."""

import asyncio
import re
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table

from neurons.cli.options import AsJson, answer, given, set_by
from neurons.cli.output import confirm
from neurons.settings import RetentionSettings
from scoring.errors import Code, PlatformError

if TYPE_CHECKING:
    from neurons.pruning import Pruned
    from scoring.store.files import StoredFiles
    from scoring.store.retention import Amount, RetentionPolicy

app = typer.Typer(help="The store of audio and receipts.", no_args_is_help=True)

_SIZE = re.compile(r"(\d{1,6})([KMGT]?)B?", re.IGNORECASE)
_AGE = re.compile(r"(\d{1,5})([hd])")
_SHIFTS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}

StoreOption = Annotated[
    str | None,
    typer.Option("--store", help="A folder or s3://BUCKET/PREFIX.", show_default=set_by("VOICE_STORE", "store in VOICE_DATA")),
]
Age = Annotated[
    str | None,
    typer.Option("--age", help="Keep the rest so long, as 30d or 36h.", show_default=set_by("VOICE_RETENTION_DAYS", "30 days")),
]
Most = Annotated[
    str | None,
    typer.Option(
        "--most",
        help="All sounds together, as 50GB; the oldest go first.",
        show_default=set_by("VOICE_RETENTION_BYTES", "any size"),
    ),
]
Worst = Annotated[
    int | None,
    typer.Option(
        "--worst",
        min=0,
        max=1_000,
        help="Of each evaluation so many of the lowest stay.",
        show_default=set_by("VOICE_RETENTION_WORST", "3"),
    ),
]


@app.command()
def prune(
    store: StoreOption = None,
    age: Age = None,
    most: Most = None,
    worst: Worst = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Clear old sounds away: the rest, by age and size.

    The sounds of kings, of both sides of duels, of disputed evaluations and the lowest of every evaluation stay for good, as do all
    receipts and rules. Nothing younger than a day goes. The database of DATABASE_URL says which sound is whose.
    """
    settings = RetentionSettings(**given(store_place=store, worst=worst))
    policy = settings.policy
    policy = replace(
        policy, age=policy.age if age is None else _age(age), most_bytes=policy.most_bytes if most is None else _size(most)
    )
    if isinstance(settings.place, Path) and not settings.place.is_dir():
        why = f"{settings.place} is no folder: name the store that the workers write, in --store or VOICE_STORE."
        raise PlatformError(Code.ARGUMENT_INVALID, why)
    files = settings.files(settings.place)
    if not dry_run:
        confirm(f"Remove sounds from {files} for good?", yes, may_look=True)
    found = asyncio.run(_prune(settings, files, policy, dry_run=dry_run))
    data = {"store": str(files), "dry_run": dry_run, **_plain(found)}
    answer(as_json, data, lambda: _show(str(files), found, dry_run))


async def _prune(settings: RetentionSettings, files: "StoredFiles", policy: "RetentionPolicy", *, dry_run: bool) -> "Pruned":
    from neurons import pruning
    from voice_api.db.database import open_pool
    from voice_api.db.retention import KeptSamples

    async with open_pool(settings.database_url.get_secret_value(), application="voice store prune", size=1) as pool:
        sounds = KeptSamples(pool)
        if not await sounds.known():
            why = "This database knows no sound, so that nobody can say which ones are to be kept: name the network's in DATABASE_URL."
            raise PlatformError(Code.STATE_CONFLICT, why)
        reasons = partial(sounds.reasons, worst=settings.worst)
        return await pruning.prune(files, reasons, policy, datetime.now(UTC), dry_run=dry_run)


def _age(text: str) -> timedelta:
    found = _AGE.fullmatch(text)
    if found is None or not int(found[1]):
        raise PlatformError(Code.ARGUMENT_INVALID, f"--age {text}: give a number of days or hours, as 30d or 36h.")
    return timedelta(days=int(found[1])) if found[2] == "d" else timedelta(hours=int(found[1]))


def _size(text: str) -> int:
    found = _SIZE.fullmatch(text)
    if found is None or not int(found[1]):
        raise PlatformError(Code.ARGUMENT_INVALID, f"--most {text}: give a size, as 50GB or 800MB.")
    return int(found[1]) << _SHIFTS[found[2].upper()]


def _plain(found: "Pruned") -> dict[str, Any]:
    kept = {reason.value: asdict(amount) for reason, amount in sorted(found.kept.items())}
    removed = {"removed": asdict(found.removed), "leftovers": found.leftovers}
    return {"before": found.cutoff.isoformat(), "kept": kept, "young": asdict(found.young), **removed}


def _show(store: str, found: "Pruned", dry_run: bool) -> None:
    table = Table("sounds", Column("files", justify="right"), Column("size", justify="right"), box=SIMPLE_HEAD)
    for reason, amount in sorted(found.kept.items()):
        table.add_row(f"stay: {_WORDS[reason.value]}", *_told(amount))
    table.add_row("stay: young enough", *_told(found.young))
    table.add_row("would go" if dry_run else "gone", *_told(found.removed))
    console = Console()
    console.print(table)
    console.print(f"{store}: what nothing keeps and was written before {found.cutoff:%Y-%m-%d %H:%M} UTC", soft_wrap=True)


_WORDS = {
    "king": "of a king",
    "duel": "of one side of a duel",
    "disputed": "of a disputed evaluation",
    "worst": "the lowest of an evaluation",
}


def _told(amount: "Amount") -> tuple[str, str]:
    size, unit = float(amount.bytes), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{amount.files:,}", f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
