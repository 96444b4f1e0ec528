"""The duel's arithmetic, its error rate and what crowns a challenger."""

import itertools
import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.competition import BetUnit, DuelRules
from scoring.ranking import duel as duels
from scoring.ranking.duel import BET_CAP, LEAST_CAPITAL, MOST_CAPITAL, Duel, DuelOutcome
from scoring.types import Entrant, Micro, RoundNumber

RULES = DuelRules(
    alpha=0.05,
    half_life=30,
    step=BetUnit.GROUP,
    clip=0.5,
    seniority=0.5,
    margin_start=0.02,
    margin_end=0.005,
    margin_decay_blocks=36_000,
    ceiling=1.0,
    bets=(0.16, 0.4),
    bet_shares=(0.75, 0.25),
    prior_sd=0.1,
    prior_count=16,
    futility=0.05,
    max_rounds=24,
    absent_rounds=6,
)
BY_ROUND = RULES.model_copy(update={"step": BetUnit.ROUND, "clip": 0.05})
BOTH_STEPS = [pytest.param(RULES, id="group by group"), pytest.param(BY_ROUND, id="round by round")]


def a_duel(**overrides: object) -> Duel:
    """A fresh duel of b against king a, unless told otherwise."""
    fresh = Duel(challenger=Entrant("b@2"), king=Entrant("a@1"), opened=RoundNumber(3), margin=Micro(10_000), threshold=40.0)
    return replace(fresh, **overrides)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("age", "king", "expected"),
    [
        pytest.param(0, 500_000, 20_000, id="young king: 0.02"),
        pytest.param(18_000, 500_000, 12_500, id="half-way: 0.02 - 0.015 / 2"),
        pytest.param(36_000, 500_000, 5_000, id="old king: 0.005"),
        pytest.param(90_000, 500_000, 5_000, id="older than the decay"),
        pytest.param(-5, 500_000, 20_000, id="before its time"),
        pytest.param(0, 980_000, 10_000, id="half of the room above 0.98"),
        pytest.param(0, 1_000_000, 0, id="no room at all"),
    ],
)
def test_margin_decays_with_age_and_leaves_half_the_room(age: int, king: int, expected: int) -> None:
    """The margin falls linearly with the king's age and never exceeds half of the room above the king."""
    assert duels.margin(RULES, age, Micro(king)) == expected


@pytest.mark.parametrize(
    ("half_life", "nth", "expected"),
    [
        pytest.param(1, 1, 40.0, id="a = 1, n = 1: 1 · 2 / .05"),
        pytest.param(1, 50, 51_000.0, id="a = 1, n = 50: 50 · 51 / .05"),
        pytest.param(30, 1, 620.0, id="a = 30, n = 1: 30 · 31 / 1.5"),
        pytest.param(30, 50, 4213.333333333333, id="a = 30, n = 50: 79 · 80 / 1.5"),
    ],
)
def test_threshold_by_hand(half_life: int, nth: int, expected: float) -> None:
    """(n + a - 1) (n + a) / (a α)."""
    assert duels.threshold(RULES.model_copy(update={"half_life": half_life}), nth) == pytest.approx(expected)


@given(st.integers(1, 200), st.floats(0.001, 1.0))
def test_the_errors_of_a_kings_life_sum_to_alpha(half_life: int, alpha: float) -> None:
    """Half of α for the first `half_life` challengers; after n of them n / (n + a) of it, never all."""
    rules = RULES.model_copy(update={"half_life": half_life, "alpha": alpha})
    spent = list(itertools.accumulate(1 / duels.threshold(rules, n) for n in range(1, 1001)))
    assert spent[half_life - 1] == pytest.approx(alpha / 2)
    assert spent[-1] == pytest.approx(alpha * 1000 / (1000 + half_life))


def test_threshold_counts_from_one() -> None:
    """There is no zeroth challenger."""
    with pytest.raises(ValueError, match="from 1"):
        duels.threshold(RULES, 0)


def test_two_groups_by_hand() -> None:
    """Gains .19, .09; σ₁² = .01, σ₂² = (16 · .01 + .19²) / 17; λ = g / σ, both below .95 / .51."""
    after = duels.step(a_duel(), [200_000, 100_000], RULES)
    second = math.sqrt((16 * 0.01 + 0.19**2) / 17)
    small = 0.75 * (1 + 0.16 / 0.1 * 0.19) * (1 + 0.16 / second * 0.09)
    large = 0.25 * (1 + min(0.4 / 0.1, 0.95 / 0.51) * 0.19) * (1 + min(0.4 / second, 0.95 / 0.51) * 0.09)
    assert after.capital == pytest.approx((small, large))
    assert after.wealth == pytest.approx(small + large)
    assert (after.steps, after.groups, after.rounds, after.total, after.squares) == (2, 2, 1, 280_000, 190_000**2 + 90_000**2)


