"""Does it pay to put one model under several hotkeys?"""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from scoring.competition import Competition
from scoring.simulation.actors import divided
from scoring.simulation.fields import play
from scoring.simulation.tail import as_it_is, only_leaders
from scoring.simulation.world import World

Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Case:
    """The best model of a field (`rank` 0) or the second (1), under `hotkeys` keys: the same tensors, or near-copies.

    `leaders`: under another rule than the competition's, by which the tail is for those that were the best when they came.
    """

    rank: int
    hotkeys: int
    exact: bool
    leaders: bool = False


@dataclass(frozen=True, slots=True)
class Split:
    """Share of all emission (0 … 1) that the owner earned with all hotkeys and would have with one, means over the runs.

    `ratio` is the one over the other with the 95 % interval `low` … `high` over the runs; 0 where one alone earned nothing in a run.
    """

    earned: float
    single: float
    ratio: float
    low: float
    high: float


def split(case: Case, runs: int, rounds: int, world: World, competition: Competition, seed: int, advance: Advance) -> Split:
    """Runs in pairs with the same seed, one of them with a single hotkey; raises ValueError for fewer than two runs."""
    if runs < 2:
        raise ValueError("an interval needs two runs")
    rule = only_leaders if case.leaders else as_it_is
    found = []
    for run in range(runs):
        many, one = (
            play(divided(case.rank, hotkeys, case.exact), rounds, world, competition, seed + run, advance, rule).earned[0]
            / rounds
            for hotkeys in (case.hotkeys, 1)
        )
        found.append((many, one, many / one if one else 0.0))
    ratios = [ratio for _, _, ratio in found]
    mean, half = statistics.fmean(ratios), 1.96 * statistics.stdev(ratios) / runs**0.5
    earned, single = (statistics.fmean(pair[place] for pair in found) for place in (0, 1))
    return Split(earned, single, mean, mean - half, mean + half)
