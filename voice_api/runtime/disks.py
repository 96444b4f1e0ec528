"""What a process shows of the disks that it writes to, and of the size of its store: looked at when somebody asks."""

import math
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge

from scoring.errors import VoiceError
from scoring.receipts.store import AUDIO, COMPETITIONS, RECEIPTS
from scoring.store.files import StoredFiles

_SIZE_LASTS = 3600.0
"""Seconds: to add up a store is to look at each of its files."""


def show_disks(registry: CollectorRegistry, folders: Mapping[str, Path]) -> None:
    """Show free and whole bytes of each folder's disk, under its name; not a number for a folder that is not there."""
    free = Gauge("voice_disk_free_bytes", "Bytes that are free on the disk of a folder.", ["of"], registry=registry)
    whole = Gauge("voice_disk_bytes", "Bytes of the disk of a folder.", ["of"], registry=registry)
    for name, folder in folders.items():
        free.labels(name).set_function(partial(_usage, folder, "free"))
        whole.labels(name).set_function(partial(_usage, folder, "total"))


def _usage(folder: Path, part: str) -> float:
    try:
        return float(getattr(shutil.disk_usage(folder), part))
    except OSError:
        return math.nan


def show_store(registry: CollectorRegistry, files: StoredFiles) -> None:
    """Show the bytes of all stored files, added up at most once an hour beside the process's work; not a number until it is known."""
    gauge = Gauge("voice_store_bytes", "Bytes of all stored files, as they were within the last hour.", registry=registry)
    gauge.set_function(StoreSize(files).bytes)


class StoreSize:
    """The size of a store, which whoever asks never waits for."""

    def __init__(self, files: StoredFiles, clock: Callable[[], float] = time.monotonic) -> None:
        self._files, self._clock = files, clock
        self._known, self._due = math.nan, -math.inf
        self._adding = threading.Lock()

    def bytes(self) -> float:
        """The size as it was last added up; it is begun anew where that is an hour ago."""
        if self._clock() >= self._due and self._adding.acquire(blocking=False):
            threading.Thread(target=self._add_up, name="store size", daemon=True).start()
        return self._known

    def _add_up(self) -> None:
        try:
            self._known = float(sum(file.size for kind in (AUDIO, RECEIPTS, COMPETITIONS) for file in self._files.each(kind)))
        except VoiceError:  # it is not reachable: said as what is not known
            self._known = math.nan
        finally:
            self._due = self._clock() + _SIZE_LASTS
            self._adding.release()
