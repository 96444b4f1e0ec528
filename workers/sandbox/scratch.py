"""A scratch folder: the one that a guest may write, beside a file that it must not reach; removed in time even after a killed worker."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workers.sandbox.locked_tempdir import locked_tempdir

_PREFIX = "guest-"
MAX_FILES = 1_000


@dataclass(frozen=True, slots=True)
class Scratch:
    """`room` is the guest's, `witness` is not."""

    room: Path
    witness: Path

    def bytes_used(self) -> int:
        """Bytes in the guest's files, which lie flat; more than MAX_FILES files count as without end."""
        total = 0
        with os.scandir(self.room) as entries:
            for count, entry in enumerate(entries):
                if count >= MAX_FILES:
                    return 1 << 62
                total += _size(entry)
        return total


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except FileNotFoundError:  # removed meanwhile
        return 0


@contextmanager
def scratch(root: Path) -> Iterator[Scratch]:
    """A fresh scratch folder under `root`."""
    with locked_tempdir(root, _PREFIX) as folder:
        made = Scratch(folder / "room", folder / "witness")
        made.room.mkdir()
        made.witness.write_text("not for the guest", encoding="ascii")
        yield made
