"""Watches the last submission as the API shows it, and tells its news."""

from dataclasses import dataclass, field

from neurons.api_client.client import ApiRefused, ApiUnavailable, VoiceApi
from neurons.miner import submission_news
from neurons.miner.client import MinerState
from neurons.miner.ledger_news import LedgerView, ledger_view
from neurons.miner.messages import Message, MessageKind, Notifier
from neurons.miner.submission_news import SubmissionView
from scoring.types import Entrant, Hotkey, RoundNumber, entrant
from voice_api.errors import LedgerInvalid
from voice_api.schemas import SubmissionOut

_ROUNDS_BACK = 40
"""A ledger whose newest round is older than this tells nothing of today."""


@dataclass(slots=True, kw_only=True)
class Watcher:
    """Watches one hotkey's last submission. An API that does not answer is told once."""

    api: VoiceApi
    hotkey: Hotkey
    round_blocks: int
    notify: Notifier
    seen: SubmissionView | None = field(default=None, init=False)
    """The submission at the last look."""
    ledger: LedgerView | None = field(default=None, init=False)
    """The ledger's view of it, kept for as long as its newest round is the same."""

    async def step(self, state: MinerState) -> None:
        """Look once."""
        if state.at_final is None:
            return
        try:
            held = state.submissions if state.submissions is not None else await self.api.submissions(hotkey=self.hotkey)
            item = next((item for item in held if item.commit_block == state.at_final.block), None)
            if item is None:
                self.notify.once(submission_news.unknown(state.at_final.block))
                return
            now = await self._view(item, state)
        except (ApiUnavailable, ApiRefused) as outage:
            text = f"{outage.detail.rstrip('.')}. {outage.advice}"
            self.notify.once(Message(MessageKind.OUTAGE, text, {"code": outage.code.value}, False))
            return
        for message in submission_news.news(self.seen, now):
            self.notify(message)
        self.seen = now

    async def _view(self, item: SubmissionOut, state: MinerState) -> SubmissionView:
        detail, queue, table = await self.api.submission(item.id), await self.api.queue(), await self.api.leaderboard()
        who = entrant(self.hotkey, item.commit_block)
        newest = await self._newest(state)
        if newest is None:
            self.ledger = None
        elif self.ledger is None or (self.ledger.entrant, self.ledger.round) != (who, newest):
            self.ledger = await self._in_ledger(who, newest)
        return submission_news.submission_view(detail, queue, table, self.ledger)

    async def _newest(self, state: MinerState) -> RoundNumber | None:
        """The newest round in the ledger of the validator that the API answers as, unless that is long ago."""
        after = state.head // self.round_blocks - _ROUNDS_BACK
        lines = (await self.api.ledger(after=RoundNumber(after) if after >= 0 else None, limit=_ROUNDS_BACK + 1)).items
        return lines[-1].round if lines else None

    async def _in_ledger(self, who: Entrant, newest: RoundNumber) -> LedgerView | None:
        """The submission in that ledger; None where the ledger is one of another version."""
        try:
            return ledger_view((await self.api.ledger_entry(newest)).entry().state, who)
        except LedgerInvalid:
            return None
