"""A ledger to export, join or compare: this validator's own, another's behind its API, or one in a file."""

from collections.abc import AsyncIterator
from typing import Protocol

from neurons.api_client.client import VoiceApi
from neurons.validator.evidence import Evidence
from scoring.errors import Code, PlatformError
from scoring.types import Hotkey, RoundNumber
from voice_api.db.ledger import Ledger, LedgerEntry
from voice_api.db.rounds import RoundEvidence
from voice_api.schemas import MOST_ROWS

_PAGE = 50


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