def test_two_rounds_of_means_by_hand() -> None:
    """Four groups of mean .04 are one step: gain .03, σ = .1 / √4, bets min(g √4, 1)."""
    after = duels.step(a_duel(), [90_000, -10_000, -10_000, 90_000], BY_ROUND)
    small, large = (0.75 * (1 + min(0.32 / 0.05, 0.95 / 0.06) * 0.03), 0.25 * (1 + min(0.8 / 0.05, 0.95 / 0.06) * 0.03))
    assert after.capital == pytest.approx((small, large))
    assert (after.steps, after.groups, after.rounds, after.total) == (1, 4, 1, 30_000)


def test_no_groups_are_no_evidence() -> None:
    """A round without a shared group takes nothing, not even one of the duel's rounds."""
    assert duels.step(a_duel(), [], RULES) == replace(a_duel(), absent=1)
    assert duels.step(replace(a_duel(), absent=5), [0], RULES).absent == 0


@pytest.mark.parametrize("rules", BOTH_STEPS)
def test_differences_are_clipped_at_the_declared_bound(rules: DuelRules) -> None:
    """A difference of 0.9 counts as the bound, on both sides; the lead that is paid is not cut off."""
    most = round(rules.clip * 1e6)
    for sign in (-1, 1):
        far, bound = (duels.step(a_duel(), [sign * value], rules) for value in (900_000, most))
        assert replace(far, lead=0, lead_squares=0) == replace(bound, lead=0, lead_squares=0)
        assert (far.lead, far.lead_squares) == (sign * 900_000, 900_000**2)


@pytest.mark.parametrize("rules", BOTH_STEPS)
@given(st.lists(st.lists(st.integers(-1_000_000, 1_000_000), max_size=40), max_size=30), st.integers(0, 500_000))
def test_wealth_is_a_positive_number_whatever_comes(rules: DuelRules, rounds: list[list[int]], margin: int) -> None:
    """Never NaN, never infinite, never ruined: each bet's capital stays between its bounds."""
    duel = a_duel(margin=Micro(margin))
    for differences in rounds:
        duel = duels.step(duel, differences, rules)
        assert all(LEAST_CAPITAL <= capital <= MOST_CAPITAL for capital in duel.capital)
        assert math.isfinite(duel.wealth)


def test_wealth_survives_thousands_of_equal_steps() -> None:
    """5,000 groups of the largest gain and of the largest loss end at the bounds, not at infinity or nothing."""
    assert duels.step(a_duel(), [500_000] * 5000, RULES).capital == (MOST_CAPITAL, MOST_CAPITAL)
    assert duels.step(a_duel(), [-500_000] * 5000, RULES).capital == (LEAST_CAPITAL, LEAST_CAPITAL)


@pytest.mark.parametrize("rules", BOTH_STEPS)
def test_no_bet_may_lose_more_than_its_cap(rules: DuelRules) -> None:
    """The worst step leaves 5 % of each bet's capital, however small the deviation was before."""
    calm = duels.step(a_duel(), [10_000] * 3000, rules)
    worst = duels.step(calm, [-500_000], rules)
    assert all(after >= before * (1 - BET_CAP) * 0.999999 for before, after in zip(calm.capital, worst.capital, strict=True))


@given(st.lists(st.integers(-600_000, 600_000), min_size=1, max_size=60), st.integers(0, 60))
def test_a_round_is_its_groups_one_by_one(differences: list[int], cut: int) -> None:
    """Where a group is a step, it does not matter how groups are spread over rounds: the same bits."""
    whole = duels.step(a_duel(), differences, RULES)
    parts = duels.step(duels.step(a_duel(), differences[:cut], RULES), differences[cut:], RULES)
    assert replace(parts, rounds=0, absent=0) == replace(whole, rounds=0)


@given(st.lists(st.integers(-400_000, 400_000), min_size=1, max_size=30), st.integers(0, 29), st.integers(1, 100_000))
def test_a_better_last_group_never_means_less_wealth(differences: list[int], which: int, more: int) -> None:
    """Each bet was made before its step: of two futures the better one is worth more."""
    better = [*differences[:-1], differences[-1] + more]
    assert duels.step(a_duel(), better, RULES).wealth >= duels.step(a_duel(), differences, RULES).wealth


