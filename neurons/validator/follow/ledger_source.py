"""A ledger to export, join or compare: this validator's own, another's behind its API, or one in a file, a line a round."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO, Literal, Protocol

from pydantic import Field, ValidationError

from neurons.api_client.client import VoiceApi
from neurons.validator.evidence import Evidence
from scoring.errors import Code, PlatformError
from scoring.types import Hotkey, RoundNumber
from voice_api.db.ledger import Ledger, LedgerEntry
from voice_api.db.rounds import RoundEvidence
from voice_api.schemas import MOST_ROWS
from voice_api.schemas.ledger import LedgerEntryOut
from voice_api.schemas.rounds import EvidenceOut
from voice_api.schemas.wire import Wire

_PAGE = 50
VERSION = 1
MOST_BYTES = 256 << 20
"""The longest line that is read."""


class LedgerSource(Protocol):
    """One validator's ledger. Every method raises a named outage when the database, API or file below it does not answer."""

    @property
    def name(self) -> str:
        """Its name for people."""
        ...

    def hashes(self) -> AsyncIterator[tuple[RoundNumber, str]]:
        """Round and hash of each entry, oldest first."""
        ...

    def entries(self, after: RoundNumber | None = None) -> AsyncIterator[LedgerEntry]:
        """Entries of the rounds above `after`, oldest first."""
        ...

    async def entry(self, number: RoundNumber) -> LedgerEntry:
        """The entry of one round; raises PlatformError(NOT_FOUND)."""
        ...

    async def evidence(self, number: RoundNumber) -> RoundEvidence | None:
        """The evidence of a round; None where it is not kept."""
        ...


class OwnLedger:
    """The ledger in this database; its evidence may be elsewhere."""

    name = "own"

    def __init__(self, ledger: Ledger, evidence: Evidence) -> None:
        self._ledger, self._evidence = ledger, evidence

    async def hashes(self) -> AsyncIterator[tuple[RoundNumber, str]]:
        """Round and hash of each entry, oldest first."""
        after: RoundNumber | None = None
        while lines := await self._ledger.outline(after, MOST_ROWS):
            for line in lines:
                yield line.round, line.state_hash
            after = lines[-1].round

    async def entries(self, after: RoundNumber | None = None) -> AsyncIterator[LedgerEntry]:
        """Entries of the rounds above `after`, oldest first."""
        while page := await self._ledger.page(after, _PAGE):
            for entry in page:
                yield entry
            after = page[-1].round

    async def entry(self, number: RoundNumber) -> LedgerEntry:
        """The entry of one round."""
        return await self._ledger.get(number)

    async def evidence(self, number: RoundNumber) -> RoundEvidence | None:
        """The evidence of a round."""
        return await _kept(self._evidence, number)


class RemoteLedger:
    """A ledger that an API publishes: its own validator's, or that of a hotkey."""

    def __init__(self, url: str, api: VoiceApi, evidence: Evidence, validator: Hotkey | None = None) -> None:
        self.name, self._api, self._evidence, self._validator = url, api, evidence, validator

    async def hashes(self) -> AsyncIterator[tuple[RoundNumber, str]]:
        """Round and hash of each entry, oldest first."""
        async for number, state_hash in self._hashes(None):
            yield number, state_hash

    async def entries(self, after: RoundNumber | None = None) -> AsyncIterator[LedgerEntry]:
        """Entries of the rounds above `after`, oldest first."""
        async for number, _ in self._hashes(after):
            yield await self.entry(number)

    async def entry(self, number: RoundNumber) -> LedgerEntry:
        """The entry of one round."""
        return (await self._api.ledger_entry(number, self._validator)).entry()

    async def evidence(self, number: RoundNumber) -> RoundEvidence | None:
        """The evidence of a round."""
        return await _kept(self._evidence, number)

    async def _hashes(self, after: RoundNumber | None) -> AsyncIterator[tuple[RoundNumber, str]]:
        while True:
            page = await self._api.ledger(after, MOST_ROWS, self._validator)
            for line in page.items:
                yield line.round, line.state_hash
            if page.next is None:
                return
            after = page.next


async def _kept(evidence: Evidence, number: RoundNumber) -> RoundEvidence | None:
    try:
        return await evidence.of(number)
    except PlatformError as missing:
        if missing.code is not Code.NOT_FOUND:
            raise
        return None


class FileLine(Wire):
    """One round. Without evidence it shows the entry and proves nothing."""

    version: Annotated[Literal[1], Field(description="Of this format.")]
    entry: LedgerEntryOut
    evidence: EvidenceOut | None


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


@dataclass(frozen=True, slots=True)
class WrittenLedger:
    """The numbers of rounds that were written, and of those among them whose receipts are not all there: nobody can join by these."""

    rounds: int
    unproved: int


def lacking(entry: LedgerEntry, found: RoundEvidence | None) -> frozenset[str]:
    """The hashes of the receipts that an entry counts, and the evidence of its round does not have."""
    receipts = () if found is None else found.results
    return frozenset(entry.inputs.counted) - {str(result.receipt_hash) for result in receipts if result.receipt is not None}


async def write(source: LedgerSource, validator: Hotkey, out: BinaryIO) -> WrittenLedger:
    """Write a ledger, round by round."""
    count, unproved = 0, 0
    async for entry in source.entries():
        found = await source.evidence(entry.round)
        unproved += bool(lacking(entry, found))
        published = None if found is None else EvidenceOut.of(found)
        line = FileLine(version=VERSION, entry=LedgerEntryOut.whole(validator, entry), evidence=published)
        out.write(line.model_dump_json().encode() + b"\n")
        count += 1
    return WrittenLedger(count, unproved)


async def save(source: LedgerSource, validator: Hotkey, path: Path) -> WrittenLedger:
    """Write a ledger to a file that appears only when it is whole."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with unfinished.open("wb") as out:
            written = await write(source, validator, out)
        unfinished.replace(path)
    except OSError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{path} cannot be written ({exc.strerror})") from exc
    finally:
        unfinished.unlink(missing_ok=True)
    return written
