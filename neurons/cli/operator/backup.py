"""`voice backup`: what a node cannot make again, in a file; checked, and put back."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurons.cli.options import AsJson, CompetitionFile, answer, given, set_by
from neurons.cli.output import confirm
from neurons.settings import BackupSettings

if TYPE_CHECKING:
    from neurons.backup.archive import BackupManifest, Told
    from neurons.backup.create import BackupPlan
    from neurons.backup.restore import StoreState
    from scoring.store.files import StoredFiles

app = typer.Typer(help="Backups of the database, the rules and the names of the store's files.", no_args_is_help=True)

Folder = Annotated[
    Path | None,
    typer.Argument(
        metavar="[DIR]", help="The folder for the file.", show_default=set_by("VOICE_BACKUPS", "backups in VOICE_DATA")
    ),
]
File = Annotated[Path, typer.Argument(metavar="FILE", help="A file of `voice backup create`.")]
StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        help="The store whose files are named: a folder or s3://BUCKET/PREFIX.",
        show_default=set_by("VOICE_STORE", "store in VOICE_DATA"),
    ),
]


@app.command()
def create(
    folder: Folder = None,
    store: StoreOption = None,
    competition: CompetitionFile = None,
    with_store: Annotated[
        bool, typer.Option("--with-store", help="Copy the store's files into the backup, too: sounds are many times the rest.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a backup: all that the database decided, as of one moment, the rules, and the names of the store's files.

    No key, wallet or password is in it. Processes go on meanwhile. The file appears once it is whole and was read back.
    """
    from neurons.backup import create as backup

    settings = BackupSettings(**given(store_place=store, competition=competition))
    plan = plan_of(settings, copies=with_store)
    with _progress("backing up") as told:
        made = asyncio.run(backup.create(plan, folder or settings.folder, datetime.now(UTC), told=told))
    data = {"file": str(made.path), "bytes": made.bytes, **_plain(made.manifest)}
    answer(as_json, data, lambda: _show(f"{made.path} ({made.bytes / 1e6:,.1f} MB)", made.manifest))


@app.command()
def verify(file: File, as_json: AsJson = False) -> None:
    """Read a backup through, and compare every part with the SHA-256 that was written with it. It needs no database."""
    from neurons.backup.archive import Archive

    archive = Archive(file)
    with _progress("checking") as told:
        archive.check(told)
    answer(
        as_json,
        {"file": str(file), "whole": True, **_plain(archive.manifest)},
        lambda: _show(f"{file} is whole", archive.manifest),
    )


