"""A ledger in a file: one line of JSON a round, with the entry and its evidence."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

from pydantic import Field, ValidationError

from neurons.validator.follow.ledger_source import LedgerSource
from scoring.errors import Code, PlatformError
from scoring.types import Hotkey, RoundNumber
from voice_api.db.ledger import LedgerEntry
from voice_api.db.rounds import RoundEvidence
from voice_api.schemas.evidence import EvidenceOut
from voice_api.schemas.ledger import LedgerEntryOut
from voice_api.schemas.wire import Wire

VERSION = 1
MOST_BYTES = 256 << 20
"""The longest line that is read."""


class FileLine(Wire):
    """One round. Without evidence it shows the entry and proves nothing."""

    version: Annotated[Literal[1], Field(description="Of this format.")]
    entry: LedgerEntryOut
    evidence: EvidenceOut | None


async def write(source: LedgerSource, validator: Hotkey, out: BinaryIO) -> int:
    """Write a ledger, round by round; returns the number of rounds."""
    count = 0
    async for entry in source.entries():
        found = await source.evidence(entry.round)
        published = None if found is None else EvidenceOut.of(found)
        line = FileLine(version=VERSION, entry=LedgerEntryOut.whole(validator, entry), evidence=published)
        out.write(line.model_dump_json().encode() + b"\n")
        count += 1
    return count


async def save(source: LedgerSource, validator: Hotkey, path: Path) -> int:
    """Write a ledger to a file that appears only when it is whole; returns the number of rounds."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with unfinished.open("wb") as out:
            count = await write(source, validator, out)
        unfinished.replace(path)
    except OSError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{path} cannot be written ({exc.strerror})") from exc
    finally:
        unfinished.unlink(missing_ok=True)
    return count


class FileLedger:
    """The ledger in a file that `write` made. The file is read through once; after that each round is read where it stands."""

    def __init__(self, path: Path) -> None:
        """Raises PlatformError(LEDGER_INVALID) with the first line that is not of a ledger's file, ARGUMENT_INVALID for no file."""
        self.name, self._path = str(path), path
        self._at: dict[RoundNumber, tuple[int, str]] = {}
        try:
            with path.open("rb") as file:
                self._index(file)
        except OSError as exc:
            raise PlatformError(Code.ARGUMENT_INVALID, f"{path} cannot be read ({exc.strerror})") from exc

    async def hashes(self) -> AsyncIterator[tuple[RoundNumber, str]]:
        """Round and hash of each entry, oldest first."""
        for number, (_, state_hash) in self._at.items():
            yield number, state_hash

    async def entries(self, after: RoundNumber | None = None) -> AsyncIterator[LedgerEntry]:
        """Entries of the rounds above `after`, oldest first."""
        for number in self._at:
            if after is None or number > after:
                yield self._line(number).entry.entry()

    async def entry(self, number: RoundNumber) -> LedgerEntry:
        """The entry of one round."""
        return self._line(number).entry.entry()

    async def evidence(self, number: RoundNumber) -> RoundEvidence | None:
        """The evidence of a round."""
        published = self._line(number).evidence
        return None if published is None else published.evidence()

    def _index(self, file: BinaryIO) -> None:
        start, last = 0, RoundNumber(-1)
        for count, raw in enumerate(iter(lambda: file.readline(MOST_BYTES), b""), 1):
            entry = self._parsed(raw, f"line {count}").entry
            if entry.round <= last:
                raise PlatformError(
                    Code.LEDGER_INVALID, f"{self.name}: round {entry.round} does not come after the one before it"
                )
            self._at[entry.round] = start, entry.state_hash
            start, last = start + len(raw), entry.round

    def _line(self, number: RoundNumber) -> FileLine:
        if number not in self._at:
            raise PlatformError(Code.NOT_FOUND, f"{self.name} has no round {number}")
        with self._path.open("rb") as file:
            file.seek(self._at[number][0])
            return self._parsed(file.readline(MOST_BYTES), f"round {number}")

    def _parsed(self, raw: bytes, where: str) -> FileLine:
        try:
            return FileLine.model_validate_json(raw)
        except ValidationError as exc:
            first = exc.errors()[0]
            what = ".".join(str(part) for part in first["loc"])
            raise PlatformError(Code.LEDGER_INVALID, f"{self.name}, {where}: {what or 'it'}: {first['msg']}") from exc
