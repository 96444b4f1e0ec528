"""Validators that copy weights: what that earns, in the open and with commit-reveal, of what an honest validator of the same stake earns.

The honest ones set what follows from their ledgers, in each epoch; a copier sets what the chain showed of them last. Sealed weights count
some epochs later, and are seen when they count: so a copy of them counts as many epochs later again.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from scoring.types import Uid, Weight

Row = Mapping[Uid, Weight]
"""A validator's weights, as shares by uid."""
Consensus = Callable[[Sequence[int], Sequence[Row]], tuple[Mapping[Uid, float], Mapping[Uid, float]]]
"""Of stakes and rows: by uid the most that a row may give, and the incentive (sums to 1)."""
HONEST = 4
"""Honest validators, with equal stakes."""
STAKE = 100
"""Of each honest validator; the copier's is the same."""


@dataclass(frozen=True, slots=True)
class CopyCase:
    """The rule of a subnet: sealed weights count after so many epochs (0: weights are set in the open).

    `memory` is the part of its bonds that a validator keeps from epoch to epoch: 0 where dividends follow the weights of the moment.
    """

    period: int
    memory: float


CASES = tuple(CopyCase(period, memory) for memory in (0.0, 0.9) for period in (0, 1, 2, 4))


@dataclass(frozen=True, slots=True, kw_only=True)
class Copying:
    """A copier's dividends, as a multiple of an honest validator's: the mean over runs with its 95 % interval, and the least."""

    case: CopyCase
    runs: int
    epochs: int
    changes: float
    """Epochs, a run, in which a tenth of the honest weights or more went to others."""
    ratio: float
    low: float
    high: float
    least: float


def copying(case: CopyCase, runs: Sequence[Sequence[Row]], consensus: Consensus) -> Copying:
    """The pay of a copier beside `HONEST` honest validators, whose rows by epoch are given for each run.

    Raises ValueError for fewer than two runs.
    """
    if len(runs) < 2:
        raise ValueError("an interval needs two runs")
    ratios = [_ratio(case, rows, consensus) for rows in runs]
    half = 1.96 * statistics.stdev(ratios) / len(ratios) ** 0.5
    mean = statistics.fmean(ratios)
    return Copying(
        case=case,
        runs=len(runs),
        epochs=len(runs[0]),
        changes=statistics.fmean(_changes(rows) for rows in runs),
        ratio=mean,
        low=mean - half,
        high=mean + half,
        least=min(ratios),
    )


def _ratio(case: CopyCase, rows: Sequence[Row], consensus: Consensus) -> float:
    """One run: the copier's dividends over those of an honest validator."""
    copier = honest = 0.0
    bonds: list[dict[Uid, float]] = [{} for _ in range(HONEST + 1)]
    stakes = [STAKE] * (HONEST + 1)
    for epoch in range(case.period, len(rows)):
        given = [rows[epoch]] * HONEST + [rows[epoch - case.period]]
        most, incentive = consensus(stakes, given)
        bonds = [_bond(old, row, most, case.memory) for old, row in zip(bonds, given, strict=True)]
        shares = [_dividends(bonds, place, incentive) for place in range(HONEST + 1)]
        copier, honest = copier + shares[-1], honest + shares[0]
    return copier / honest


def _bond(old: Mapping[Uid, float], row: Row, most: Mapping[Uid, float], memory: float) -> dict[Uid, float]:
    """A validator's bonds after an epoch: its weights, cut to the consensus, and what it keeps of those before."""
    return {uid: memory * old.get(uid, 0.0) + (1.0 - memory) * min(row.get(uid, 0.0), most.get(uid, 0.0)) for uid in {*old, *row}}


def _dividends(bonds: Sequence[Mapping[Uid, float]], place: int, incentive: Mapping[Uid, float]) -> float:
    """A validator's part of each uid's bonds, weighted by the uid's incentive; all have the same stake."""
    found = 0.0
    for uid, share in incentive.items():
        total = sum(bond.get(uid, 0.0) for bond in bonds)
        found += share * bonds[place].get(uid, 0.0) / total if total > 0.0 else 0.0
    return found


def _changes(rows: Sequence[Row]) -> int:
    """Epochs whose weights differ from those before by a tenth or more of the whole."""
    moved = (sum(abs(now.get(uid, 0.0) - then.get(uid, 0.0)) for uid in {*now, *then}) / 2 for then, now in pairwise(rows))
    return sum(part >= 0.1 for part in moved)
