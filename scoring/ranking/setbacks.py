"""Setbacks: hotkeys whose newest judged submission was rejected or scored far below the king; they wait in a line of their own."""

from collections.abc import Iterable

from scoring.competition import QueueRules
from scoring.ranking.state import Setback, TrackState
from scoring.ranking.table import MISSING, Table
from scoring.types import MICRO, Entrant, RoundNumber, parse_entrant, to_micro


def noted(
    state: TrackState, number: RoundNumber, judged: Iterable[Entrant], scores: Table, rules: QueueRules
) -> tuple[Setback, ...]:
    """The setbacks after a round that judged these submissions: of a hotkey its newest one counts.

    A score beside the king's that is not far below ends a setback, and so does time. Without the king's scores none says anything.
    """
    found = {setback.hotkey: setback for setback in state.setbacks if number <= setback.round + rules.forget_rounds}
    rejected = {rejection.entrant for rejection in state.rejections}
    for name in sorted(judged, key=lambda name: parse_entrant(name)[1]):
        hotkey = parse_entrant(name)[0]
        if name in rejected:
            found[hotkey] = Setback(hotkey, number)
        elif state.king is not None and state.king in scores.rows and name in scores.rows:
            found.pop(hotkey, None)
            if _far_below(name, state.king, scores, rules):
                found[hotkey] = Setback(hotkey, number)
    return tuple(found[hotkey] for hotkey in sorted(found))


def _far_below(name: Entrant, king: Entrant, scores: Table, rules: QueueRules) -> bool:
    """Whether a submission scored less than the rules' share of the king's score, on the groups that both were scored on."""
    mine, theirs = scores.row(name), scores.row(king)
    both = (mine != MISSING) & (theirs != MISSING)
    return int(mine[both].sum()) * MICRO < int(theirs[both].sum()) * to_micro(rules.far_below)
