"""A challenger that is truly better: how often, and how soon, does it take the top?"""

from dataclasses import dataclass

import numpy as np

from scoring.competition import Competition
from scoring.ranking import duel as duels
from scoring.studies.simulation import lanes
from scoring.studies.simulation.estimates import Rate, rate
from scoring.studies.simulation.world import World, groups_of
from scoring.types import to_micro

KING = to_micro(0.65)


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerTrial:
    """A better challenger and its king."""

    excess: float
    """The challenger's clipped difference exceeds the margin by so many of its standard deviations."""
    rounds: int
    """The challenger has so many rounds from its first judged one on, the one in which it qualifies among them."""
    nth: int = 1
    """Counts the challengers that qualified against this king, from 1."""
    king_age: int = 36_000
    """In blocks."""
    runs: int = 1000


@dataclass(frozen=True, slots=True)
class Power:
    """The share that was crowned in time; the median of rounds until then (None: fewer than half were); groups spent on average.

    `lead` is what the excess and the margin come to in points of the mean score.
    """

    crowned: Rate
    median_rounds: int | None
    groups: float
    lead: float


def power(trial: PowerTrial, world: World, competition: Competition, seed: int) -> Power:
    """Every run at once; each round is drawn when it is played."""
    generator = np.random.default_rng(seed)
    rules, groups = competition.track[0].duel, groups_of(competition)
    margin = duels.margin(rules, trial.king_age, KING)
    lead = world.lead(trial.excess, margin, rules.clip)
    one = np.ones(trial.runs, np.int64)
    new = lanes.opened(one * margin, np.full(trial.runs, duels.threshold(rules, trial.nth)), rules)
    running, fighting = new, np.zeros(trial.runs, bool)
    over, when = np.zeros(trial.runs, bool), np.zeros(trial.runs, np.int64)
    spent = np.zeros(trial.runs, np.int64)
    for number in range(1, trial.rounds + 1):
        drawn = world.differences(generator, lead, (trial.runs, groups))
        spent += np.where(over, 0, groups)
        running = running.where(fighting & ~over, lanes.step(running, drawn, rules))
        won = fighting & ~over & lanes.crowned(running)
        when[won] = number
        over |= fighting & lanes.settled(running, rules)
        fighting |= ~lanes.clearly_worse(drawn)
    crowned = np.sort(when[when > 0])
    half = trial.runs // 2
    return Power(
        rate(int(crowned.size), trial.runs),
        int(crowned[half]) if crowned.size > half else None,
        float(spent.mean()),
        lead,
    )
