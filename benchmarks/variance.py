"""The share of a difference's variance that is common to a round: one-way random-effects analysis of variance.

D[r, g] = mean + round effect[r] + group effect[r, g]. With k rounds of n groups, MSB and MSW the mean squares between and within
rounds: share = var(round) / (var(round) + var(group)), estimated as (MSB - MSW) / (MSB + (n - 1) MSW). The interval is the exact
one for normal effects, from F = MSB / MSW and the quantiles of the F distribution (Searle). Only the lower end and the estimate
are cut off at 0; a negative estimate says that rounds differ less than chance.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

DRAWS = 400_000
"""The F distribution's quantiles come from this many seeded draws: good to one per cent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceShare:
    """The share of variance common to a round, in [0, 1], with its interval; `f` is MSB / MSW, 1 where there is none."""

    estimate: float
    low: float
    high: float
    f: float
    rounds: int
    groups: int


def common_share(differences: Sequence[Sequence[float]], confidence: float = 0.95) -> VarianceShare:
    """The share for differences [rounds][groups]; raises ValueError unless ≥ 2 rounds have one same number ≥ 2 of groups.

    Equal differences everywhere have no variance to share: they raise ValueError too.
    """
    rounds, groups = len(differences), len(differences[0]) if differences else 0
    if rounds < 2 or groups < 2 or any(len(row) != groups for row in differences):
        raise ValueError("the share needs two rounds or more, of one number of groups, two or more")
    means = [math.fsum(row) / groups for row in differences]
    overall = math.fsum(means) / rounds
    between = groups * math.fsum((mean - overall) ** 2 for mean in means) / (rounds - 1)
    within = math.fsum((d - mean) ** 2 for row, mean in zip(differences, means, strict=True) for d in row)
    within /= rounds * (groups - 1)
    if within == 0.0:
        raise ValueError("the differences do not vary within a round: there is nothing to share")
    f = between / within
    upper, lower = _quantiles(rounds - 1, rounds * (groups - 1), confidence)
    return VarianceShare(
        estimate=max(0.0, _share(f, groups)),
        low=max(0.0, _share(f / upper, groups)),
        high=max(0.0, _share(f / lower, groups)),
        f=f,
        rounds=rounds,
        groups=groups,
    )


def _share(f: float, groups: int) -> float:
    return (f - 1.0) / (f + groups - 1.0)


@cache
def _quantiles(between: int, within: int, confidence: float) -> tuple[float, float]:
    """The F distribution's upper and lower quantile for the two degrees of freedom."""
    drawn = np.random.default_rng(0).f(between, within, DRAWS)
    upper, lower = np.quantile(drawn, [0.5 + confidence / 2, 0.5 - confidence / 2])
    return float(upper), float(lower)
