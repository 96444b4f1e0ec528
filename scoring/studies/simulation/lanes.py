"""Many duels side by side: `scoring.ranking.duel` for a whole array of challengers at once, bit for bit what it says of each alone."""

import math
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from scoring.competition import BetUnit, DuelRules
from scoring.ranking.duel import BET_CAP, LEAST_CAPITAL, MOST_CAPITAL
from scoring.ranking.selection import CONFIDENCE
from scoring.studies.simulation.world import Floats, Micros
from scoring.types import MICRO

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lanes:
    """Many duels: each field of `scoring.ranking.duel.Duel` as an array, `capital` [lanes, bets], all others [lanes]."""

    margin: Micros
    threshold: Floats
    capital: Floats
    steps: Micros
    groups: Micros
    rounds: Micros
    squares: Micros

    @property
    def wealth(self) -> Floats:
        """The evidence of each; a sum of two is rounded once however it is made, one of more is made as the duel makes it."""
        if self.capital.shape[1] <= 2:
            return np.add.accumulate(self.capital, axis=1)[:, -1]
        return np.array([math.fsum(row) for row in self.capital.tolist()])

    def where(self, chosen: Bools, other: "Lanes") -> "Lanes":
        """The chosen lanes from `other`, the rest from here."""
        taken = {}
        for entry in fields(Lanes):
            mine, theirs = getattr(self, entry.name), getattr(other, entry.name)
            taken[entry.name] = np.where(chosen[:, None] if mine.ndim == 2 else chosen, theirs, mine)
        return Lanes(**taken)


def opened(margin: Micros, threshold: Floats, rules: DuelRules) -> Lanes:
    """New duels with these frozen margins (1e-6) and thresholds."""
    none = np.zeros(margin.size, np.int64)
    return Lanes(
        margin=margin,
        threshold=threshold,
        capital=np.tile(np.asarray(rules.bet_shares), (margin.size, 1)),
        steps=none,
        groups=none,
        rounds=none,
        squares=none,
    )


def step(lanes: Lanes, differences: Micros, rules: DuelRules) -> Lanes:
    """One round's differences [lanes, groups], challenger minus king in integers of 1e-6."""
    groups = differences.shape[1]
    if rules.step is BetUnit.ROUND:
        differences = differences.sum(axis=1, keepdims=True) // groups
    clip = round(rules.clip * MICRO)
    gains = np.clip(differences, -clip, clip) - lanes.margin[:, None]
    squares = gains * gains
    stakes = _stakes(lanes, squares, groups if rules.step is BetUnit.ROUND else 1, rules)
    factors = np.concatenate([lanes.capital[..., None], 1.0 + stakes * (gains / MICRO)[:, None, :]], axis=2)
    after = np.multiply.accumulate(factors, axis=2)[..., -1]
    return replace(
        lanes,
        capital=np.clip(after, LEAST_CAPITAL, MOST_CAPITAL),
        steps=lanes.steps + gains.shape[1],
        groups=lanes.groups + groups,
        rounds=lanes.rounds + 1,
        squares=lanes.squares + squares.sum(axis=1),
    )


def _stakes(lanes: Lanes, squares: Micros, averaged: int, rules: DuelRules) -> Floats:
    """λ [lanes, bets, steps]."""
    before = lanes.squares[:, None] + np.add.accumulate(squares, axis=1) - squares
    count = rules.prior_count + lanes.steps[:, None] + np.arange(squares.shape[1])
    prior = rules.prior_count * round(rules.prior_sd * MICRO) ** 2 // averaged
    deviation = np.sqrt((prior + before) / count) / MICRO
    bets = np.asarray(rules.bets)
    if averaged > 1:
        bets = np.minimum(bets * np.sqrt(np.float64(averaged)), 1.0)
    most = BET_CAP / ((round(rules.clip * MICRO) + lanes.margin) / MICRO)
    return np.minimum(bets[:, None] / deviation[:, None, :], most[:, None, None])


def crowned(lanes: Lanes) -> Bools:
    """For each lane, whether its wealth reaches the threshold."""
    return lanes.wealth >= lanes.threshold


def settled(lanes: Lanes, rules: DuelRules) -> Bools:
    """For each lane, whether its duel is over, crowned or not."""
    return crowned(lanes) | (lanes.wealth < rules.futility) | (lanes.rounds >= rules.max_rounds)


def clearly_worse(differences: Micros) -> Bools:
    """For each lane of [lanes, groups] whether the challenger may not open a duel: as `scoring.ranking.fold` decides."""
    groups = differences.shape[1]
    total, squares = differences.sum(axis=1), (differences * differences).sum(axis=1)
    spread = np.maximum(0, squares * groups - total * total)
    worse: Bools = total < -CONFIDENCE * np.sqrt(spread / (groups - 1))
    return worse
