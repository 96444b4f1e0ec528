"""A duel: evidence, step by step, that a challenger is better than the king by more than a margin.

The challenger's wealth starts at 1 and is spread over a few bets. Each step (a group, or a round's mean) multiplies the capital of each
bet by `1 + λ (D - δ)`: D is the clipped difference of the two scores, δ the margin, λ the bet divided by the standard deviation that
the past shows, and small enough to lose at most BET_CAP. Each λ is known before its step. If the challenger is not better by more
than δ, wealth is a supermartingale: by Ville's inequality it ever reaches a threshold T with probability 1/T at most, however often
it is read. Differences, margins and their squares are integers, the rest is IEEE + - * / and square root, in the order of the groups:
the same bits on every machine.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from scoring.competition import BetUnit, DuelRules
from scoring.types import MICRO, Entrant, Micro, RoundNumber

BET_CAP = 0.95
"""Share of a bet's capital that one step may cost at most."""
LEAST_CAPITAL, MOST_CAPITAL = 1e-300, 1e300
"""A bet's capital is kept between these at a round's end: no step underflows, overflows, or depends on how either is treated."""

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class DuelOutcome(StrEnum):
    """The state of a duel at the end of a round; IN_WORDS says it to people."""

    OPEN = "open"
    CROWNED = "crowned"
    FUTILE = "futile"
    MAX_ROUNDS = "max_rounds"
    KING_GONE = "king_gone"
    CHALLENGER_GONE = "challenger_gone"
    CHALLENGER_ABSENT = "challenger_absent"
    NEW_SCALE = "new_scale"


@dataclass(frozen=True, slots=True)
class OutcomeInWords:
    """The reason for a duel's state, and its consequence for the challenger."""

    why: str
    then: str


_LOST = "others have their turn; it may have another duel once its rounds beside the king promise something again"
IN_WORDS: Mapping[DuelOutcome, OutcomeInWords] = {
    DuelOutcome.OPEN: OutcomeInWords("the evidence decides nothing yet", "the duel goes on"),
    DuelOutcome.CROWNED: OutcomeInWords("the evidence reached the threshold", "the submission takes the top"),
    DuelOutcome.FUTILE: OutcomeInWords("too little evidence was left", _LOST),
    DuelOutcome.MAX_ROUNDS: OutcomeInWords("its rounds were over", _LOST),
    DuelOutcome.KING_GONE: OutcomeInWords(
        "the king left or was absent too long", "the submission starts anew against the next king"
    ),
    DuelOutcome.CHALLENGER_GONE: OutcomeInWords(
        "the submission left, was replaced, or was rejected", "it can take the top no more"
    ),
    DuelOutcome.CHALLENGER_ABSENT: OutcomeInWords("the submission was absent too long", _LOST),
    DuelOutcome.NEW_SCALE: OutcomeInWords(
        "scores are measured otherwise since then", "the submission starts anew against the same king"
    ),
}
"""Every outcome in words: the one table for explanations, logs, messages and docs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenger:
    """A submission that may be better than the king: what it scores beside it outside of a duel is no evidence, but says who is next."""

    entrant: Entrant
    promise: int = 0
    """Sum of D - δ over all steps beside this king, in 1e-6: the next duel goes by it. A lost duel leaves 0 at most."""
    groups: int = 0
    rounds: int = 0
    lost: int = 0
    """Duels that it lost to this king."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duel:
    """A duel's whole memory."""

    challenger: Entrant
    king: Entrant
    opened: RoundNumber
    """At this round's end the duel opened; margin and threshold are frozen since."""
    margin: Micro
    threshold: float
    """The wealth that crowns."""
    absent: int = 0
    """Rounds in a row in which the king was scored and the challenger was not."""
    capital: tuple[float, ...] = (1.0,)
    """The wealth by bet."""
    steps: int = 0
    groups: int = 0
    rounds: int = 0
    total: int = 0
    """Sum of D - δ over the past steps, in 1e-6."""
    squares: int = 0
    """Sum of (D - δ)² over the past steps, in 1e-12."""
    lead: int = 0
    """Sum of the groups' differences as they are, neither cut off nor averaged, in 1e-6."""
    lead_squares: int = 0
    """Sum of their squares, in 1e-12."""

    @property
    def wealth(self) -> float:
        """The evidence: it crowns when it reaches `threshold`."""
        return math.fsum(self.capital)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedDuel:
    """A duel that is over: its end, and how far it came."""

    entrant: Entrant
    """The challenger."""
    king: Entrant
    outcome: DuelOutcome
    wealth: float
    threshold: float
    groups: int
    rounds: int


def ended(duel: Duel, outcome: DuelOutcome) -> EndedDuel:
    """The end of a duel."""
    return EndedDuel(
        entrant=duel.challenger,
        king=duel.king,
        outcome=outcome,
        wealth=duel.wealth,
        threshold=duel.threshold,
        groups=duel.groups,
        rounds=duel.rounds,
    )


