"""A folder of one's own for a while: removed afterwards, in time also after a process that was killed."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scoring.errors import Code, InfrastructureFault


@contextmanager
def locked_tempdir(root: Path, prefix: str) -> Iterator[Path]:
    """A fresh folder under `root`, locked for as long as it is in use; leftovers of others under this prefix are removed.

    Raises InfrastructureFault(STORE_UNAVAILABLE) where no folder can be made there.
    """
    try:
        folder, lock = _made(root, prefix)
    except OSError as exc:
        raise InfrastructureFault(Code.STORE_UNAVAILABLE, f"nothing can be written below {root}: {exc.strerror}") from exc
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _made(root: Path, prefix: str) -> tuple[Path, int]:
    """The new folder, and the open file that holds its lock."""
    root.mkdir(parents=True, exist_ok=True)
    with locked(root, fcntl.LOCK_EX):  # else another's sweep could remove the new folder before it is locked
        _sweep(root, prefix)
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=root))
        lock = _open(folder)
        fcntl.flock(lock, fcntl.LOCK_EX)
    return folder, lock


def _sweep(root: Path, prefix: str) -> None:
    """Remove the leftovers of killed processes: folders that nobody holds locked."""
    for folder in root.glob(f"{prefix}*"):
        try:
            with locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB):
                shutil.rmtree(folder, ignore_errors=True)
        except (FileNotFoundError, BlockingIOError):
            continue


@contextmanager
def locked(folder: Path, how: int) -> Iterator[None]:
    """Hold a lock (`fcntl.LOCK_…`) on a folder that is there; raises BlockingIOError where LOCK_NB is asked for and another holds it."""
    lock = _open(folder)
    try:
        fcntl.flock(lock, how)
        yield
    finally:
        os.close(lock)


def _open(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
