"""A miner's journal: a file that only grows, one line a record, on disk before anything else happens. One process writes it."""

import fcntl
import os
from pathlib import Path
from typing import BinaryIO, Self

from neurons.miner.journal_records import JournalState, Record, after, decode, encode, remember
from scoring.errors import Code, PlatformError


class Journal:
    """The records of one hotkey on one chain, and the state that they add up to.

    Raises PlatformError(SETTING_INVALID) when it cannot be used, or when another process holds it.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = path.open("a+b")
        except OSError as exc:
            raise _unusable(path, f"cannot be used ({exc.strerror}): name another VOICE_DATA") from exc
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.state: JournalState = remember(self._read(path))
        except BlockingIOError as exc:
            self._file.close()
            raise _unusable(path, "is held by another miner: one a hotkey, or both would commit") from exc
        except ValueError as exc:
            self._file.close()
            raise _unusable(path, "holds a line that no version wrote: move it away to begin anew") from exc

    def write(self, record: Record) -> None:
        """Add a record; it is on disk when this returns."""
        self._file.write(encode(record) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.state = after(self.state, record)

    def __enter__(self) -> Self:
        """Hold it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let another process have it."""
        self._file.close()

    def _read(self, path: Path) -> list[Record]:
        """Read all whole lines. The rest of a line that a kill left was never acted upon: it is cut off."""
        data = path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            self._file.truncate(whole)
        return [decode(line) for line in data[:whole].splitlines()]


def _unusable(path: Path, why: str) -> PlatformError:
    return PlatformError(Code.SETTING_INVALID, f"The journal {path} {why}.")
