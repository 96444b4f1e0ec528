"""Download the files of a repository, each checked against what the hub listed."""

import hashlib
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from scoring.errors import Code, InfrastructureFault
from workers.hub.refusal import check_file
from workers.hub.repository import RepoFile
from workers.hub.transport import HubBroken, Session

_CHUNK_BYTES = 1 << 20
_RESUMES = 5
"""Connections that one file may lose."""

OnBytes = Callable[[int, int], None]
"""Called with bytes done and their total; every fetched byte counts twice, once fetched and once checked."""


class Damaged(InfrastructureFault):
    """A file that differs from the hub's announcement."""

    def __init__(self, detail: str) -> None:
        super().__init__(Code.DOWNLOAD_INTERRUPTED, detail)


class Meter:
    """Counts bytes, passes them on, and ends a download that brings too many or takes too long."""

    def __init__(self, total: int, seconds: float, on_bytes: OnBytes) -> None:
        self._total, self._deadline, self._on_bytes = total, time.monotonic() + seconds, on_bytes
        self._done = self._left = 0

    def start(self, file_bytes: int) -> None:
        """Expect a file of so many bytes."""
        self._left = file_bytes

    def fetched(self, count: int) -> None:
        """Count bytes that came; raises InfrastructureFault for more than the file has."""
        self._left -= count
        if self._left < 0:
            raise InfrastructureFault(Code.DOWNLOAD_INTERRUPTED, "the hub sends more bytes than it announced")
        self.checked(count)

    def checked(self, count: int) -> None:
        """Count bytes that were read again; raises InfrastructureFault past the deadline."""
        if time.monotonic() > self._deadline:
            raise InfrastructureFault(Code.DOWNLOAD_INTERRUPTED, "the download takes too long")
        self._done += count
        self._on_bytes(min(self._done, self._total), self._total)


def fetch(session: Session, url: str, file: RepoFile, path: Path, meter: Meter) -> None:
    """Bring a file into `path`, which is new; where a connection breaks off, the next one goes on there, a few times.

    Raises HubRefusal(REPO_NOT_PUBLIC) and InfrastructureFault.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    meter.start(file.size)
    with path.open("xb") as target:
        why = f"the hub gives less of {file.path} than it lists"
        for _ in range(_RESUMES + 1):
            try:
                _append(session, url, file, target, meter)
            except HubBroken as broken:
                why = broken.detail
            if target.tell() == file.size:
                return
    raise InfrastructureFault(Code.DOWNLOAD_INTERRUPTED, why)


def _append(session: Session, url: str, file: RepoFile, target: BinaryIO, meter: Meter) -> None:
    start = target.tell()
    with session.get(url, {"Range": f"bytes={start}-"} if start else {}) as answer:
        check_file(answer, file, start, file.size)
        for chunk in _gathered(answer.body):
            meter.fetched(len(chunk))
            target.write(chunk)


def _gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The bytes in larger chunks: each is told to a database. What came before a failure comes before it here, too."""
    chunk = bytearray()
    try:
        for piece in pieces:
            chunk += piece
            if len(chunk) >= _CHUNK_BYTES:
                yield bytes(chunk)
                chunk.clear()
    except HubBroken:
        yield bytes(chunk)
        raise
    yield bytes(chunk)


def check(path: Path, file: RepoFile, meter: Meter) -> None:
    """Compare a fetched file with the hub's announcement: a plain file, its size, its SHA-256 or git blob id; or raise Damaged."""
    found = path.lstat() if path.exists() else None
    if found is None or not stat.S_ISREG(found.st_mode) or found.st_size != file.size:
        raise Damaged(f"{file.path} is not what the hub announced")
    with path.open("rb") as source:
        chunks = iter(lambda: source.read(_CHUNK_BYTES), b"")
        if not is_content(file, _metered(chunks, meter)):
            raise Damaged(f"{file.path} does not match its checksum")


def is_content(file: RepoFile, chunks: Iterator[bytes]) -> bool:
    """Whether bytes are the listed file's, by its SHA-256 or else its git blob id."""
    digest = hashlib.sha256() if file.sha256 else hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest() == (file.sha256 or file.blob_id)


def _metered(chunks: Iterator[bytes], meter: Meter) -> Iterator[bytes]:
    for chunk in chunks:
        meter.checked(len(chunk))
        yield chunk
