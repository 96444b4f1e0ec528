"""Where a validator's evidence comes from: its own database, or the API of one that it follows. It folds the same from either."""

from typing import Protocol

from neurons.api_client.client import VoiceApi
from scoring.types import RoundNumber
from voice_api.db.rounds import RoundEvidence, Rounds
from voice_api.db.states import RoundState


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


class OwnEvidence:
    """What this validator's own workers judged."""

    def __init__(self, rounds: Rounds) -> None:
        self._rounds = rounds

    async def next(self, after: RoundNumber | None) -> RoundEvidence | None:
        """The oldest round above, once it is closed."""
        found = await self._rounds.page(after, 1)
        return await self.of(found[0].round) if found and found[0].state is RoundState.CLOSED else None

    async def of(self, number: RoundNumber) -> RoundEvidence:
        """One round."""
        return await self._rounds.evidence(number)


class RemoteEvidence:
    """What another validator's workers judged, as its API publishes it: only what is signed is believed, and by whom is checked."""

    def __init__(self, api: VoiceApi) -> None:
        self._api = api

    async def next(self, after: RoundNumber | None) -> RoundEvidence | None:
        """The oldest round above, once it is closed."""
        found = (await self._api.rounds(after, 1)).items
        return await self.of(found[0].round) if found and found[0].state is RoundState.CLOSED else None

    async def of(self, number: RoundNumber) -> RoundEvidence:
        """One round."""
        return (await self._api.evidence(number)).evidence()
