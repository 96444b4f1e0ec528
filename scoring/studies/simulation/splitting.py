"""Does it pay to put one model under several hotkeys?"""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from scoring.competition import Competition
from scoring.studies.simulation.actors import divided
from scoring.studies.simulation.fields import play
from scoring.studies.simulation.world import World

Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class SplitCase:
    """The best model of a field (`rank` 0) or the second (1), under `hotkeys` keys: the same tensors, or near-copies."""

    rank: int
    hotkeys: int
    exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The owner's earnings with all hotkeys and with one, each as a share of all emission (0 … 1), means over the runs."""

    earned: float
    """With all hotkeys."""
    single: float
    """With one."""
    ratio: float
    """`earned` over `single`; `low` … `high` is its 95 % interval over the runs."""
    low: float
    high: float


def split(
    case: SplitCase, runs: int, rounds: int, *, world: World, competition: Competition, seed: int, advance: Advance
) -> Split:
    """Runs in pairs with the same seed, one of them with a single hotkey; raises ValueError for fewer than two runs.

    The ratio is of the means; its interval is from what each pair of runs leaves of it.
    """
    if runs < 2:
        raise ValueError("an interval needs two runs")
    many, one = (
        [
            play(
                divided(case.rank, hotkeys, case.exact),
                rounds,
                world=world,
                competition=competition,
                seed=seed + run,
                advance=advance,
            ).earned[0]
            for run in range(runs)
        ]
        for hotkeys in (case.hotkeys, 1)
    )
    earned, single = statistics.fmean(many) / rounds, statistics.fmean(one) / rounds
    if single == 0.0:
        raise ValueError("a single key earns nothing in so few rounds: there is no ratio")
    ratio = earned / single
    left = [(with_many - ratio * with_one) / (single * rounds) for with_many, with_one in zip(many, one, strict=True)]
    half = 1.96 * statistics.stdev(left) / runs**0.5
    return Split(earned=earned, single=single, ratio=ratio, low=ratio - half, high=ratio + half)
