"""How sure a share of simulated runs is."""

from dataclasses import dataclass
from statistics import NormalDist

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
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
    return Rate(hits, runs, share, max(0.0, middle - half) if hits else 0.0, min(1.0, middle + half) if hits < runs else 1.0)
