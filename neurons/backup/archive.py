"""A backup's file: a ZIP whose last member, the manifest, has the SHA-256 of every other one. It is whole, or it is not there."""

import errno
import hashlib
import os
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Annotated, Literal

from pydantic import Field, ValidationError

from scoring.errors import Code, PlatformError
from scoring.types import Hotkey, RoundNumber
from voice_api.schemas.wire import Wire

FORMAT = 1
MANIFEST, RULES, STORED = "manifest.json", "competition.toml", "store.txt"
TABLES, COPIES = "tables/", "store/"
"""The names of the members: of the manifest, of the competition's file, of the list of the store's files; and the beginnings of those
of tables and of copies of the store's files."""
_MOST_MANIFEST = 16 << 20
_ENCRYPTED = 1
"""The flag of a member that asks for a password."""
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)
"""What is raised for bytes that are no ZIP's, or not those of one that was written here."""
_PIECE = 1 << 20
_MOST_LINE = 4_096
MOST_FILE = 256 << 20
"""Bytes of one of the store's files, a sound or a receipt."""
Told = Callable[[str], None]
"""Hears each member's name before it is written, read or put back."""


class BackupMember(Wire):
    """One file inside a backup."""

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    bytes: Annotated[int, Field(ge=0)]


class BackedTable(Wire):
    """A table's columns in the order of its member's, and the number of its rows."""

    columns: tuple[str, ...]
    rows: Annotated[int, Field(ge=0)]


class BackedLedger(Wire):
    """The head of a validator's ledger."""

    validator: Hotkey
    round: RoundNumber
    state_hash: str


class BackedStore(Wire):
    """The store's files at that moment: all are named, and may be copied, too."""

    place: str
    files: Annotated[int, Field(ge=0)]
    bytes: Annotated[int, Field(ge=0)]
    copied: bool


class BackupManifest(Wire):
    """What a backup holds, of when, and by which release."""

    format: Literal[1]
    made_at: datetime
    version: Annotated[str, Field(description="Of the release that wrote it.")]
    schema_revision: str
    tables: Annotated[Mapping[str, BackedTable], Field(description="In the order in which they are put back.")]
    ledgers: tuple[BackedLedger, ...]
    competition: Annotated[bool, Field(description="Whether the competition's file is in it.")]
    store: Annotated[BackedStore | None, Field(description="Null where there was no store.")]
    members: Mapping[str, BackupMember]


class HashedMember:
    """A member that is being written; a file as far as COPY asks."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out, self._hash, self._bytes = out, hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        """Append to it."""
        self._hash.update(data)
        self._bytes += len(data)
        return self._out.write(data)

    @property
    def written(self) -> BackupMember:
        """What was written so far."""
        return BackupMember(sha256=self._hash.hexdigest(), bytes=self._bytes)


class ArchiveWriter:
    """A backup that is being written: members one after the other."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.members: dict[str, BackupMember] = {}

    @contextmanager
    def member(self, name: str, *, packed: bool = True) -> Iterator[HashedMember]:
        """A member to write; `packed`: made smaller, unlike what is small already."""
        info = zipfile.ZipInfo(name)  # without the time: equal content is equal bytes
        info.external_attr = 0o600 << 16
        info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        with self._archive.open(info, "w", force_zip64=True) as out:
            hashed = HashedMember(out)
            yield hashed
        self.members[name] = hashed.written

    def add(self, name: str, data: bytes, *, packed: bool = True) -> None:
        """Write a member whose bytes are at hand."""
        with self.member(name, packed=packed) as out:
            out.write(data)

    def close(self, manifest: BackupManifest) -> None:
        """Write the manifest, last."""
        self._archive.writestr(zipfile.ZipInfo(MANIFEST), manifest.model_dump_json(indent=1))


@contextmanager
def new_archive(path: Path) -> Iterator[ArchiveWriter]:
    """Write a backup that nobody else can read, and that gets its name once it is on the disk and was read back whole.

    Raises PlatformError(BACKUP_NOT_WRITTEN) where the disk is full or refuses; then, as after any other error, nothing is left.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        unfinished.unlink(missing_ok=True)  # of a process that was killed
        with open(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600), "wb") as file:  # noqa: PTH123 - with the mode from its first byte on
            with zipfile.ZipFile(file, "w") as archive:
                yield ArchiveWriter(archive)
            file.flush()
            os.fsync(file.fileno())
        Archive(unfinished).check()
        unfinished.replace(path)
        _keep_name(path.parent)
    except OSError as exc:
        raise PlatformError(Code.BACKUP_NOT_WRITTEN, _why(path, exc)) from exc
    finally:
        with suppress(OSError):  # where the folder is none, nothing is left either
            unfinished.unlink(missing_ok=True)


def _keep_name(folder: Path) -> None:
    """Let the new name survive a crash of the machine."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _why(path: Path, error: OSError) -> str:
    try:
        room = f"; {shutil.disk_usage(path.parent).free / 1e6:,.0f} MB are free there"
    except OSError:
        room = ""
    return f"{path} cannot be written ({error.strerror}{room})"


