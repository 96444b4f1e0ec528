"""What a place that keeps files can do, whatever it is."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class NotStored(LookupError):
    """There is no file of this name."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in a store: its name, with slashes between the parts, its size in bytes, and when it was written."""

    name: str
    size: int
    written: datetime


class StoredFiles(Protocol):
    """A place that keeps files by name. A reader finds a file whole, or not at all.

    Every method raises InfrastructureFault(STORE_UNAVAILABLE), within a bounded time, when the place does not answer as it should.
    """

    def look(self, name: str) -> StoredFile | None:
        """What is kept under a name, or None where nothing is."""
        ...

    def read(self, name: str, most: int | None = None) -> bytes:
        """A file's bytes, at most the first `most`; raises NotStored."""
        ...

    def read_part(self, name: str, first: int, last: int) -> bytes:
        """A file's bytes from `first` to `last`, both counted from 0 and included; raises NotStored. `last` lies inside the file."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """Keep a file, in place of one of this name; it is durable when this returns."""
        ...

    def each(self, prefix: str) -> Iterator[StoredFile]:
        """Every file under a prefix (a name's first parts), in no order, in bounded memory however many they are."""
        ...

    def remove(self, name: str, written_before: datetime) -> bool:
        """Remove a file unless it was written again since; False where it is not there, or is newer."""
        ...

    def remove_leftovers(self, prefix: str, written_before: datetime) -> int:
        """Remove what processes that died left half-written or half-removed; the number of files."""
        ...
