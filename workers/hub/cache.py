"""Downloaded artifacts by their content, under a cap: the least lately used goes first, and none that is in use.

An artifact is a folder of files at a pinned revision: `root/<namespace>/<name>/<revision>`. It appears complete or not at all, and
goes the same way, whichever processes of this host share the root: renames show it and hide it, and locks of the kernel, which end
with the process that holds them, say what is in use.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from scoring.errors import Code, InfrastructureFault
from workers.sandbox.locked_tempdir import locked, locked_tempdir

log = structlog.get_logger()

_PART = ".part-"
_GONE = ".gone-"
_LOCKS = ".locks"
_REVISIONS = "[!.]*/*/*"


class ArtifactCache:
    """`cap_bytes` bounds everything under `root` whenever nothing is in use; None is no bound."""

    def __init__(self, root: Path, cap_bytes: int | None = None) -> None:
        self._root, self._cap_bytes = root, cap_bytes

    def folder(self, repo: str, revision: str) -> Path:
        """The folder of an artifact once it is complete."""
        return self._root / repo / revision

    @contextmanager
    def pin(self, repo: str, revision: str) -> Iterator[None]:
        """Nobody removes this artifact, there already or not, for as long as the context lasts."""
        lock = self._hold(self.folder(repo, revision))
        try:
            yield
        finally:
            os.close(lock)
            self._tidy(self.folder(repo, revision))

    def _tidy(self, folder: Path) -> None:
        """After use. What was done with the artifact stands, signed perhaps: a full or broken disk must not undo it."""
        try:
            with locked(self._root, fcntl.LOCK_EX):
                self._is_free(folder)  # then its lock file goes
            self.make_room(0)
        except (OSError, InfrastructureFault) as exc:
            why = exc.strerror if isinstance(exc, OSError) else exc.detail
            log.warning("the cache of models cannot be tidied", code=Code.STORE_UNAVAILABLE, folder=str(self._root), why=why)

    @contextmanager
    def part(self) -> Iterator[Path]:
        """A folder to make an artifact in; its leftovers, and those of killed processes, are removed."""
        with locked_tempdir(self._root, _PART) as folder:
            yield folder

    def find(self, repo: str, revision: str) -> Path | None:
        """An artifact that is there, which counts as used now; its files are as sound as the disk."""
        folder = self.folder(repo, revision)
        try:
            os.utime(folder)
        except FileNotFoundError:
            return None
        return folder

    def keep(self, made: Path, repo: str, revision: str, *, replace: bool) -> Path:
        """Show a complete artifact. Where another process was faster, its own is the one, unless it is to be replaced."""
        target = self.folder(repo, revision)
        _write_through(made)
        with locked_tempdir(self._root, _GONE) as bin_, locked(self._root, fcntl.LOCK_EX):
            if replace:
                _move(target, bin_)
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.is_dir():
                made.rename(target)
        return target

    def make_room(self, n_bytes: int) -> None:
        """Remove the least lately used artifacts until `n_bytes` more fit under the cap, or everything left is in use."""
        if self._cap_bytes is None or self._bytes() + n_bytes <= self._cap_bytes:
            return
        with locked_tempdir(self._root, _GONE) as bin_, locked(self._root, fcntl.LOCK_EX):
            for folder in sorted(self._root.glob(_REVISIONS), key=_last_used):
                if self._bytes() + n_bytes <= self._cap_bytes:
                    break
                if self._is_free(folder):
                    _move(folder, bin_)

    def _bytes(self) -> int:
        """The bytes that lie here, unfinished downloads included; artifacts on their way out do not count."""
        tops = (top for top in self._root.glob("*") if not top.name.startswith(_GONE))
        walked = (found for top in tops for found in os.walk(top))  # which passes over what another process removes meanwhile
        return sum(_size(Path(folder, name)) for folder, _, names in walked for name in names)

    def _hold(self, folder: Path) -> int:
        self._root.mkdir(parents=True, exist_ok=True)
        with locked(self._root, fcntl.LOCK_EX):
            path = self._lock_file(folder)
            path.parent.mkdir(exist_ok=True)
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_SH)  # at once: it is taken exclusively under the root's lock alone
        return lock

    def _is_free(self, folder: Path) -> bool:
        """Whether nobody holds it; asked under the root's lock. A lock file without a holder has served."""
        path = self._lock_file(folder)
        try:
            lock = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
        except BlockingIOError:
            return False
        finally:
            os.close(lock)
        return True

    def _lock_file(self, folder: Path) -> Path:
        return self._root / _LOCKS / hashlib.sha256(str(folder.relative_to(self._root)).encode()).hexdigest()


def _last_used(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size if path.is_file() else 0
    except FileNotFoundError:  # a download's own file, renamed meanwhile
        return 0


def _move(folder: Path, bin_: Path) -> None:
    """Out of sight at once; the bin's own end removes the files."""
    if folder.is_dir():
        folder.rename(bin_ / hashlib.sha256(str(folder).encode()).hexdigest())
        for parent in (folder.parent, folder.parent.parent):
            if not any(parent.iterdir()):
                parent.rmdir()


def _write_through(folder: Path) -> None:
    """To the disk, before the name: after a power cut there must be no artifact with holes."""
    for path in [*folder.rglob("*"), folder]:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
