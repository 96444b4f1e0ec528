"""Watches the last submission as the API shows it, and tells its news."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from neurons.api_client.client import ApiRefused, ApiUnavailable, VoiceApi
from neurons.miner.client import MinerState
from neurons.miner.ledger_news import LedgerView, changes, ledger_view
from neurons.miner.messages import Fact, Message, MessageKind, Notifier, spoken
from scoring.errors import Code, with_advice
from scoring.types import MICRO, Block, Entrant, Hotkey, RoundNumber, entrant
from voice_api.db.states import EvaluationState, SubmissionState
from voice_api.errors import LedgerInvalid
from voice_api.schemas import LeaderboardRowOut, QueueRowOut, SubmissionDetail, SubmissionOut
from voice_api.schemas.evaluations import EvaluationOut

_ROUNDS_BACK = 40
"""A ledger whose newest round is older than this tells nothing of today."""


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """A place in the queue; seconds until the start, for half and for nine tenths of the submissions like it."""

    position: int
    half: int | None
    most: int | None


@dataclass(frozen=True, slots=True)
class Rank:
    """Its place in its track in the public table; None while it has none."""

    track: str | None
    place: int | None
    king: bool
    leads: int | None
    """Its score over all rounds less the king's, in 1e-6."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionView:
    """A submission at one moment."""

    block: Block
    state: SubmissionState
    code: Code | None
    reason: str | None
    rounds: tuple[EvaluationOut, ...]
    """The newest first."""
    turn: QueuePlace | None
    """None: it is not in the queue."""
    rank: Rank | None
    """None: it is not in the public table."""
    ledger: LedgerView | None = None
    """Its place in the ledger; None: it is in none."""


def submission_view(
    item: SubmissionDetail,
    queue: Sequence[QueueRowOut],
    table: Sequence[LeaderboardRowOut],
    ledger: LedgerView | None,
) -> SubmissionView:
    """Put several answers of the API together; rounds are the newest first."""
    waits = (row for row in queue if row.submission_id == item.id and row.state is EvaluationState.QUEUED)
    turn = next((QueuePlace(row.position, row.eta_p50_seconds, row.eta_p90_seconds) for row in waits), None)
    name = entrant(item.hotkey, item.commit_block)
    row = next((row for row in table if row.entrant == name), None)
    king = next((other.score for other in table if row is not None and other.king and other.track == row.track), None)
    lead = None if row is None or row.score is None or king is None else row.score - king
    rank = None if row is None or row.rank is None else Rank(row.track, row.rank, row.king, lead)
    return SubmissionView(
        block=item.commit_block,
        state=item.state,
        code=item.code,
        reason=item.reason,
        rounds=item.evaluations,
        turn=turn,
        rank=rank,
        ledger=ledger,
    )


def news(before: SubmissionView | None, now: SubmissionView) -> tuple[Message, ...]:
    """Messages about everything that has changed."""
    old = before if before is not None and before.block == now.block else None
    by_ledger = () if now.ledger is None else changes(None if old is None else old.ledger, now.ledger)
    return (*_of_state(old, now), *_of_turn(old, now), *_of_rounds(old, now), *_of_rank(old, now), *by_ledger)


def _of_state(old: SubmissionView | None, now: SubmissionView) -> Iterator[Message]:
    if old is not None and (old.state, old.code) == (now.state, now.code):
        return
    text, facts = f"The submission of block {now.block} is {now.state.value}.", _facts(now)
    if now.code is None:
        yield Message(MessageKind.SUBMISSION, text, facts, now.state is SubmissionState.SCORED or None)
    else:
        text += f" [{now.code.value}] {with_advice(now.reason, now.code)}"
        yield Message(MessageKind.SUBMISSION, text, facts | {"code": now.code.value, "reason": now.reason}, False)


def _of_turn(old: SubmissionView | None, now: SubmissionView) -> Iterator[Message]:
    if now.turn is None or (old is not None and old.turn is not None and old.turn.position == now.turn.position):
        return
    when = "its start cannot be foretold yet"
    if now.turn.half is not None and now.turn.most is not None:
        when = f"it starts in about {spoken(now.turn.half)}, at the latest in {spoken(now.turn.most)} (nine of ten times)"
    facts = _facts(now) | {"position": now.turn.position, "eta_p50_seconds": now.turn.half, "eta_p90_seconds": now.turn.most}
    yield Message(MessageKind.SUBMISSION, f"It waits in place {now.turn.position}; {when}.", facts)


def _of_rounds(old: SubmissionView | None, now: SubmissionView) -> Iterator[Message]:
    known = {each.round: each.state for each in old.rounds} if old is not None else {}
    for each in reversed(now.rounds):
        if known.get(each.round) is not each.state:
            yield _round(each, now)


def _round(each: EvaluationOut, now: SubmissionView) -> Message:
    facts = _facts(now) | {"round": each.round, "evaluation": each.state.value, "score": each.score, "stderr": each.stderr}
    if each.score is not None:
        text = f"Round {each.round}: {each.score / MICRO:.4f} ± {(each.stderr or 0) / MICRO:.4f}."
        return Message(MessageKind.SUBMISSION, text, facts | {"receipt": each.receipt_hash}, True)
    text = f"Round {each.round}: {each.state.value}."
    if each.code is not None:
        text += f" [{each.code.value}] {with_advice(each.reason, each.code)}"
        facts |= {"code": each.code.value, "reason": each.reason}
    return Message(MessageKind.SUBMISSION, text, facts, False if each.code is not None else None)


def _of_rank(old: SubmissionView | None, now: SubmissionView) -> Iterator[Message]:
    if now.rank is None or (old is not None and old.rank == now.rank):
        return
    facts = _facts(now) | {"track": now.rank.track, "rank": now.rank.place, "king": now.rank.king, "lead": now.rank.leads}
    if now.rank.king:
        yield Message(
            MessageKind.SUBMISSION,
            f"It is king of the track {now.rank.track}: it keeps the top until a challenger shows beyond doubt that it is better.",
            facts,
            True,
        )
        return
    behind = "" if now.rank.leads is None else f", {now.rank.leads / MICRO:+.4f} against the king's score over all its rounds"
    where = f"in the track {now.rank.track}{behind}"
    text = f"It ranks {now.rank.place} {where}. One score crowns nobody: a duel on the same prompts, round after round, does."
    yield Message(MessageKind.SUBMISSION, text, facts)


def _facts(now: SubmissionView) -> dict[str, Fact]:
    return {"commit_block": now.block, "state": now.state.value}


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
                block = state.at_final.block
                text = f"The commitment of block {block} is not known to the API yet: the model queue reads the chain every few blocks."
                self.notify.once(Message(MessageKind.SUBMISSION, text, {"commit_block": block}))
                return
            now = await self._view(item, state)
        except (ApiUnavailable, ApiRefused) as outage:
            self.notify.once(Message(MessageKind.OUTAGE, outage.told, {"code": outage.code.value}, False))
            return
        for message in news(self.seen, now):
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
        return submission_view(detail, queue, table, self.ledger)

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
