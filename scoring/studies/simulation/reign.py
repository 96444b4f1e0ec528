"""One king's life among models that are exactly as good: how often does chance dethrone it?"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from scoring.competition import Competition, DuelRules
from scoring.ranking import duel as duels
from scoring.studies.simulation import lanes
from scoring.studies.simulation.estimates import Rate, rate
from scoring.studies.simulation.world import Floats, Micros, World, groups_of
from scoring.types import Micro, to_micro

QUALITY = 0.65
Advance = Callable[[int], None]
"""Told of progress: how many steps were taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Siege:
    """The models that attack a king, each as good as the king, and each once; one that promises nothing makes room for the next."""

    models: int
    rounds: int
    runs: int
    again: bool = False
    """A model that has lost or promises nothing comes back at once as new."""
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


_NOBODY, _LAST = -1, 2**40


@dataclass(slots=True, kw_only=True)
class Front:
    """All runs: [runs] where there is one duel, [runs × slots] of whoever is judged. An idle slot waits for good: nobody is left for it."""

    siege: Siege
    slots: int
    competition: Competition
    settled: int = 0
    groups: int = 0
    duels: lanes.Lanes = field(init=False)
    fighter: Micros = field(init=False)
    """By run, the slot whose duel is open."""
    promise: Micros = field(init=False)
    waiting: lanes.Bools = field(init=False)
    """By slot, whether it waits for a duel."""
    order: Micros = field(init=False)
    """By slot, the number of its model in the order of commitments."""
    came: Micros = field(init=False)
    """By run, the models that have come so far."""
    spent: Micros = field(init=False)
    left: Micros = field(init=False)
    """By run, the models that have no slot yet."""
    met: Micros = field(init=False)
    fallen: Micros = field(init=False)
    idle: lanes.Bools = field(init=False)

    def __post_init__(self) -> None:
        runs, shape = self.siege.runs, (self.siege.runs, self.slots)
        self.duels = lanes.opened(np.zeros(runs, np.int64), np.full(runs, np.inf), self._rules)
        self.fighter, self.fallen = np.full(runs, _NOBODY), np.full(runs, -1)
        self.waiting, self.idle = np.zeros(shape, bool), np.zeros(shape, bool)
        self.promise, self.spent = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self.order, self.came = np.tile(np.arange(self.slots), (runs, 1)), np.full(runs, self.slots)
        self.met, self.left = np.zeros(runs, np.int64), np.full(runs, self.siege.models - self.slots)

    @property
    def _rules(self) -> DuelRules:
        return self.competition.track[0].duel

    @property
    def over(self) -> bool:
        """Whether nothing can happen any more."""
        return bool(np.all(self.idle.all(axis=1) | (self.fallen >= 0)))

    @property
    def fighting(self) -> lanes.Bools:
        """By slot, whether its duel is open."""
        found: lanes.Bools = np.arange(self.slots) == self.fighter[:, None]
        return found

    def play(self, number: int, differences: Micros) -> None:
        """One round's differences [runs × slots, groups]: the open duel takes a step, whoever has lost makes room, the next one opens."""
        differences = differences.reshape(*self.idle.shape, -1)
        least = duels.margin(self._rules, number * self.competition.round.blocks, to_micro(QUALITY))
        if self.siege.at_margin:
            differences = differences + np.where(self.fighting, self.duels.margin[:, None], least)[..., None]
        self.spent += np.where(self.idle, 0, differences.shape[2])
        over = self._fight(number, differences)
        self._wait(differences, least, over)
        self._open(least)

    def _fight(self, number: int, differences: Micros) -> lanes.Bools:
        """Take a step, and say by slot whose duel is over."""
        runs, there = np.arange(self.siege.runs), (self.fighter != _NOBODY) & (self.fallen < 0)
        stepped = lanes.step(self.duels, differences[runs, np.maximum(self.fighter, 0)], self._rules)
        self.duels = self.duels.where(there, stepped)
        over: lanes.Bools = (there & lanes.settled(self.duels, self._rules))[:, None] & self.fighting
        self.settled += int(over.sum())
        self.groups += int(self.spent[over].sum())
        self.fallen[there & lanes.crowned(self.duels)] = number
        self.fighter[over.any(axis=1)] = _NOBODY
        return over

    def _wait(self, differences: Micros, least: Micro, over: lanes.Bools) -> None:
        """Who waited, and who does from now on, adds to its promise; who has lost, or promises less than nothing, makes room."""
        others = ~self.idle & ~self.fighting & ~over
        worse = lanes.clearly_worse(differences.reshape(-1, differences.shape[2])).reshape(others.shape)
        turned_away = others & ~self.waiting & worse
        self.waiting |= others & ~worse
        self.promise += np.where(self.waiting, duels.gains_of(differences, least, self._rules).sum(axis=2), 0)
        hopeless = self.waiting & (self.promise < 0)
        self.waiting &= ~hopeless
        self.promise[hopeless] = 0
        self._replace(over | hopeless | (turned_away & np.asarray(self.siege.again)))

    def _replace(self, leaving: lanes.Bools) -> None:
        """The next in line takes the slot; with none left it stays idle."""
        place = np.cumsum(leaving, axis=1)
        self.spent[leaving] = 0
        self.order = np.where(leaving, self.came[:, None] + place - 1, self.order)
        self.came += place[:, -1]
        if self.siege.again:
            return
        self.idle |= leaving & (place > self.left[:, None])
        self.left = np.maximum(0, self.left - place[:, -1])

    def _open(self, least: Micro) -> None:
        """The earliest that promises enough has the next duel, where none is open."""
        promise = np.where(self.waiting, self.promise, 0)
        enough = (promise > 0) & (promise >= self._rules.seniority * promise.max(axis=1, keepdims=True))
        opening = (self.fighter == _NOBODY) & (promise.max(axis=1) > 0)
        self.met += opening
        new = lanes.opened(np.full(opening.size, least), _thresholds(self.met, self.competition), self._rules)
        self.duels = self.duels.where(opening, new)
        self.fighter = np.where(opening, np.where(enough, self.order, _LAST).argmin(axis=1), self.fighter)
        chosen = self.fighting & opening[:, None]
        self.waiting &= ~chosen
        self.promise[chosen] = 0


def _thresholds(nth: Micros, competition: Competition) -> Floats:
    """The real thresholds, by how many were met."""
    table = np.array([np.inf, *(duels.threshold(competition.track[0].duel, n) for n in range(1, int(nth.max()) + 1))])
    return table[nth]
