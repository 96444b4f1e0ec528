"""An empty throne: contenders are scored side by side over some rounds, then the earliest that no later one clearly beats is king.

To beat it a later one must lead by more than a new king's margin: whoever is as good as that is as good for a duel, too, and luck among
several of them decides nothing.
"""

from dataclasses import dataclass, replace

import numpy as np

from scoring.competition import Track
from scoring.ranking.duel import margin
from scoring.ranking.state import Record, ThroneTrial, TrackState
from scoring.ranking.table import MISSING, Integers, Table, clearly_less, differences, mean_of, there
from scoring.types import Micro

BEATEN = 3.0
"""Standard errors by which a later commit's lead must be above the margin: of 1,000 that are just at the margin one or two are, by luck."""
LEAST_ROUNDS = 2
"""A contender was scored in so many rounds at least."""


@dataclass(frozen=True, slots=True)
class SeatedKing:
    """Who takes an empty throne: its record, its scores of the trial in integers of 1e-6, and the numbers of rounds and contenders."""

    king: Record
    scores: Integers
    rounds: int
    contenders: int


def tried(state: TrackState, scores: Table, rules: Track) -> TrackState:
    """The trial with this round's scores, of all that are on trial or scored the floor at least; a round of none of them is none."""
    columns = scores.scores.shape[1]
    before = max((len(trial.scores) for trial in state.trial), default=0)
    known = {trial.entrant: trial for trial in state.trial}
    found = []
    for record in state.records:
        old = known.get(record.entrant, ThroneTrial(record.entrant, 0, (MISSING,) * before))
        if record.entrant in scores.rows:
            row = scores.row(record.entrant)
            if old.rounds or mean_of(scores.there(record.entrant)) >= rules.pay.floor:
                found.append(ThroneTrial(record.entrant, old.rounds + 1, (*old.scores, *row.tolist())))
        elif old.rounds:
            found.append(ThroneTrial(record.entrant, old.rounds, (*old.scores, *(MISSING,) * columns)))
    counts = any(trial.entrant in scores.rows for trial in found)
    return replace(state, trial=tuple(found), trial_rounds=state.trial_rounds + 1) if counts else state


def seat(state: TrackState, rules: Track) -> SeatedKing | None:
    """Who takes the empty throne after the rounds of the trial; None before, and while nobody was scored in enough of them."""
    rounds = rules.throne.trial_rounds
    if state.trial_rounds < rounds:
        return None
    rows = {
        trial.entrant: np.asarray(trial.scores, np.int64) for trial in state.trial if trial.rounds >= min(LEAST_ROUNDS, rounds)
    }
    standing = (r for r in state.records if r.entrant in rows and mean_of(there(rows[r.entrant])) >= rules.pay.floor)
    contenders = sorted(standing, key=lambda record: record.seniority)
    for place, record in enumerate(contenders):
        row = rows[record.entrant]
        if not any(_beats(rows[later.entrant], row, rules) for later in contenders[place + 1 :]):
            return SeatedKing(record, there(row), state.trial_rounds, len(rows))
    return None


def _beats(later: Integers, earlier: Integers, rules: Track) -> bool:
    found = differences(earlier, later)
    if not found.size:
        return False
    scores = there(earlier)
    return clearly_less(found + margin(rules.duel, 0, Micro(int(scores.sum()) // scores.size)), BEATEN)
