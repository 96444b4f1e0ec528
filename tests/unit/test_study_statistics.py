"""The statistics of the studies, against hand-computed cases and simulated data of known share."""

from collections.abc import Sequence

import numpy as np
import pytest

from benchmarks.variance import common_share
from scoring.studies.evidence.agreement import kendall, ranks, spearman


@pytest.mark.parametrize(
    ("one", "other", "rho", "tau"),
    [
        pytest.param([1, 2, 3, 4], [10, 20, 30, 40], 1.0, 1.0, id="the same order"),
        pytest.param([1, 2, 3, 4], [4, 3, 2, 1], -1.0, -1.0, id="the opposite order"),
        # d = (0, 0, 1, 1): rho = 1 - 6 · 2 / (4 · 15) = 0.8; five pairs agree, one does not: 4 / 6.
        pytest.param([1, 2, 3, 4], [1, 2, 4, 3], 0.8, 2 / 3, id="one swap"),
        # Ranks 1, 2.5, 2.5, 4: covariance 4.5, root of 5 · 4.5; five untied pairs, all agree: 5 / root of 6 · 5.
        pytest.param([1, 2, 3, 4], [1, 2, 2, 4], 4.5 / 22.5**0.5, 5 / 30**0.5, id="a tie"),
    ],
)
def test_rank_agreement(one: Sequence[float], other: Sequence[float], rho: float, tau: float) -> None:
    """Spearman's rho and Kendall's tau-b, the same from either side."""
    assert (spearman(one, other), kendall(one, other)) == pytest.approx((rho, tau))
    assert (spearman(other, one), kendall(other, one)) == pytest.approx((rho, tau))


def test_ranks_share_ties() -> None:
    """Equal values have the mean of their ranks."""
    assert ranks([5.0, 1.0, 5.0, 0.0]) == [3.5, 2.0, 3.5, 1.0]


@pytest.mark.parametrize("measure", [spearman, kendall])
def test_a_constant_order_agrees_with_nothing(measure: object) -> None:
    """Rather than 0, which would read as 'unrelated'."""
    assert callable(measure)
    with pytest.raises(ValueError, match="equal values"):
        measure([1.0, 1.0], [1.0, 2.0])


def simulated(share: float, rounds: int = 200, groups: int = 32, seed: int = 3) -> list[list[float]]:
    random = np.random.default_rng(seed)
    common = random.normal(0.0, share**0.5, size=(rounds, 1))
    own = random.normal(0.0, (1.0 - share) ** 0.5, size=(rounds, groups))
    found: list[list[float]] = (0.02 + 0.1 * (common + own)).tolist()
    return found


@pytest.mark.parametrize("share", [0.0, 0.02, 0.1, 0.3])
def test_a_known_share_is_found(share: float) -> None:
    """The estimate is near, the interval holds it, and it is narrow with 200 rounds."""
    found = common_share(simulated(share))
    assert found.estimate == pytest.approx(share, abs=0.04)
    assert found.low <= share <= found.high
    assert found.high - found.low < 0.15
    assert (found.rounds, found.groups) == (200, 32)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    """95 % of 200 small studies (8 rounds of 8 groups) with a share of 0.1, within what chance allows."""
    inside = 0
    for seed in range(200):
        found = common_share(simulated(0.1, rounds=8, groups=8, seed=seed))
        inside += found.low <= 0.1 <= found.high
    assert 0.90 <= inside / 200 <= 0.99


def test_a_hand_computed_share() -> None:
    """Rounds (1, 3) and (5, 7): MSB = 2 · (4 + 4) / 1 = 16, MSW = (1 + 1 + 1 + 1) / 2 = 2, F = 8, share = 7 / 9."""
    found = common_share([[1.0, 3.0], [5.0, 7.0]])
    assert (found.f, found.estimate) == pytest.approx((8.0, 7 / 9))


@pytest.mark.parametrize(
    "differences",
    [
        pytest.param([[1.0, 2.0]], id="one round"),
        pytest.param([[1.0], [2.0]], id="one group"),
        pytest.param([[1.0, 2.0], [1.0]], id="unequal"),
        pytest.param([[1.0, 1.0], [2.0, 2.0]], id="nothing varies within"),
    ],
)
def test_what_has_no_share_is_refused(differences: list[list[float]]) -> None:
    """With a sentence, rather than a number that means nothing."""
    with pytest.raises(ValueError, match="share"):
        common_share(differences)
