"""A challenger that is truly better: how often, and how soon, does it take the top?"""

from dataclasses import dataclass, field

import numpy as np

from scoring.competition import Competition, DuelRules
from scoring.ranking import duel as duels
from scoring.studies.simulation import lanes
from scoring.studies.simulation.estimates import Rate, rate
from scoring.studies.simulation.world import Micros, World, groups_of
from scoring.types import Micro, to_micro

KING = to_micro(0.65)


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerTrial:
    """A better challenger and its king."""

    excess: float
    """The challenger's clipped difference exceeds the margin by so many of its standard deviations."""
    rounds: int
    """The challenger has so many rounds from its first judged one on."""
    nth: int = 1
    """Counts this king's duels, from 1: the challenger's first one is this."""
    king_age: int = 36_000
    """In blocks."""
    runs: int = 1000


@dataclass(frozen=True, slots=True)
class Power:
    """The share that was crowned in time; the median of rounds until then (None: fewer than half were); groups spent on average: those
    of rounds before which it promised 0 or more.

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
    alone = Alone(rules=rules, margin=margin, nth=np.full(trial.runs, trial.nth))
    over, when, spent = np.zeros(trial.runs, bool), np.zeros(trial.runs, np.int64), np.zeros(trial.runs, np.int64)
    for number in range(1, trial.rounds + 1):
        spent += np.where(over | ~alone.hopeful, 0, groups)
        won = ~over & alone.play(world.differences(generator, lead, (trial.runs, groups)))
        when[won] = number
        over |= won
    crowned = np.sort(when[when > 0])
    half = trial.runs // 2
    return Power(
        rate(int(crowned.size), trial.runs),
        int(crowned[half]) if crowned.size > half else None,
        float(spent.mean()),
        lead,
    )


@dataclass(slots=True, kw_only=True)
class Alone:
    """Challengers side by side, each the only one of its king: arrays [runs]."""

    rules: DuelRules
    margin: Micro
    nth: Micros
    """The number of the next duel, counted from 1."""
    promise: Micros = field(init=False)
    fighting: lanes.Bools = field(init=False)
    duels: lanes.Lanes = field(init=False)

    def __post_init__(self) -> None:
        self.promise, self.fighting = np.zeros(self.nth.size, np.int64), np.zeros(self.nth.size, bool)
        self.duels = self._new()

    @property
    def hopeful(self) -> lanes.Bools:
        """Whether each has a duel, or promises 0 or more."""
        return self.fighting | (self.promise >= 0)

    def play(self, differences: Micros) -> lanes.Bools:
        """One round's differences [runs, groups]; who is crowned by it."""
        self.duels = self.duels.where(self.fighting, lanes.step(self.duels, differences, self.rules))
        won, over = self.fighting & lanes.crowned(self.duels), self.fighting & lanes.settled(self.duels, self.rules)
        self.promise += duels.gains_of(differences, self.margin, self.rules).sum(axis=1)
        self.promise[over] = np.minimum(self.promise[over], 0)
        self.fighting &= ~over
        opening = ~self.fighting & ~won & (self.promise > 0)
        self.duels = self.duels.where(opening, self._new())
        self.fighting |= opening
        self.nth = self.nth + opening
        return won

    def _new(self) -> lanes.Lanes:
        needed = np.array([duels.threshold(self.rules, int(n)) for n in self.nth])
        return lanes.opened(np.full(self.nth.size, self.margin), needed, self.rules)
