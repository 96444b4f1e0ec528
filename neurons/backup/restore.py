"""A backup, put back: into an empty database, all or nothing, and looked at afterwards."""

from collections.abc import Iterator
from dataclasses import dataclass

from neurons.backup.archive import COPIES, STORED, TABLES, Archive, BackedLedger, Told
from scoring.errors import Code, PlatformError
from scoring.ranking.state import chain_hash
from scoring.store.files import StoredFiles
from scoring.types import Hotkey
from voice_api.db import migrate, roles
from voice_api.db.backup import BackupTable, BackupTarget, backup_target
from voice_api.db.ledger import LedgerMark
from voice_api.errors import LedgerInvalid


@dataclass(frozen=True, slots=True)
class StoreState:
    """A store beside a backup: the files that the backup names, those of them that are missing, and those that were put back."""

    named: int
    missing: int
    put_back: int


async def restore(archive: Archive, database_url: str, *, replace: bool, told: Told = lambda _: None) -> tuple[Hotkey, ...]:
    """Put a backup's rows into a database, with the newest schema, roles and rights; all of them, or nothing is changed.

    The whole file is read through first. Raises PlatformError with BACKUP_DAMAGED, SCHEMA_UNKNOWN, STATE_CONFLICT (see `backup_target`)
    or SETTING_INVALID, DatabaseUnavailable, and LedgerInvalid where a ledger's head is not the one that was backed up. Returns the
    validators whose ledgers are of another release, which this one cannot read.
    """
    manifest = archive.manifest
    if manifest.schema_revision not in migrate.revisions():
        why = f"{archive.path} is of schema {manifest.schema_revision}, made by release {manifest.version}"
        raise PlatformError(Code.SCHEMA_UNKNOWN, f"{why}; this one knows the schemas up to {migrate.head()}")
    archive.check(told)
    async with backup_target(database_url, manifest.schema_revision, replace=replace) as target:
        for name, table in manifest.tables.items():
            told(name)
            with archive.member(f"{TABLES}{name}") as source:
                rows = await target.load(BackupTable(name, table.columns), source)
            if rows != table.rows:
                raise PlatformError(Code.BACKUP_DAMAGED, f"{archive.path}, {name}: {rows} rows, not {table.rows}")
        await target.settle(manifest.schema_revision)
        strange = [ledger.validator for ledger in manifest.ledgers if not await _check_head(target, ledger)]
    await roles.apply(database_url)
    return tuple(strange)


async def _check_head(target: BackupTarget, backed: BackedLedger) -> bool:
    """Raise LedgerInvalid unless a ledger ends as it did, with the hash of its state; False for a state of another release's form."""
    name = backed.validator
    if (await target.heads()).get(name) != LedgerMark(backed.round, backed.state_hash):
        raise LedgerInvalid(f"the ledger of {name} does not end in round {backed.round} with {backed.state_hash}")
    try:
        head = await target.ledger(name).head()
    except LedgerInvalid:
        return False
    found = "none" if head is None else chain_hash(head.previous, head.state)
    if found != backed.state_hash:
        raise LedgerInvalid(f"the state of round {backed.round} of {name} has the hash {found}, not {backed.state_hash}")
    return True


def compare_store(archive: Archive, files: StoredFiles, told: Told = lambda _: None) -> StoreState:
    """Look for every file of the store that a backup names, and put those back that are missing and were copied."""
    named, missing, put_back = 0, 0, 0
    for name in _named(archive):
        named += 1
        if files.look(name) is not None:
            continue
        missing += 1
        if f"{COPIES}{name}" in archive.manifest.members:
            told(name)
            files.write(name, archive.copied_file(name))
            put_back += 1
    return StoreState(named, missing, put_back)


def _named(archive: Archive) -> Iterator[str]:
    if archive.manifest.store is not None:
        for line in archive.lines(STORED):
            yield line.partition(" ")[2]
