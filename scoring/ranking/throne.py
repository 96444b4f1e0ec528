"""The top when no duel decides it: a king that left gives it up, and an empty throne goes to the best model of a round."""

import math
from collections.abc import Sequence
from dataclasses import replace

from scoring.competition import Competition
from scoring.ranking.duel import DuelOutcome, ended
from scoring.ranking.round_result import MISSING, Judged, RoundResult, Table
from scoring.ranking.selection import CONFIDENCE, by_precedence
from scoring.ranking.state import Record, State
from scoring.types import MICRO, Block, Entrant


def vacated(state: State, result: RoundResult, scored: Sequence[Judged], competition: Competition) -> State:
    """The state after the king's absences of this round: a king that is known no longer, or was absent too long, holds nothing."""
    king = state.king
    if king is None:
        return state
    if state.record(king) is None:
        why = result.gone.get(king) or next((r.reason for r in state.rejections if r.entrant == king), "its record is gone")
        return dethroned(state, f"vacant: {king} is gone in round {result.number}: {why}")
    names = {item.entrant for item in scored}
    absent = 0 if king in names else state.king_absent + bool(names)
    if absent < competition.duel.absent_rounds:
        return replace(state, king_absent=absent)
    return dethroned(state, f"vacant: {king} was not scored in {absent} rounds in which others were, to round {result.number}")


def dethroned(state: State, throne: str) -> State:
    """Nobody holds the top; what challengers won or lost against the old king is over."""
    over = tuple(ended(duel, DuelOutcome.KING_GONE) for duel in state.duels)
    return replace(state, king=None, king_absent=0, throne=throne, challengers_met=0, duels=(), lost=(), ended=state.ended + over)


def crowned(state: State, king: Entrant, start: Block, why: str) -> State:
    """A new king, who starts anew: no challenger was met, none has lost."""
    return replace(dethroned(state, f"king since block {start}: {why}"), king=king, king_since=start)


def seated(state: State, start: Block, scores: Table, competition: Competition) -> State:
    """An empty throne goes to one that this round scored at the tail's floor or above.

    Of all that are not clearly worse than the best on the same groups, the one with precedence: no copy wins it by luck.
    """
    floor = competition.shares.tail_floor
    contenders = {r.entrant: r for r in state.records if r.entrant in scores.rows and _mean(scores, r.entrant) >= floor * MICRO}
    if not contenders:
        return state
    best = min(contenders.values(), key=lambda record: (-_mean(scores, record.entrant), record.seniority))
    band = [record for record in contenders.values() if not clearly_worse(scores, record.entrant, best.entrant)]
    precedence = by_precedence(list(contenders.values()), competition.shares.tie_speed)
    king = min(band, key=precedence)
    return crowned(state, king.entrant, start, _why(scores, king, band))


def clearly_worse(scores: Table, one: Entrant, other: Entrant) -> bool:
    """Whether `one` scored less than `other` by more than the error of the mean difference allows, on the groups of both."""
    differences = scores.differences(one, other)
    n = differences.size
    if n == 0:
        return True
    total, squares = int(differences.sum()), int((differences * differences).sum())
    if n == 1:
        return total < 0
    spread = max(0, squares * n - total * total)
    return total < -CONFIDENCE * math.sqrt(spread / (n - 1))


def _mean(scores: Table, entrant: Entrant) -> float:
    row = scores.scores[scores.rows[entrant]]
    there = row[row != MISSING]
    return int(there.sum()) / int(there.size)


def _why(scores: Table, king: Record, band: Sequence[Record]) -> str:
    mean = _mean(scores, king.entrant) / MICRO
    if len(band) == 1:
        return f"it scored {mean:.4f} when the throne was empty, clearly more than all others"
    return f"it scored {mean:.4f} when the throne was empty; of {len(band)} that were not clearly worse than the best it takes precedence"
