"""Checkpoints: the folders below one folder. One that is still being written is not looked at."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from scoring.errors import Code, PlatformError


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder as it was seen: `look` is a digest of its files' names, sizes and times; `newest` is its last change (Unix time, ns)."""

    folder: Path
    look: str
    newest: int


@dataclass(frozen=True, slots=True)
class Watched:
    """The time (seconds of a clock that never goes back) since which each folder has looked the same."""

    since: Mapping[Path, tuple[Checkpoint, float]]


def scan(folder: Path) -> tuple[Checkpoint, ...]:
    """Every folder below `folder` with files in it, the newest first; raises PlatformError(ARGUMENT_INVALID) when it is not there.

    A folder that vanishes meanwhile is left out.
    """
    if not folder.is_dir():
        raise PlatformError(Code.ARGUMENT_INVALID, f"There is no folder {folder}.")
    found = [_seen(path) for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return tuple(sorted((each for each in found if each is not None), key=lambda each: (-each.newest, each.folder.name)))


def _seen(folder: Path) -> Checkpoint | None:
    try:
        stats = [(path.relative_to(folder).as_posix(), path.stat()) for path in sorted(folder.rglob("*"))]
        newest = max((stat.st_mtime_ns for _, stat in stats), default=0)
    except OSError:  # a file that was renamed away: the folder is being written
        return None
    listing = "".join(f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\n" for name, stat in stats)
    return Checkpoint(folder, hashlib.sha256(listing.encode()).hexdigest(), newest) if stats else None


def watch(before: Watched, seen: Sequence[Checkpoint], now: float) -> Watched:
    """Keep the time of a folder that looks as it did; begin anew with one that changed."""
    since = {}
    for each in seen:
        last, began = before.since.get(each.folder, (each, now))
        since[each.folder] = (each, began if last.look == each.look else now)
    return Watched(since)


def settled(watched: Watched, now: float, settle: timedelta) -> tuple[Checkpoint, ...]:
    """The checkpoints that have not changed for `settle`, the newest first."""
    quiet = [each for each, began in watched.since.values() if now - began >= settle.total_seconds()]
    return tuple(sorted(quiet, key=lambda each: (-each.newest, each.folder.name)))
