"""One king's life among models that are exactly as good: how often does chance dethrone it?"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from scoring.competition import Competition
from scoring.ranking import duel as duels
from scoring.studies.simulation import lanes
from scoring.studies.simulation.estimates import Rate, rate
from scoring.studies.simulation.world import Floats, Micros, World, groups_of
from scoring.types import to_micro

QUALITY = 0.65
Advance = Callable[[int], None]
"""Told of progress: how many steps were taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Siege:
    """The models that attack a king, each as good as the king, and each once."""

    models: int
    rounds: int
    runs: int
    again: bool = False
    """A model that has lost comes back at once as new."""
    at_margin: bool = False
    """Each is better than the king by just the margin: the edge of what may win by chance."""


@dataclass(frozen=True, slots=True)
class Reign:
    """The result: the runs in which the king fell, the duels that were settled, and the groups that these took."""

    fell: Rate
    duels: int
    groups: int
    by_round: tuple[float, ...]
    """Share of runs in which the king had fallen by the end of each round."""


def besiege(siege: Siege, world: World, competition: Competition, seed: int, advance: Advance) -> Reign:
    """Play every run at once, round by round. Challengers of a round share the king's scores in it, as they do in truth."""
    generator = np.random.default_rng(seed)
    slots = min(competition.track[0].evaluations - 1, siege.models)
    front = Front(siege=siege, slots=slots, competition=competition)
    groups = groups_of(competition)
    qualities = np.full((siege.runs, slots + 1), QUALITY)
    for number in range(siege.rounds):
        if front.over:
            advance(siege.rounds - number)
            break
        scores = world.draw(generator, qualities, groups)
        front.play(number, (scores[:, 1:] - scores[:, :1]).reshape(-1, groups))
        advance(1)
    fallen = np.sort(front.fallen[front.fallen >= 0])
    by_round = tuple((np.searchsorted(fallen, np.arange(siege.rounds), side="right") / siege.runs).tolist())
    return Reign(rate(int(fallen.size), siege.runs), front.settled, front.groups, by_round)


@dataclass(slots=True, kw_only=True)
class Front:
    """All runs' slots, flat: [runs × slots]. An idle slot waits for good: no challenger is left for it."""

    siege: Siege
    slots: int
    competition: Competition
    settled: int = 0
    groups: int = 0
    duels: lanes.Lanes = field(init=False)
    fighting: lanes.Bools = field(init=False)
    spent: Micros = field(init=False)
    waiting: Micros = field(init=False)
    met: Micros = field(init=False)
    fallen: Micros = field(init=False)
    idle: lanes.Bools = field(init=False)

    def __post_init__(self) -> None:
        runs, size = self.siege.runs, self.siege.runs * self.slots
        self.duels = lanes.opened(np.zeros(size, np.int64), np.full(size, np.inf), self.competition.track[0].duel)
        self.fighting, self.idle = np.zeros(size, bool), np.zeros(size, bool)
        self.spent, self.met = np.zeros(size, np.int64), np.zeros(runs, np.int64)
        self.waiting = np.full(runs, self.siege.models - self.slots)
        self.fallen = np.full(runs, -1)

    @property
    def over(self) -> bool:
        """Whether nothing can happen any more."""
        return bool(np.all(self.idle | np.repeat(self.fallen >= 0, self.slots)))

    def play(self, number: int, differences: Micros) -> None:
        """One round: open duels take a step, whoever is not clearly worse opens one, whoever has lost makes room."""
        rules = self.competition.track[0].duel
        if self.siege.at_margin:
            margin = duels.margin(rules, number * self.competition.round.blocks, to_micro(QUALITY))
            differences = differences + np.where(self.fighting, self.duels.margin, margin)[:, None]
        self.spent += np.where(self.idle, 0, differences.shape[1])
        self.duels = self.duels.where(self.fighting, lanes.step(self.duels, differences, rules))
        alive = np.repeat(self.fallen < 0, self.slots) & ~self.idle
        won = alive & self.fighting & lanes.crowned(self.duels)
        over = alive & self.fighting & lanes.settled(self.duels, rules)
        self.settled += int(over.sum())
        self.groups += int(self.spent[over].sum())
        self.fallen[won.reshape(-1, self.slots).any(axis=1)] = number
        entering = alive & ~self.fighting & ~lanes.clearly_worse(differences)
        turned_away = alive & ~self.fighting & ~entering
        self._open(number, entering)
        self._replace(over | (turned_away & np.asarray(self.siege.again)))

    def _open(self, number: int, entering: lanes.Bools) -> None:
        rules, blocks = self.competition.track[0].duel, self.competition.round.blocks
        per_run = entering.reshape(-1, self.slots)
        nth = (self.met[:, None] + np.cumsum(per_run, axis=1)).reshape(-1)
        self.met += per_run.sum(axis=1)
        margin = duels.margin(rules, number * blocks, to_micro(QUALITY))
        new = lanes.opened(np.full(entering.size, margin), _thresholds(nth, self.competition), rules)
        self.duels = self.duels.where(entering, new)
        self.fighting = self.fighting | entering

    def _replace(self, leaving: lanes.Bools) -> None:
        """The next in line takes the slot; with none left it stays idle."""
        self.fighting = self.fighting & ~leaving
        self.spent[leaving] = 0
        if self.siege.again:
            return
        per_run = leaving.reshape(-1, self.slots)
        place = np.cumsum(per_run, axis=1)
        self.idle |= (per_run & (place > self.waiting[:, None])).reshape(-1)
        self.waiting = np.maximum(0, self.waiting - per_run.sum(axis=1))


def _thresholds(nth: Micros, competition: Competition) -> Floats:
    """The real thresholds, by how many were met."""
    table = np.array([np.inf, *(duels.threshold(competition.track[0].duel, n) for n in range(1, int(nth.max()) + 1))])
    return table[nth]
