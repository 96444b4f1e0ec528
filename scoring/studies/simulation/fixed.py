"""What a test with a number of groups fixed beforehand would need for the same errors: the yardstick of a duel that may stop early."""

from statistics import NormalDist

EXCESS, POWER = 0.2, 0.9
"""It is to find a lead of this many standard deviations above the margin, this often."""


def groups(threshold: float, excess: float = EXCESS, power: float = POWER) -> float:
    """n = ((z(1 - 1/threshold) + z(power)) / excess)²: a one-sided z-test that errs once in `threshold`, as a duel's bound says."""
    quantile = NormalDist().inv_cdf
    return ((quantile(1.0 - 1.0 / threshold) + quantile(power)) / excess) ** 2
