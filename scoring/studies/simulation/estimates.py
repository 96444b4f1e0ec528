"""Two estimates: how sure a share of simulated runs is, and how long a test of fixed length would be."""

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


def fixed_groups(threshold: float, excess: float = EXCESS, power: float = POWER) -> float:
    """The groups that a test with a number fixed beforehand needs for the errors of a duel, which may stop early.

    n = ((z(1 - 1/threshold) + z(power)) / excess)²: a one-sided z-test that errs once in `threshold`, as a duel's bound says.
    """
    quantile = NormalDist().inv_cdf
    return ((quantile(1.0 - 1.0 / threshold) + quantile(power)) / excess) ** 2
