"""Reads what the API says of the last submission, and tells what is new."""

from dataclasses import dataclass, field

from neurons.api_client.client import ApiRefused, ApiUnavailable, VoiceApi
from neurons.miner import submission_news
from neurons.miner.ledger_news import Stand, stand
from neurons.miner.messages import Kind, Line, Say
from neurons.miner.submission_news import Sight
from neurons.miner.world import Own
from scoring.ranking import state
from scoring.types import Entrant, Hotkey, RoundNumber, entrant
from voice_api.schemas import SubmissionOut

_ROUNDS_BACK = 40
"""A ledger whose newest round is older than this tells nothing of today."""


@dataclass(slots=True)
class Follower:
    """One hotkey's. An API that does not answer is told once."""

    api: VoiceApi
    hotkey: Hotkey
    round_blocks: int
    say: Say
    seen: Sight | None = None
    stood: Stand | None = None
    told: set[str] = field(default_factory=set)

    async def step(self, own: Own) -> None:
        """Look once."""
        if own.at_final is None:
            return
        try:
            held = own.submissions if own.submissions is not None else await self.api.submissions(hotkey=self.hotkey)
            item = next((item for item in held if item.commit_block == own.at_final.block), None)
            if item is None:
                self._once(submission_news.unknown(own.at_final.block))
                return
            now = await self._sight(item, own)
        except (ApiUnavailable, ApiRefused) as outage:
            text = f"{outage.detail.rstrip('.')}. {outage.advice}"
            self._once(Line(Kind.OUTAGE, text, {"code": outage.code.value}, False))
            return
        for line in submission_news.news(self.seen, now):
            self.say(line)
        self.seen = now

    async def _sight(self, item: SubmissionOut, own: Own) -> Sight:
        detail, queue, table = await self.api.submission(item.id), await self.api.queue(), await self.api.leaderboard()
        who = entrant(self.hotkey, item.commit_block)
        newest = await self._newest(own)
        if newest is None:
            self.stood = None
        elif self.stood is None or (self.stood.entrant, self.stood.round) != (who, newest):
            self.stood = await self._stand(who, newest)
        return submission_news.sight(detail, queue, table, self.stood)

    async def _newest(self, own: Own) -> RoundNumber | None:
        """The newest round in the ledger of the validator that the API answers as, unless that is long ago."""
        after = own.head // self.round_blocks - _ROUNDS_BACK
        lines = (await self.api.ledger(after=RoundNumber(after) if after >= 0 else None, limit=_ROUNDS_BACK + 1)).items
        return lines[-1].round if lines else None

    async def _stand(self, who: Entrant, newest: RoundNumber) -> Stand | None:
        """What that ledger says; None where it is one of another version."""
        try:
            return stand(state.from_json((await self.api.ledger_entry(newest)).state), who)
        except (KeyError, TypeError, ValueError):
            return None

    def _once(self, line: Line) -> None:
        if line.text not in self.told:
            self.told.add(line.text)
            self.say(line)
