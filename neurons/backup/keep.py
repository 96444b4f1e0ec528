"""Backups at their time: one whenever the newest is old enough, and of all so many stay; of restore points, too."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from neurons.backup.create import MadeBackup
from neurons.shutdown import Shutdown
from scoring.errors import VoiceError
from voice_api.runtime.process_metrics import BackupMetrics

log = structlog.get_logger()
_TIMED = re.compile(r"voice-(\d{8}T\d{6}Z)(-\d+)?\.zip")
"""Of a backup that was made at its time."""
_POINT = re.compile(r"voice-(\d{8}T\d{6}Z)-before-\w+(-\d+)?\.zip")
"""Of a restore point, by the schema that came after it."""
_LOOK = timedelta(minutes=1)
_RETRY = timedelta(minutes=10)
"""Between two tries of a backup that failed."""
Make = Callable[[datetime], Awaitable[MadeBackup]]


@dataclass(frozen=True, slots=True)
class BackupPolicy:
    """The time between two backups, and the number of them that stay."""

    every: timedelta
    keep: int


@dataclass(frozen=True, slots=True)
class KeptBackup:
    """A backup that is there, and when it was begun."""

    path: Path
    at: datetime


def kept(folder: Path, now: datetime) -> list[KeptBackup]:
    """The backups of a folder that were made at their time, oldest first; before them those of the future, which a wrong clock made."""
    return _named(folder, _TIMED, now)


def _named(folder: Path, name: re.Pattern[str], now: datetime) -> list[KeptBackup]:
    found = ((path, name.fullmatch(path.name)) for path in folder.glob("voice-*.zip"))
    rows = [KeptBackup(path, at) for path, said in found if said and (at := _moment(said[1]))]
    return sorted(rows, key=lambda row: (row.at <= now, row.at, row.path.stat().st_mtime_ns))


def _moment(text: str) -> datetime | None:
    """When a name says that its file was begun; None for no day that there is."""
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%S%z")
    except ValueError:
        return None


def clear(folder: Path, keep: int, now: datetime) -> list[Path]:
    """Remove all but the newest `keep`; which went. Restore points, and what others put there, stay."""
    return _removed(kept(folder, now)[:-keep])


def clear_points(folder: Path, keep: int, now: datetime) -> list[Path]:
    """Remove all restore points but the newest `keep`; which went. Backups, and what others put there, stay."""
    return _removed(_named(folder, _POINT, now)[:-keep])


def _removed(rows: list[KeptBackup]) -> list[Path]:
    for row in rows:
        row.path.unlink(missing_ok=True)
    return [row.path for row in rows]


async def run(make: Make, folder: Path, policy: BackupPolicy, *, stop: Shutdown, metrics: BackupMetrics) -> None:
    """Keep backups until the end is asked for. A backup that fails is said in the log and in the numbers, and tried again."""
    not_before = datetime.min.replace(tzinfo=UTC)
    while not stop.requested:
        now = datetime.now(UTC)
        newest = max((row.at for row in kept(folder, now) if row.at <= now), default=None)
        metrics.newest(newest)
        if now >= not_before and (newest is None or now - newest >= policy.every):
            try:
                made = await make(now)
            except VoiceError as error:
                metrics.failed()
                log.error("backup failed", code=error.code, reason=error.told)
                not_before = now + _RETRY
            else:
                _tell(made, clear(folder, policy.keep, now))
                metrics.made(made.bytes)
                metrics.newest(now)
        await stop.wait(_LOOK)


def _tell(made: MadeBackup, gone: list[Path]) -> None:
    heads = {ledger.validator: ledger.round for ledger in made.manifest.ledgers}
    log.info("backup made", file=str(made.path), bytes=made.bytes, ledgers=heads, removed=[path.name for path in gone])
