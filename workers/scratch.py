"""The one folder a guest may write, beside a file that it must not reach; removed afterwards, in time also after a killed worker."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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
    """A fresh scratch folder under `root`, locked for as long as it is in use."""
    root.mkdir(parents=True, exist_ok=True)
    _sweep(root)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = Scratch(folder / "room", folder / "witness")
        made.room.mkdir()
        made.witness.write_text("not for the guest", encoding="ascii")
        yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _sweep(root: Path) -> None:
    """Remove what killed workers left: folders that nobody holds locked."""
    for folder in root.glob(f"{_PREFIX}*"):
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(lock)