class Archive:
    """A backup that is there. Every method raises PlatformError(BACKUP_DAMAGED), with the file and the member that does not hold."""

    def __init__(self, path: Path) -> None:
        """Raises PlatformError(ARGUMENT_INVALID) for a file that cannot be read."""
        self.path = path
        try:
            with path.open("rb"), self._opened() as archive:
                names = self._names(archive)
                text = archive.open(MANIFEST).read(_MOST_MANIFEST) if MANIFEST in names else b""
        except OSError as exc:
            if exc.errno == errno.EINVAL:  # a member that begins before the file does
                raise PlatformError(Code.BACKUP_DAMAGED, f"{path} is no backup, or not whole") from exc
            raise PlatformError(Code.ARGUMENT_INVALID, f"{path} cannot be read ({exc.strerror})") from exc
        try:
            self.manifest = BackupManifest.model_validate_json(text)
        except ValidationError as exc:
            first = exc.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise self._damaged(MANIFEST, f"{where} {first['msg']}".strip()) from exc
        if sorted(names) != sorted({*self.manifest.members, MANIFEST}):
            raise self._damaged(MANIFEST, "it names other files than are there")
        if missing := [name for name in self.manifest.tables if f"{TABLES}{name}" not in names]:
            raise self._damaged(MANIFEST, f"it names the table {missing[0]}, which is not there")

    def check(self, told: Told = lambda _: None) -> None:
        """Read every member, and compare it with the manifest."""
        for name in self.manifest.members:
            told(name)
            with self.member(name) as source:
                while source.read(_PIECE):
                    pass

    @contextmanager
    def member(self, name: str) -> Iterator["CheckedMember"]:
        """A member's bytes; at the end it is found out whether they are those that were written."""
        with self._opened() as archive:
            try:
                with archive.open(name) as raw:
                    source = CheckedMember(raw)
                    yield source
                    while source.read(_PIECE):
                        pass
            except _UNREADABLE as exc:
                raise self._damaged(name, "it cannot be unpacked") from exc
        if source.seen != self.manifest.members[name]:
            raise self._damaged(name, "its bytes are not those that were written")

    def lines(self, name: str) -> Iterator[str]:
        """The lines of a member, in bounded memory."""
        rest = b""
        with self.member(name) as source:
            while piece := source.read(_PIECE):
                *whole, rest = (rest + piece).split(b"\n")
                yield from (self._text(name, line) for line in whole)
                if len(rest) > _MOST_LINE:
                    raise self._damaged(name, "one of its lines is too long")
        if rest:
            yield self._text(name, rest)

    def copied_file(self, name: str) -> bytes:
        """A copy of one of the store's files: none is longer than so many bytes that they fit into memory."""
        with self.member(f"{COPIES}{name}") as source:
            data = source.read(MOST_FILE + 1)
            if len(data) > MOST_FILE:
                raise self._damaged(f"{COPIES}{name}", f"it has more than {MOST_FILE:,} bytes, and no file of a store has")
            return data

    def _text(self, name: str, line: bytes) -> str:
        try:
            return line.decode()
        except UnicodeDecodeError as exc:
            raise self._damaged(name, "it is no text") from exc

    @contextmanager
    def _opened(self) -> Iterator[zipfile.ZipFile]:
        try:
            with zipfile.ZipFile(self.path) as archive:
                yield archive
        except _UNREADABLE as exc:
            raise PlatformError(Code.BACKUP_DAMAGED, f"{self.path} is no backup, or not whole") from exc

    def _names(self, archive: zipfile.ZipFile) -> list[str]:
        """The members' names, each of which can be read, and leads to no place outside a store."""
        for each in archive.infolist():
            if each.flag_bits & _ENCRYPTED:
                raise self._damaged(each.filename, "it asks for a password, and no backup has one")
            if {"..", ""}.intersection(each.filename.split("/")):
                raise self._damaged(each.filename, "its name leads out of the backup")
        return archive.namelist()

    def _damaged(self, member: str, why: str) -> PlatformError:
        return PlatformError(Code.BACKUP_DAMAGED, f"{self.path}, {member}: {why}")


class CheckedMember:
    """A member that is being read."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source, self._hash, self._bytes = source, hashlib.sha256(), 0

    def read(self, most: int = -1) -> bytes:
        """The next bytes, at most so many."""
        data = self._source.read(most)
        self._hash.update(data)
        self._bytes += len(data)
        return data

    @property
    def seen(self) -> BackupMember:
        """What was read so far."""
        return BackupMember(sha256=self._hash.hexdigest(), bytes=self._bytes)
