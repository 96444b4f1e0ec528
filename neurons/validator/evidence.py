"""A validator's evidence: from its own database, or from the API of a validator that it follows. It folds the same from either."""

from typing import Protocol

from neurons.api_client.client import VoiceApi
from scoring.types import RoundNumber
from voice_api.db.rounds import RoundEvidence, Rounds
from voice_api.db.states import RoundState
from voice_api.schemas import MOST_ROWS


class Evidence(Protocol):
    """Rounds as they were judged."""

    async def next(self, after: RoundNumber | None) -> RoundEvidence | None:
        """The round to fold after this one (None: the first of all). None while it is open, or not opened.

        Raises a named outage (DatabaseUnavailable, ApiUnavailable).
        """
        ...

    async def of(self, number: RoundNumber) -> RoundEvidence:
        """One round as it stands; raises PlatformError(NOT_FOUND), and outages as `next`."""
        ...

    async def closed(self, since: RoundNumber) -> frozenset[RoundNumber]:
        """The closed rounds from this one on; raises outages as `next`."""
        ...


class OwnEvidence:
    """The evidence of this validator's own workers."""

    def __init__(self, rounds: Rounds) -> None:
        self._rounds = rounds

    async def next(self, after: RoundNumber | None) -> RoundEvidence | None:
        """The oldest round above, once it is closed."""
        found = await self._rounds.page(after, 1)
        return await self.of(found[0].round) if found and found[0].state is RoundState.CLOSED else None

    async def of(self, number: RoundNumber) -> RoundEvidence:
        """One round."""
        return await self._rounds.evidence(number)

    async def closed(self, since: RoundNumber) -> frozenset[RoundNumber]:
        """The closed rounds from this one on."""
        found: set[RoundNumber] = set()
        after = RoundNumber(since - 1)
        while page := await self._rounds.page(after, MOST_ROWS):
            found |= {row.round for row in page if row.state is RoundState.CLOSED}
            after = page[-1].round
        return frozenset(found)


class RemoteEvidence:
    """The evidence that another validator's API publishes: it is believed only where a trusted key signed it."""

    def __init__(self, api: VoiceApi) -> None:
        self._api = api

    async def next(self, after: RoundNumber | None) -> RoundEvidence | None:
        """The oldest round above, once it is closed."""
        found = (await self._api.rounds(after, 1)).items
        return await self.of(found[0].round) if found and found[0].state is RoundState.CLOSED else None

    async def of(self, number: RoundNumber) -> RoundEvidence:
        """One round."""
        return (await self._api.evidence(number)).evidence()

    async def closed(self, since: RoundNumber) -> frozenset[RoundNumber]:
        """The closed rounds from this one on."""
        found: set[RoundNumber] = set()
        after: RoundNumber | None = RoundNumber(since - 1) if since > 0 else None
        while True:
            page = await self._api.rounds(after, MOST_ROWS)
            found |= {row.round for row in page.items if row.state is RoundState.CLOSED}
            if page.next is None:
                return frozenset(found)
            after = page.next
