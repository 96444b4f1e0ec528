"""The challengers of a round: who qualifies for a duel, what each duel gains, and who takes the top."""

from collections.abc import Sequence
from dataclasses import replace

from scoring.competition import Competition, DuelRules
from scoring.ranking import duel as duels
from scoring.ranking.duel import Duel, DuelOutcome
from scoring.ranking.round_result import RoundResult, Table
from scoring.ranking.selection import by_precedence, lower_bound
from scoring.ranking.state import State
from scoring.ranking.throne import clearly_worse, crowned
from scoring.types import Entrant


def challenged(state: State, result: RoundResult, scores: Table, competition: Competition) -> State:
    """The state after this round's duels; without the king's own scores there is no evidence in it."""
    king = state.king
    if king is None or king not in scores.rows:
        return state
    state = _fought(state, king, scores, competition.duel)
    winners = [duel.entrant for duel in state.ended if duel.outcome is DuelOutcome.CROWNED]
    if winners:
        return _succeeded(state, king, winners, result, competition)
    return _qualified(state, king, result, scores, competition.duel)


def _fought(state: State, king: Entrant, scores: Table, rules: DuelRules) -> State:
    """Every open duel whose two sides were scored takes a step."""
    still, over = [], []
    for duel in state.duels:
        if duel.challenger in scores.rows:
            duel = duels.step(duel, scores.differences(duel.challenger, king), rules)
        outcome = duels.read(duel, rules)
        if outcome is DuelOutcome.OPEN:
            still.append(duel)
        else:
            over.append(duels.ended(duel, outcome))
    lost = [duel for duel in over if duel.outcome is not DuelOutcome.CROWNED]
    return replace(
        state,
        duels=tuple(still),
        lost=tuple(sorted((*state.lost, *lost), key=lambda duel: duel.entrant)),
        ended=(*state.ended, *over),
    )


def _succeeded(state: State, old: Entrant, winners: Sequence[Entrant], result: RoundResult, competition: Competition) -> State:
    """Of several that won in the same round, the highest lower bound; equals by precedence."""
    records = [record for record in state.records if record.entrant in winners]
    precedence = by_precedence(records, competition.shares.tie_speed)
    best = min(records, key=lambda record: (-lower_bound(record), precedence(record)))
    won = next(duel for duel in state.ended if duel.entrant == best.entrant)
    why = (
        f"evidence {won.wealth:.4g} of {won.threshold:.4g} needed against {old}, over {won.groups} groups of {won.rounds} rounds"
    )
    return crowned(state, best.entrant, result.start, why)


def _qualified(state: State, king: Entrant, result: RoundResult, scores: Table, rules: DuelRules) -> State:
    """A duel opens for each newcomer that this round does not show to be worse; its scores of this round are no evidence in it."""
    busy = {duel.challenger for duel in state.duels} | {duel.entrant for duel in state.lost}
    record = state.record(king)
    if record is None:
        return state
    least = duels.margin(rules, result.start - state.king_since, record.micro)
    opened = list(state.duels)
    met = state.challengers_met
    for newcomer in sorted((r for r in state.records if r.entrant in scores.rows), key=lambda r: r.seniority):
        if newcomer.entrant == king or newcomer.entrant in busy or clearly_worse(scores, newcomer.entrant, king):
            continue
        met += 1
        opened.append(
            Duel(
                challenger=newcomer.entrant, king=king, opened=result.number, margin=least, threshold=duels.threshold(rules, met)
            )
        )
    return replace(state, challengers_met=met, duels=tuple(sorted(opened, key=lambda duel: duel.challenger)))