@app.command()
def restore(
    file: File,
    store: StoreOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Delete what the database holds, and put the backup in its place.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put a backup into the database of DATABASE_URL, which must be empty, and say what of the store is missing.

    The file is read through first; then all of it is put back, or nothing. The schema is brought to this release's, roles get their
    rights, and each ledger must end with the hash that it had. It takes the database URL of the tables' owner.
    """
    from neurons.backup import restore as backup
    from neurons.backup.archive import Archive

    settings = BackupSettings(**given(store_place=store))
    archive = Archive(file)
    if force:
        confirm("Delete everything in the database of DATABASE_URL, and put the backup in its place?", yes)
    with _progress("putting back") as told:
        url = settings.database_url.get_secret_value()
        strange = asyncio.run(backup.restore(archive, url, replace=force, told=told))
        files = _files(settings)
        beside = None if files is None else backup.compare_store(archive, files, told)
    data = {"file": str(file), "unread_ledgers": list(strange), "store_files": _store_numbers(beside), **_plain(archive.manifest)}
    answer(as_json, data, lambda: _show_restored(file, archive.manifest, strange, beside))


@app.command()
def run(
    every: Annotated[
        float | None,
        typer.Option(
            "--every", min=0.01, max=8_760.0, help="Hours between two backups.", show_default=set_by("VOICE_BACKUP_HOURS", "24")
        ),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option("--keep", min=1, max=10_000, help="Backups that stay.", show_default=set_by("VOICE_BACKUP_KEEP", "7")),
    ] = None,
    folder: Folder = None,
) -> None:
    """Make a backup whenever the newest is old enough, and keep so many, until it is stopped. Restore points are not counted."""
    from neurons.backup import create as backup
    from neurons.backup import keep as keeping
    from neurons.cli.daemons import run_daemon
    from voice_api.runtime.process_metrics import BackupMetrics

    settings = BackupSettings(**given(every_hours=every, keep=keep))
    there, plan, metrics = folder or settings.folder, plan_of(settings), BackupMetrics()
    policy = keeping.BackupPolicy(timedelta(hours=settings.every_hours), settings.keep)

    async def make(now: datetime) -> backup.MadeBackup:
        return await backup.create(plan, there, now)

    run_daemon(lambda stop: keeping.run(make, there, policy, stop=stop, metrics=metrics), metrics.registry)


def plan_of(settings: BackupSettings, *, copies: bool = False) -> "BackupPlan":
    """What the settings say a backup holds."""
    from neurons.backup.create import BackupPlan

    return BackupPlan(
        database_url=settings.database_url.get_secret_value(),
        competition=settings.competition,
        store=_files(settings),
        copies=copies,
    )


def _files(settings: BackupSettings) -> "StoredFiles | None":
    """The store's files; None where no store was named and none is in its usual place."""
    place = settings.place
    return None if settings.store_place is None and isinstance(place, Path) and not place.is_dir() else settings.files(place)


@contextmanager
def _progress(doing: str) -> "Iterator[Told]":
    """Say on a terminal what is at hand."""
    from rich.console import Console

    with Console(stderr=True).status(doing) as status:
        yield lambda name: status.update(f"{doing}: {name}")


def _plain(manifest: "BackupManifest") -> dict[str, Any]:
    plain = manifest.model_dump(mode="json", exclude={"members", "tables", "format"})
    return {**plain, "rows": {name: table.rows for name, table in manifest.tables.items()}}


def _store_numbers(state: "StoreState | None") -> dict[str, int] | None:
    return None if state is None else {"named": state.named, "missing": state.missing, "put_back": state.put_back}


def _show(first: str, manifest: "BackupManifest") -> None:
    typer.echo("\n".join([first, *_told(manifest)]))


def _told(manifest: "BackupManifest") -> list[str]:
    rows = sum(table.rows for table in manifest.tables.values())
    lines = [
        f"of {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC, release {manifest.version}, schema {manifest.schema_revision}",
        f"{rows:,} rows of {len(manifest.tables)} tables",
    ]
    lines += [f"ledger of {one.validator}: round {one.round}, {one.state_hash}" for one in manifest.ledgers]
    if manifest.store is not None:
        kept = "copied" if manifest.store.copied else "named, not copied"
        lines.append(f"{manifest.store.files:,} files of the store ({manifest.store.bytes / 1e6:,.1f} MB) {kept}")
    return lines


def _show_restored(file: Path, manifest: "BackupManifest", strange: tuple[str, ...], beside: "StoreState | None") -> None:
    lines = [f"{file} is put back", *_told(manifest)]
    lines += [
        f"The ledger of {name} is of another release, which this one cannot read: see `voice validator ledger reset`."
        for name in strange
    ]
    if beside is not None and beside.missing > beside.put_back:
        lines.append(
            f"{beside.missing - beside.put_back:,} files of the store are missing: put them back from a copy of the store."
        )
    if beside is not None and beside.put_back:
        lines.append(f"{beside.put_back:,} files of the store were put back.")
    lines.append(
        "Next: `voice db logins` with each process's URL (in compose `docker compose up migrate`), then start the processes."
    )
    lines.append("Rounds after this moment: `voice validator ledger join`, see docs/operations.md, Backups.")
    typer.echo("\n".join(lines))
