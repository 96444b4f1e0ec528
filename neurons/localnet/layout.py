"""The folder of the local network, and the lock of the process that may empty it."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from scoring.errors import Code, PlatformError
from scoring.receipts.store import StoreLayout

_MARK = ".voice-network"


@dataclass(frozen=True, slots=True)
class Layout:
    """The folder of one local network."""

    root: Path

    @property
    def postgres(self) -> Path:
        """PostgreSQL's cluster."""
        return self.root / "postgres"

    @property
    def redis(self) -> Path:
        """Redis' socket and log."""
        return self.root / "redis"

    @property
    def hub(self) -> Path:
        """The local hub's repositories."""
        return self.root / "hub"

    @property
    def models(self) -> Path:
        """The miners' model folders, before they publish them."""
        return self.root / "models"

    @property
    def wallets(self) -> Path:
        """Everybody's wallets."""
        return self.root / "wallets"

    @property
    def devchain(self) -> Path:
        """The dev chain's file."""
        return self.root / "devchain.sqlite"

    @property
    def logs(self) -> Path:
        """One log a process."""
        return self.root / "logs"

    @property
    def store(self) -> Path:
        """The workers' store: audio and signed receipts."""
        return self.root / "store"

    @property
    def copies(self) -> Path:
        """The API's listening copies and pictures."""
        return self.root / "copies"

    def receipt(self, digest: str) -> Path:
        """The store's file for the receipt of a hash."""
        return StoreLayout(self.store).receipt(digest)

    @property
    def revocations(self) -> Path:
        """The validator's list of revoked certificates; it is not there until one is revoked."""
        return self.root / "revocations.json"

    def worker(self, number: int) -> Path:
        """A worker's caches, its service key and the key's certificate."""
        return self.root / f"worker-{number}"


@contextmanager
def claimed(root: Path, keep: bool) -> Iterator[Layout]:
    """The network's folder, for this process alone: emptied first unless `keep`.

    Raises PlatformError(SETTING_INVALID) when it cannot be written, when another network runs in it, or when it holds files that
    no network put there.
    """
    root = root.resolve()
    with _lock_file(root) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            raise PlatformError(
                Code.SETTING_INVALID, f"another network runs in {root}: stop it, or name another --data."
            ) from exc
        if not keep:
            _empty(root)
        (root / _MARK).touch()
        yield Layout(root)


def _lock_file(root: Path) -> TextIO:
    try:
        root.mkdir(parents=True, exist_ok=True)
        return (root.parent / f".{root.name}.lock").open("w")
    except OSError as exc:
        raise PlatformError(Code.SETTING_INVALID, f"{root} cannot be used ({exc.strerror}): name another --data.") from exc


def _empty(root: Path) -> None:
    if any(root.iterdir()) and not (root / _MARK).exists():
        raise PlatformError(Code.SETTING_INVALID, f"{root} holds files that no network put there: name another --data.")
    for child in root.iterdir():
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child)
        elif child.name != _MARK:
            child.unlink()
