"""What was derived is kept: in a folder under a size cap, the longest unused ones removed first, or in memory where there is no folder."""

import asyncio
import os
import uuid
from collections import OrderedDict
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Lock
from typing import Protocol

import structlog

from voice_api.errors import TooManyRequests
from voice_api.web.listening.derived import Derived, derive

log = structlog.get_logger()

VERSION = "1"
"""Raised when the same clip is drawn or packed otherwise: what older versions kept is no longer found, and is removed as unused."""
AT_ONCE = 2
"""Clips that a process derives from at the same time: reading must not wait for drawing."""
MOST_WAITING = 64
_SOON = timedelta(seconds=2)
MEMORY_BYTES = 32 * 1024 * 1024
"""The most that is kept where there is no folder."""
_ROOM = 0.9
"""A full cache is emptied to this share of its cap, so that not every write has to look at all files."""

Key = tuple[Derived, str]
Load = Callable[[], bytes]
"""Reads the stored file; called in a thread."""


class _Shelf(Protocol):
    def get(self, key: Key) -> bytes | None: ...

    def put(self, key: Key, data: bytes) -> None: ...


class DerivedCache:
    """Derives each thing once, a few clips at a time."""

    def __init__(self, folder: Path | None, most_bytes: int) -> None:
        self._shelf: _Shelf = _Memory(MEMORY_BYTES) if folder is None else _Folder(folder, most_bytes)
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def get(self, kind: Derived, pcm_sha256: str, load: Load) -> bytes:
        """What is derived of the clip of this hash, made from what `load` reads where it is not kept; raises what that raises.

        Raises TooManyRequests while so many wait already that this one would wait for long.
        """
        key = (kind, pcm_sha256)
        kept = await asyncio.to_thread(self._shelf.get, key)
        if kept is not None:
            return kept
        if self._waiting >= MOST_WAITING:
            raise TooManyRequests(_SOON)
        self._waiting += 1
        try:
            async with self._slots:
                return await asyncio.to_thread(self._make, key, load)
        finally:
            self._waiting -= 1

    def _make(self, key: Key, load: Load) -> bytes:
        kept = self._shelf.get(key)  # another request may have made it meanwhile
        if kept is not None:
            return kept
        made = derive(key[0], load())
        self._shelf.put(key, made)
        return made


class _Memory:
    """The last used ones, as many as fit."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._held = most_bytes, 0
        self._kept: OrderedDict[Key, bytes] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Key) -> bytes | None:
        with self._lock:
            data = self._kept.get(key)
            if data is not None:
                self._kept.move_to_end(key)
            return data

    def put(self, key: Key, data: bytes) -> None:
        with self._lock:
            self._held += len(data) - len(self._kept.pop(key, b""))
            self._kept[key] = data
            while self._held > self._most:
                _, oldest = self._kept.popitem(last=False)
                self._held -= len(oldest)


class _Folder:
    """A file each, named by the clip's hash; its time of change is the time of its last use. Several processes may share it.

    A disk that is full or broken costs time, and nothing else: what cannot be kept is made again.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder, self._most = folder / VERSION, most_bytes
        self._root = folder
        self._held: int | None = None
        """Bytes in the folder as far as this process knows; None before it looked."""

    def get(self, key: Key) -> bytes | None:
        path = self._path(key)
        try:
            data = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        return data

    def put(self, key: Key, data: bytes) -> None:
        path = self._path(key)
        part = path.with_name(f".new-{uuid.uuid4().hex}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                part.write_bytes(data)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
            self._make_room(len(data))
        except OSError as exc:
            log.warning("a derived copy cannot be kept", folder=str(self._root), error=exc.strerror)

    def _make_room(self, added: int) -> None:
        self._held = None if self._held is None else self._held + added
        if self._held is not None and self._held <= self._most:
            return
        files = sorted((used, size, path) for path in self._root.rglob("*") for used, size in _measured(path))
        self._held = sum(size for _, size, _ in files)
        if self._held <= self._most:
            return
        for _, size, path in files:
            if self._held <= self._most * _ROOM:
                break
            path.unlink(missing_ok=True)
            self._held -= size

    def _path(self, key: Key) -> Path:
        kind, digest = key
        return self._folder / digest[:2] / f"{digest}.{kind}"


def _measured(path: Path) -> list[tuple[float, int]]:
    """The last use and the size of a file; nothing of a folder, or of a file that another process removed meanwhile."""
    try:
        stat = path.lstat()
    except OSError:
        return []
    return [(stat.st_mtime, stat.st_size)] if path.is_file() else []
