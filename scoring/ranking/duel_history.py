"""How duels went, round by round: what one entry of a ledger says of them, beside the entry before it."""

from collections.abc import Iterator
from dataclasses import dataclass

from scoring.ranking.duel import Duel, DuelOutcome, EndedDuel
from scoring.ranking.state import State, TrackState
from scoring.types import Entrant, Micro, RoundNumber


@dataclass(frozen=True, slots=True, kw_only=True)
class DuelRound:
    """A duel at one round's end. A track opens one duel at most in a round: track and `opened` name it."""

    track: str
    opened: RoundNumber
    challenger: Entrant
    king: Entrant
    outcome: DuelOutcome
    wealth: float
    """The evidence: it starts at 1, and crowns where it reaches `threshold`."""
    threshold: float
    margin: Micro
    lead: Micro | None
    """Mean of the challenger's group scores less the king's, over all its groups, in 1e-6; None before the first.

    Also where a duel ended by groups that no entry keeps the sum of: by any end but a crown.
    """
    groups: int
    rounds: int
    """Rounds in which both sides were scored."""


def duel_rounds(before: State | None, after: State) -> tuple[DuelRound, ...]:
    """The duels of every track at the end of `after`'s round: the open ones, and those that ended in it.

    `before` is the state of the entry before: there stand the opening and the margin of a duel that has ended. Without it nothing
    is said of those.
    """
    old = State() if before is None else before
    return tuple(found for track in after.tracks for found in _of_track(old.of(track.track), track))


def _of_track(before: TrackState, after: TrackState) -> Iterator[DuelRound]:
    old = before.duel
    for end in after.ended:
        if old is not None and (old.challenger, old.king) == (end.entrant, end.king):
            yield _ended(after, old, end)
    if after.duel is not None:
        yield _open(after.track, after.duel)


def _open(track: str, duel: Duel) -> DuelRound:
    return DuelRound(
        track=track,
        opened=duel.opened,
        challenger=duel.challenger,
        king=duel.king,
        outcome=DuelOutcome.OPEN,
        wealth=duel.wealth,
        threshold=duel.threshold,
        margin=duel.margin,
        lead=_mean(duel.lead, duel.groups),
        groups=duel.groups,
        rounds=duel.rounds,
    )


def _ended(after: TrackState, duel: Duel, end: EndedDuel) -> DuelRound:
    return DuelRound(
        track=after.track,
        opened=duel.opened,
        challenger=end.entrant,
        king=end.king,
        outcome=end.outcome,
        wealth=end.wealth,
        threshold=end.threshold,
        margin=duel.margin,
        lead=_last_lead(after, duel, end),
        groups=end.groups,
        rounds=end.rounds,
    )


def _last_lead(after: TrackState, duel: Duel, end: EndedDuel) -> Micro | None:
    """A duel that ended without another step has its old lead; one that crowned has the lead that is credited."""
    if end.groups == duel.groups:
        return _mean(duel.lead, duel.groups)
    leads = (credit for credit in after.leads if (credit.entrant, credit.over) == (end.entrant, end.king))
    return next((_mean(credit.total, credit.groups) for credit in leads), None)


def _mean(total: int, groups: int) -> Micro | None:
    return None if groups == 0 else Micro(round(total / groups))