def margin(rules: DuelRules, king_age_blocks: int, king_score: Micro) -> Micro:
    """The lead a challenger must exceed: it decays with the king's age and is at most half of the room above the king.

    The room ends at the highest score that the rules let anybody reach; a king above it leaves none.
    """
    age = min(max(king_age_blocks, 0), rules.margin_decay_blocks) / rules.margin_decay_blocks
    decayed = rules.margin_start + (rules.margin_end - rules.margin_start) * age
    return Micro(min(round(decayed * MICRO), max(0, round(rules.ceiling * MICRO) - king_score) // 2))


def threshold(rules: DuelRules, nth_challenger: int) -> float:
    """Wealth that crowns the n-th challenger (n ≥ 1) of a king: (n + a - 1) (n + a) / (a α), a the half-life.

    Their inverses telescope: α / 2 over the first a challengers, α over all that a king will ever meet.
    """
    if nth_challenger < 1:
        raise ValueError("challengers are counted from 1")
    return (nth_challenger + rules.half_life - 1) * (nth_challenger + rules.half_life) / (rules.half_life * rules.alpha)


def step(duel: Duel, differences: Sequence[int] | Integers, rules: DuelRules) -> Duel:
    """One round's differences, challenger minus king in integers of 1e-6, in the groups' order; none: the challenger was absent."""
    found = np.asarray(differences, np.int64)
    groups = found.size
    if groups == 0:
        return replace(duel, absent=duel.absent + 1)
    lead, lead_squares = int(found.sum()), int((found * found).sum())
    gains = gains_of(found, duel.margin, rules)
    squares = gains * gains
    stakes = _stakes(duel, squares, groups if rules.step is BetUnit.ROUND else 1, rules)
    return replace(
        duel,
        absent=0,
        capital=_grown(_capital(duel, rules), stakes, gains / MICRO),
        steps=duel.steps + gains.size,
        groups=duel.groups + groups,
        rounds=duel.rounds + 1,
        total=duel.total + int(gains.sum()),
        squares=duel.squares + int(squares.sum()),
        lead=duel.lead + lead,
        lead_squares=duel.lead_squares + lead_squares,
    )


def gains_of(differences: Integers, least: Micro, rules: DuelRules) -> Integers:
    """The steps of a round's differences [..., groups], one at least: each cut off and less this margin, in 1e-6."""
    if rules.step is BetUnit.ROUND:
        differences = (
            differences.sum(axis=-1, keepdims=True) // differences.shape[-1]
        )  # rounded down: never in the challenger's favour
    clip = round(rules.clip * MICRO)
    gains: Integers = np.minimum(np.maximum(differences, -clip), clip) - least
    return gains


def _capital(duel: Duel, rules: DuelRules) -> Sequence[float]:
    """A new duel's wealth is shared out; so is one's that began under rules with another number of bets."""
    if len(duel.capital) == len(rules.bets):
        return duel.capital
    return [duel.wealth * share for share in rules.bet_shares]


def _stakes(duel: Duel, squares: Integers, averaged: int, rules: DuelRules) -> Floats:
    """λ by bet and step, from what came before each step; `averaged` is the number of groups whose mean is a step."""
    before = duel.squares + np.add.accumulate(squares) - squares
    count = rules.prior_count + duel.steps + np.arange(squares.size)
    prior = rules.prior_count * round(rules.prior_sd * MICRO) ** 2 // averaged
    deviation = np.sqrt((prior + before) / count) / MICRO
    bets = np.asarray(rules.bets)
    if averaged > 1:
        bets = np.minimum(bets * np.sqrt(np.float64(averaged)), 1.0)
    most = BET_CAP / ((round(rules.clip * MICRO) + duel.margin) / MICRO)
    stakes: Floats = np.minimum(bets[:, None] / deviation, most)
    return stakes


def _grown(capital: Sequence[float], stakes: Floats, gains: Floats) -> tuple[float, ...]:
    factors = np.empty((len(capital), gains.size + 1))
    factors[:, 0] = capital
    np.multiply(stakes, gains, out=factors[:, 1:])
    factors[:, 1:] += 1.0
    with np.errstate(over="ignore", under="ignore"):
        after = np.multiply.accumulate(factors, axis=1)[:, -1]
    return tuple(min(max(value, LEAST_CAPITAL), MOST_CAPITAL) for value in after.tolist())


def read(duel: Duel, rules: DuelRules) -> DuelOutcome:
    """The duel's state at a round's end: enough wealth crowns, too little ends it, and so do too many rounds, or absences."""
    if duel.wealth >= duel.threshold:
        return DuelOutcome.CROWNED
    if duel.wealth < rules.futility:
        return DuelOutcome.FUTILE
    if duel.absent >= rules.absent_rounds:
        return DuelOutcome.CHALLENGER_ABSENT
    return DuelOutcome.MAX_ROUNDS if duel.rounds >= rules.max_rounds else DuelOutcome.OPEN
