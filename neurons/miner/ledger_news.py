"""A submission in a validator's ledger: king, in a duel, or the reason why it is neither; and its news."""

from collections.abc import Iterator
from dataclasses import dataclass

from neurons.miner.messages import Fact, Message, MessageKind
from scoring.ranking.duel import IN_WORDS, Challenger, Duel, DuelOutcome, EndedDuel
from scoring.ranking.state import State, TrackState
from scoring.types import MICRO, Entrant, RoundNumber


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerView:
    """A submission in a ledger, after a round."""

    round: RoundNumber
    track: str | None
    """Its track; None for one that was rejected before its family was known."""
    entrant: Entrant
    king: Entrant | None
    throne: str
    """In words: since when the king is king, or why there is none."""
    duel: Duel | None
    challenger: Challenger | None
    """What it promises, if it may be better than the king."""
    over: EndedDuel | None
    """The end of its duel in the last round."""
    rejection: str | None
    judged: bool
    """Whether it has a record."""


def ledger_view(state: State, entrant: Entrant) -> LedgerView | None:
    """Read a submission off a ledger's newest state; None before its first round."""
    if state.round is None:
        return None
    known = state.where(entrant)
    track = TrackState(track="") if known is None else known
    over = next((each for each in track.ended if each.entrant == entrant), None)
    return LedgerView(
        round=state.round,
        track=None if known is None else known.track,
        entrant=entrant,
        king=track.king,
        throne=track.throne,
        duel=track.duel if track.duel is not None and track.duel.challenger == entrant else None,
        challenger=next((each for each in track.challengers if each.entrant == entrant), None),
        over=over,
        rejection=next((each.reason for each in state.rejections if each.entrant == entrant), None),
        judged=track.record(entrant) is not None,
    )


def changes(old: LedgerView | None, now: LedgerView) -> Iterator[Message]:
    """One message for what changed since the ledger was last read."""
    if old is not None and _news(old) == _news(now):
        return
    facts: dict[str, Fact] = {"round": now.round, "track": now.track, "king": now.king}
    where = f"Round {now.round}, {now.track}" if now.track else f"Round {now.round}"
    if now.king == now.entrant:
        yield Message(MessageKind.SUBMISSION, f"{where}: by the ledger it is {now.throne}.", facts, True)
    elif now.duel is not None:
        yield _open(now.duel, now, facts)
    elif now.over is not None:
        yield _over(now.over, now, facts)
    elif now.challenger is not None:
        yield _waits(now.challenger, now, facts)
    elif now.rejection is not None:
        yield Message(
            MessageKind.SUBMISSION,
            f"{where}: it earns nothing: {now.rejection}.",
            facts | {"refusal": now.rejection},
            False,
        )
    elif now.judged and now.king is not None:
        text = (
            f"{where}: it waits for no duel with the king {now.king}: it does after a round in which both are scored "
            "and yours is not clearly worse."
        )
        yield Message(MessageKind.SUBMISSION, text, facts)


def _news(view: LedgerView) -> tuple[object, ...]:
    """What its owner wants to know of."""
    return view.duel, view.challenger, view.over, view.king, view.rejection


def _waits(challenger: Challenger, now: LedgerView, facts: dict[str, Fact]) -> Message:
    promise = challenger.promise / MICRO
    text = (
        f"Round {now.round}, {now.track}: it has no duel with the king {now.king}: it promises {promise:+.3g}, the sum of its leads less "
        f"the margin, after {challenger.rounds} rounds, {challenger.groups} groups; the most promising challenger above 0 has the next."
    )
    found: dict[str, Fact] = {
        "promise": promise,
        "rounds": challenger.rounds,
        "groups": challenger.groups,
        "lost": challenger.lost,
    }
    return Message(MessageKind.SUBMISSION, text, facts | found)


def _open(duel: Duel, now: LedgerView, facts: dict[str, Fact]) -> Message:
    text = (
        f"Round {now.round}, {now.track}: its duel with the king {duel.king}: evidence {duel.wealth:.3g} of {duel.threshold:.3g} "
        f"after {duel.rounds} rounds, {duel.groups} groups; it must lead by more than {duel.margin / MICRO:g}."
    )
    evidence: dict[str, Fact] = {"evidence": duel.wealth, "needed": duel.threshold, "margin": duel.margin, "groups": duel.groups}
    return Message(MessageKind.SUBMISSION, text, facts | evidence | {"rounds": duel.rounds})


def _over(over: EndedDuel, now: LedgerView, facts: dict[str, Fact]) -> Message:
    words = IN_WORDS[over.outcome]
    text = (
        f"Round {now.round}, {now.track}: its duel with {over.king} is over, evidence {over.wealth:.3g} of {over.threshold:.3g} "
        f"after {over.rounds} rounds: {words.why}; {words.then}."
    )
    ended: dict[str, Fact] = {"evidence": over.wealth, "needed": over.threshold, "outcome": over.outcome.value}
    return Message(MessageKind.SUBMISSION, text, facts | ended, over.outcome is DuelOutcome.CROWNED)
