"""The duel's arithmetic, its error rate and what crowns a challenger."""

import random
from dataclasses import replace

import pytest

from scoring import duel as duels
from scoring.competition import DuelRules
from scoring.duel import Duel, Outcome
from scoring.types import Micro, RoundNumber, SubmissionId

RULES = DuelRules(alpha=0.05, clip=0.5, margin_start=0.02, margin_end=0.005, margin_decay_blocks=36_000, max_rounds=24)


def a_duel(**overrides: object) -> Duel:
    """A fresh duel of submission 2 against king 1, unless told otherwise."""
    fresh = Duel(SubmissionId(2), SubmissionId(1), RoundNumber(3), margin=0.01, threshold=40.0)
    return replace(fresh, **overrides)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("age", "king", "expected"),
    [
        pytest.param(0, 500_000, 0.02, id="young king: 0.02"),
        pytest.param(18_000, 500_000, 0.0125, id="half-way: 0.02 - 0.015 / 2"),
        pytest.param(36_000, 500_000, 0.005, id="old king: 0.005"),
        pytest.param(90_000, 500_000, 0.005, id="older than the decay"),
        pytest.param(0, 980_000, 0.01, id="half of the room above 0.98"),
        pytest.param(0, 1_000_000, 0.0, id="no room at all"),
    ],
)
def test_margin_decays_with_age_and_leaves_half_the_room(age: int, king: int, expected: float) -> None:
    """The margin falls linearly with the king's age and never exceeds half of the room above the king."""
    assert duels.margin(RULES, age, Micro(king)) == pytest.approx(expected)


@pytest.mark.parametrize(("nth", "expected"), [(1, 40.0), (2, 120.0), (50, 51_000.0)])
def test_threshold_grows_so_that_lifetime_error_is_alpha(nth: int, expected: float) -> None:
    """n (n + 1) / α, whose inverses sum to α over all challengers."""
    assert duels.threshold(RULES, nth) == pytest.approx(expected)
    assert sum(1 / duels.threshold(RULES, n) for n in range(1, 5_000)) < RULES.alpha


def test_threshold_counts_from_one() -> None:
    """There is no zeroth challenger."""
    with pytest.raises(ValueError, match="from 1"):
        duels.threshold(RULES, 0)


def test_first_group_bets_nothing_and_second_follows_the_past() -> None:
    """By hand: gains .19, .09; λ₁ = 0, λ₂ = min(.19/.0361, .95/.51) = 1.8627…; W = 1 + 1.8627… · .09."""
    after = duels.step(a_duel(), [200_000, 100_000], RULES)
    assert after.wealth == pytest.approx(1 + (0.95 / 0.51) * 0.09)
    assert (after.groups, after.rounds) == (2, 1)
    assert after.total == pytest.approx(0.28)
    assert after.squares == pytest.approx(0.19**2 + 0.09**2)


def test_differences_are_clipped_at_the_declared_bound() -> None:
    """A difference of 0.9 counts as 0.5, on both sides."""
    assert duels.step(a_duel(), [900_000, -900_000], RULES) == duels.step(a_duel(), [500_000, -500_000], RULES)


def test_wealth_stays_positive_whatever_comes() -> None:
    """No sequence of clipped differences can ruin a challenger in one step."""
    after = duels.step(a_duel(), [500_000] * 30 + [-500_000] * 30, RULES)
    assert after.wealth > 0


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        pytest.param({"wealth": 39.9, "rounds": 3}, Outcome.OPEN, id="not enough yet"),
        pytest.param({"wealth": 40.0, "rounds": 3}, Outcome.CHALLENGER, id="enough"),
        pytest.param({"wealth": 39.9, "rounds": 24}, Outcome.KING, id="out of rounds"),
        pytest.param({"wealth": 40.0, "rounds": 24}, Outcome.CHALLENGER, id="enough in the last round"),
    ],
)
def test_reading(overrides: dict[str, object], expected: Outcome) -> None:
    """Wealth crowns; time without wealth keeps the king."""
    assert duels.read(a_duel(**overrides), RULES) is expected


def _crowned(mean: float, spread: float, seed: int) -> bool:
    draw, duel = random.Random(seed), a_duel()
    while duels.read(duel, RULES) is Outcome.OPEN:
        duel = duels.step(duel, [round(1e6 * draw.gauss(mean, spread)) for _ in range(32)], RULES)
    return duels.read(duel, RULES) is Outcome.CHALLENGER


def test_an_equal_model_is_hardly_ever_crowned() -> None:
    """At sd .1 an equal model (true difference 0, margin .01) wins at most 5 % of 200 duels."""
    assert sum(_crowned(0.0, 0.1, seed) for seed in range(200)) <= 10


def test_a_better_model_is_crowned() -> None:
    """At sd .1 a model better than the margin by .3 sd wins at least 95 % of 100 duels."""
    assert sum(_crowned(0.04, 0.1, seed) for seed in range(100)) >= 95
