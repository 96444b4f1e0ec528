"""Rank agreement of two orders: Spearman's rho (1904) and Kendall's tau-b (1945). Both in [-1, 1], more is better."""

import math
from collections.abc import Sequence
from itertools import combinations


def spearman(one: Sequence[float], other: Sequence[float]) -> float:
    """Correlation of the ranks, ties sharing their mean rank; raises ValueError if lengths differ or a side is constant.

    >>> spearman([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 4.0, 3.0])
    0.8
    """
    x, y = ranks(one), ranks(other)
    mean = (len(x) + 1) / 2
    across = math.fsum((a - mean) * (b - mean) for a, b in zip(x, y, strict=True))
    spread = math.sqrt(math.fsum((a - mean) ** 2 for a in x) * math.fsum((b - mean) ** 2 for b in y))
    return _ratio(across, spread)


def kendall(one: Sequence[float], other: Sequence[float]) -> float:
    """(concordant - discordant) pairs over the geometric mean of each side's untied pairs; raises ValueError as `spearman` does.

    >>> round(kendall([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 4.0, 3.0]), 3)
    0.667
    """
    both = list(zip(one, other, strict=True))
    signs = [(_sign(a[0] - b[0]), _sign(a[1] - b[1])) for a, b in combinations(both, 2)]
    untied = math.sqrt(sum(left != 0 for left, _ in signs) * sum(right != 0 for _, right in signs))
    return _ratio(sum(left * right for left, right in signs), untied)


def ranks(values: Sequence[float]) -> list[float]:
    """Rank of each value from 1, equal values sharing the mean of theirs."""
    return [(sum(v < value for v in values) + sum(v <= value for v in values) + 1) / 2 for value in values]


def _sign(difference: float) -> int:
    return (difference > 0) - (difference < 0)


def _ratio(across: float, spread: float) -> float:
    if spread == 0.0:
        raise ValueError("an order of equal values agrees with nothing")
    return across / spread
