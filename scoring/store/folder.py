"""Files in a folder, which the processes of a host or of a shared disk have in common."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from scoring.errors import Code, InfrastructureFault
from scoring.store.files import NotStored, StoredFile

_NEW, _GOING = ".new-", ".going-"
"""The beginnings of names that no reader sees: of a file that is not whole yet, and of one that is looked at before it goes."""


class FolderFiles:
    """The `StoredFiles` of a folder; the parts of a name are folders, the last one is the file's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __str__(self) -> str:
        """The folder, as messages name it."""
        return str(self._folder)

    def look(self, name: str) -> StoredFile | None:
        """What is kept under a name, or None where nothing is."""
        with _asking(self._folder / name, "read"):
            try:
                found = (self._folder / name).stat()
            except (FileNotFoundError, NotADirectoryError):
                return None
        return _stored(name, found)

    def read(self, name: str, most: int | None = None) -> bytes:
        """A file's bytes, at most the first `most`; raises NotStored."""
        return self._bytes(name, 0, -1 if most is None else most)

    def read_part(self, name: str, first: int, last: int) -> bytes:
        """A file's bytes from `first` to `last`, both included; raises NotStored."""
        return self._bytes(name, first, last - first + 1)

    def write(self, name: str, data: bytes) -> None:
        """Write under a name of its own first; the data is on the disk when it gets the file's name."""
        path = self._folder / name
        part = path.with_name(f"{_NEW}{uuid.uuid4().hex}")
        with _asking(path, "written"):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with part.open("xb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)

    def each(self, prefix: str) -> Iterator[StoredFile]:
        """Every file under a prefix; what a process that died left half-written is no file."""
        yield from self._below(prefix.rstrip("/"))

    def remove(self, name: str, written_before: datetime) -> bool:
        """Take the name away, look at what had it, and give it back to a file that was written meanwhile.

        A writer that comes between finds no file, and writes it again: nothing that somebody has just kept is lost.
        """
        path = self._folder / name
        going = path.with_name(f"{_GOING}{uuid.uuid4().hex}")
        with _asking(path, "removed"):
            try:
                path.rename(going)
            except (FileNotFoundError, NotADirectoryError):
                return False
            try:
                found = _stored(name, going.stat())
            except FileNotFoundError:
                return True  # another that removes leftovers took it for one: it is as old as the file was
            if found.written >= written_before:
                going.replace(path)
                return False
            going.unlink(missing_ok=True)
        return True

    def remove_leftovers(self, prefix: str, written_before: datetime) -> int:
        """Remove what processes that died left half-written or half-removed; the number of files."""
        removed = 0
        with _asking(self._folder / prefix, "read"):
            for path in (self._folder / prefix).rglob(".*"):
                with suppress(FileNotFoundError):  # its writer has just named it, or another has removed it
                    if path.name.startswith((_NEW, _GOING)) and _stored(path.name, path.stat()).written < written_before:
                        path.unlink()
                        removed += 1
        return removed

    def _bytes(self, name: str, first: int, count: int) -> bytes:
        with _asking(self._folder / name, "read"):
            try:
                with (self._folder / name).open("rb") as file:
                    file.seek(first)
                    return file.read(count)
            except (FileNotFoundError, NotADirectoryError) as exc:
                raise NotStored(name) from exc

    def _below(self, name: str) -> Iterator[StoredFile]:
        with _asking(self._folder / name, "read"):
            try:
                entries = os.scandir(self._folder / name)
            except (FileNotFoundError, NotADirectoryError):
                return
            with entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        yield from self._below(f"{name}/{entry.name}")
                    elif not entry.name.startswith("."):
                        yield from _still_there(f"{name}/{entry.name}", entry)


def _still_there(name: str, entry: os.DirEntry[str]) -> Iterator[StoredFile]:
    """The file, unless it was removed since its folder was listed."""
    try:
        yield _stored(name, entry.stat())
    except FileNotFoundError:
        return


def _stored(name: str, found: os.stat_result) -> StoredFile:
    return StoredFile(name, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


@contextmanager
def _asking(path: Path, done: str) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise InfrastructureFault(Code.STORE_UNAVAILABLE, f"{path.parent} cannot be {done} ({exc.strerror})") from exc
