"""Estimates: how sure a share or a ratio of simulated runs is, and how long a test of fixed length would be."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

CONFIDENCE = 0.95
EXCESS, POWER = 0.2, 0.9
"""A test of fixed length is to find a lead of this many standard deviations above the margin, this often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """`hits` of `runs`, with Wilson's 95 % interval `low` … `high`."""

    hits: int
    runs: int
    share: float
    low: float
    high: float


def rate(hits: int, runs: int) -> Rate:
    """Wilson's score interval for a share; raises ValueError unless 0 ≤ hits ≤ runs and runs ≥ 1."""
    if not 0 <= hits <= runs or runs < 1:
        raise ValueError(f"{hits} of {runs} is no share")
    z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
    share, weight = hits / runs, z * z / runs
    middle = (share + weight / 2) / (1 + weight)
    half = z * ((share * (1 - share) + weight / 4) / runs) ** 0.5 / (1 + weight)
    return Rate(
        hits=hits,
        runs=runs,
        share=share,
        low=max(0.0, middle - half) if hits else 0.0,
        high=min(1.0, middle + half) if hits < runs else 1.0,
    )


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of two means, with its 95 % interval `low` … `high`."""

    ratio: float
    low: float
    high: float


def ratio(many: Sequence[float], one: Sequence[float]) -> Ratio:
    """The mean of one sample over that of another, from pairs of runs; raises ValueError for fewer than two, or for a mean of 0.

    The interval is from what each pair of runs leaves of the ratio.
    """
    if len(many) < 2 or not statistics.fmean(one):
        raise ValueError("a ratio needs two runs, and something to compare with")
    found = statistics.fmean(many) / statistics.fmean(one)
    half = half_interval([each - found * other for each, other in zip(many, one, strict=True)]) / statistics.fmean(one)
    return Ratio(found, found - half, found + half)


def half_interval(values: Sequence[float]) -> float:
    """Half of the 95 % interval of a mean."""
    return 1.96 * statistics.stdev(values) / math.sqrt(len(values))


def fixed_groups(threshold: float, excess: float = EXCESS, power: float = POWER) -> float:
    """The groups that a test with a number fixed beforehand needs for the errors of a duel, which may stop early.

    n = ((z(1 - 1/threshold) + z(power)) / excess)²: a one-sided z-test that errs once in `threshold`, as a duel's bound says.
    """
    quantile = NormalDist().inv_cdf
    return ((quantile(1.0 - 1.0 / threshold) + quantile(power)) / excess) ** 2
