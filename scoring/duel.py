"""A duel: evidence, group by group, that a challenger is better than the king by more than a margin.

The challenger's wealth starts at 1 and is multiplied, per group, by `1 + λ (D - δ)`: D is the clipped difference of the two scores
on the same group, δ the margin, λ a bet chosen from the past alone. If the challenger is not better by more than δ, wealth is a
supermartingale, so by Ville's inequality it reaches 1/α with probability at most α, however often it is read.
Arithmetic is IEEE addition, multiplication and division only: the same bits on every machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from scoring.competition import DuelRules
from scoring.types import MICRO, Micro, RoundNumber, SubmissionId

BET_CAP = 0.95
"""Share of the wealth that one group may cost at most."""


class Outcome(StrEnum):
    """What a duel says at the end of a round."""

    OPEN = "open"
    CHALLENGER = "challenger"
    KING = "king"


@dataclass(frozen=True, slots=True)
class Duel:
    """A duel's whole memory. `margin` and `threshold` are frozen when it opens; `total` and `squares` are of D - δ over the past."""

    challenger: SubmissionId
    king: SubmissionId
    opened: RoundNumber
    margin: float
    threshold: float
    wealth: float = 1.0
    groups: int = 0
    rounds: int = 0
    total: float = 0.0
    squares: float = 0.0


def margin(rules: DuelRules, king_age_blocks: int, king_score: Micro) -> float:
    """The lead (in score) a challenger must exceed: it decays with the king's age and is at most half of the room above the king."""
    age = min(max(king_age_blocks, 0), rules.margin_decay_blocks) / rules.margin_decay_blocks
    decayed = rules.margin_start + (rules.margin_end - rules.margin_start) * age
    return min(decayed, (MICRO - king_score) / MICRO / 2)


def threshold(rules: DuelRules, nth_challenger: int) -> float:
    """Wealth that crowns the n-th challenger (n ≥ 1) of a king: n (n + 1) / α, so that the errors over a king's life sum to α at most."""
    if nth_challenger < 1:
        raise ValueError("challengers are counted from 1")
    return nth_challenger * (nth_challenger + 1) / rules.alpha


def step(duel: Duel, differences: Sequence[int], rules: DuelRules) -> Duel:
    """One round's differences, challenger minus king in integers of 1e-6, in the groups' order."""
    for difference in differences:
        duel = _bet(duel, difference / MICRO, rules)
    return replace(duel, rounds=duel.rounds + 1)


def _bet(duel: Duel, difference: float, rules: DuelRules) -> Duel:
    gain = max(-rules.clip, min(rules.clip, difference)) - duel.margin
    stake = _stake(duel, rules)
    return replace(
        duel,
        wealth=duel.wealth * (1.0 + stake * gain),
        groups=duel.groups + 1,
        total=duel.total + gain,
        squares=duel.squares + gain * gain,
    )


def _stake(duel: Duel, rules: DuelRules) -> float:
    if duel.groups == 0 or duel.squares == 0.0:
        return 0.0
    # μ / (σ² + μ²): the second moment is σ² + μ².
    best = duel.total / duel.squares
    return max(0.0, min(best, BET_CAP / (rules.clip + duel.margin)))


def read(duel: Duel, rules: DuelRules) -> Outcome:
    """The verdict at a round's end: enough wealth crowns, too many rounds end it."""
    if duel.wealth >= duel.threshold:
        return Outcome.CHALLENGER
    if duel.rounds >= rules.max_rounds:
        return Outcome.KING
    return Outcome.OPEN