def _expected(rules: DuelRules, size: int, mean: int, length: int = 12) -> float:
    """Mean wealth over all sequences of rounds of one group that scored `mean` ± `size` (1e-6) more, all equally likely."""
    field = [a_duel()]
    for _ in range(length):
        field = [duels.step(duel, [mean + sign * size], rules) for duel in field for sign in (-1, 1)]
    return math.fsum(duel.wealth for duel in field) / float(2**length)


@pytest.mark.parametrize(
    ("rules", "size"),
    [
        pytest.param(RULES, 20_000, id="groups, small steps"),
        pytest.param(RULES, 490_000, id="groups, the largest steps"),
        pytest.param(BY_ROUND, 40_000, id="rounds"),
    ],
)
def test_at_the_margin_the_expected_wealth_is_one(rules: DuelRules, size: int) -> None:
    """All 4,096 sequences of 12 steps around the margin: a fair game, whatever was learned on the way."""
    assert _expected(rules, size, mean=10_000) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("rules", BOTH_STEPS)
def test_below_the_margin_the_expected_wealth_falls(rules: DuelRules) -> None:
    """A challenger that is equal to the king, and the margin is .01."""
    assert _expected(rules, 39_000, mean=0) < _expected(rules, 39_000, mean=0, length=6) < 1.0


def test_rules_with_more_bets_share_out_what_there_is() -> None:
    """A duel that outlives its rules keeps its wealth."""
    duel = duels.step(a_duel(), [100_000] * 8, RULES)
    three = RULES.model_copy(update={"bets": (0.1, 0.2, 0.4), "bet_shares": (0.5, 0.25, 0.25)})
    after = duels.step(duel, [duel.margin], three)
    assert after.capital == pytest.approx([duel.wealth * share for share in three.bet_shares])


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        pytest.param({"capital": (39.0, 0.9), "rounds": 3}, DuelOutcome.OPEN, id="not enough yet"),
        pytest.param({"capital": (39.0, 1.0), "rounds": 3}, DuelOutcome.CROWNED, id="enough"),
        pytest.param({"capital": (0.02, 0.02), "rounds": 3}, DuelOutcome.FUTILE, id="hardly anything left"),
        pytest.param({"capital": (0.02, 0.03), "rounds": 3}, DuelOutcome.OPEN, id="just enough left"),
        pytest.param({"capital": (39.0, 0.9), "rounds": 24}, DuelOutcome.MAX_ROUNDS, id="out of rounds"),
        pytest.param({"capital": (39.0, 1.0), "rounds": 24}, DuelOutcome.CROWNED, id="enough in the last round"),
        pytest.param({"absent": 5}, DuelOutcome.OPEN, id="absent for a while"),
        pytest.param({"absent": 6}, DuelOutcome.CHALLENGER_ABSENT, id="absent too long"),
    ],
)
def test_reading(overrides: dict[str, object], expected: DuelOutcome) -> None:
    """Wealth crowns; too little of it, or time without it, keeps the king."""
    assert duels.read(a_duel(**overrides), RULES) is expected


def _ends(mean: float, spread: float, seed: int, rules: DuelRules = RULES) -> DuelOutcome:
    draw, duel = random.Random(seed), a_duel(threshold=duels.threshold(RULES, 1))
    while duels.read(duel, rules) is DuelOutcome.OPEN:
        duel = duels.step(duel, [round(1e6 * draw.gauss(mean, spread)) for _ in range(32)], rules)
    return duels.read(duel, rules)


@pytest.mark.parametrize("rules", BOTH_STEPS)
def test_a_model_at_the_margin_is_hardly_ever_crowned(rules: DuelRules) -> None:
    """At sd .1 a model better by exactly the margin wins at most 1 of 100 duels, whose threshold allows 1 in 620."""
    assert sum(_ends(0.01, 0.1, seed, rules) is DuelOutcome.CROWNED for seed in range(100)) <= 1


@pytest.mark.parametrize("rules", BOTH_STEPS)
def test_a_better_model_is_crowned(rules: DuelRules) -> None:
    """At sd .1 a model better than the margin by .3 sd wins at least 95 % of 60 duels."""
    assert sum(_ends(0.04, 0.1, seed, rules) is DuelOutcome.CROWNED for seed in range(60)) >= 57


def test_a_worse_model_is_soon_dismissed() -> None:
    """A model worse by .3 sd is futile before half of its rounds are over, in at least 95 % of 60 duels."""
    rules = RULES.model_copy(update={"max_rounds": 12})
    assert sum(_ends(-0.02, 0.1, seed, rules) is DuelOutcome.FUTILE for seed in range(60)) >= 57
