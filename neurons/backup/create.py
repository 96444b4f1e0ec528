"""A backup, written: the database at one moment, the competition's file, and the names of the store's files."""

from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import count
from pathlib import Path

from neurons.backup.archive import (
    COPIES,
    FORMAT,
    RULES,
    STORED,
    TABLES,
    ArchiveWriter,
    BackedLedger,
    BackedStore,
    BackedTable,
    BackupManifest,
    Told,
    new_archive,
)
from scoring.receipts.store import AUDIO, COMPETITIONS, RECEIPTS
from scoring.store.files import NotStored, StoredFiles
from voice_api.db.backup import BackupSource, backup_source

PACKAGE = "voice-subnet"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupPlan:
    """What goes into a backup."""

    database_url: str
    competition: Path | None
    """The competition's file; None for none."""
    store: StoredFiles | None
    """The store whose files are named; None for none."""
    copies: bool
    """Whether the store's files go in, too, and not their names alone."""


@dataclass(frozen=True, slots=True)
class MadeBackup:
    """A backup's file, its size in bytes, and what it holds."""

    path: Path
    bytes: int
    manifest: BackupManifest


async def create(plan: BackupPlan, folder: Path, now: datetime, *, label: str = "", told: Told = lambda _: None) -> MadeBackup:
    """Write a backup into a folder, under a name that says when; `label` says why, where it was not the time for one.

    Raises PlatformError(BACKUP_NOT_WRITTEN), DatabaseUnavailable, PlatformError(SETTING_INVALID) for a role that may not read all of
    it, and InfrastructureFault(STORE_UNAVAILABLE); then no file is left.
    """
    path = _free(folder, f"voice-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}{label}")
    with new_archive(path) as archive:
        async with backup_source(plan.database_url) as source:
            tables = await _tables(archive, source, told)
            ledgers = await source.heads()
        if plan.competition is not None:
            archive.add(RULES, plan.competition.read_bytes())
        manifest = BackupManifest(
            format=FORMAT,
            made_at=now,
            version=version(PACKAGE),
            schema_revision=source.schema,
            tables=tables,
            ledgers=tuple(
                BackedLedger(validator=validator, round=head.round, state_hash=head.state_hash)
                for validator, head in ledgers.items()
            ),
            competition=plan.competition is not None,
            store=None if plan.store is None else _store(archive, plan.store, plan.copies, told),
            members=archive.members,
        )
        archive.close(manifest)
    return MadeBackup(path, path.stat().st_size, manifest)


def _free(folder: Path, name: str) -> Path:
    """A path that nobody has: several backups may be made in a second."""
    paths = (folder / f"{name}{f'-{number}' if number else ''}.zip" for number in count())
    return next(path for path in paths if not path.exists())


async def _tables(archive: ArchiveWriter, source: BackupSource, told: Told) -> dict[str, BackedTable]:
    written = {}
    for table in await source.tables():
        told(table.name)
        with archive.member(f"{TABLES}{table.name}") as out:
            rows = await source.copy(table, out)
        written[table.name] = BackedTable(columns=table.columns, rows=rows)
    return written


def _store(archive: ArchiveWriter, files: StoredFiles, copies: bool, told: Told) -> BackedStore:
    """Name every file of the store, and copy those that are still there when their turn comes."""
    told(STORED)
    found, size = [], 0
    with archive.member(STORED) as out:
        for prefix in (RECEIPTS, COMPETITIONS, AUDIO):
            for file in files.each(prefix):
                out.write(f"{file.size} {file.name}\n".encode())
                size += file.size
                found.append(file.name)
    for name in found if copies else ():
        told(name)
        try:
            archive.add(f"{COPIES}{name}", files.read(name), packed=False)
        except NotStored:  # it was cleared away meanwhile
            continue
    return BackedStore(place=str(files), files=len(found), bytes=size, copied=copies)
