"""Drift: a worker whose scores lie to one side is accused by many audits, none of which is beyond the tolerance."""

import numpy as np
import pytest

from scoring.competition import AuditRules, load
from scoring.receipts.audit import mean_tolerance
from scoring.receipts.drift import BETS, Deviation, accused_at, wealths
from scoring.types import Hotkey, Micro

SHIPPED = load().version[-1].audits
RULES = AuditRules(drift=0.002, false_alarms=0.01)
TOLERANCE = mean_tolerance(36)


def audits(*by: int, hotkeys: int = 1) -> list[Deviation]:
    """Audits of hotkeys in turn, with these deviations."""
    return [Deviation(Hotkey(f"h{place % hotkeys}"), Micro(one), TOLERANCE) for place, one in enumerate(by)]


def test_a_case_by_hand() -> None:
    """Two audits at the whole tolerance upwards, then one at none: each bet grows by its part, then loses what is allowed.

    Half of the wealth waits for later beginnings, and half of the chance of a false alarm is for all audits together.
    """
    allowed = 2_000 / TOLERANCE
    grown = [1.0 + bet / (1.0 + allowed) * (1.0 - allowed) for bet in BETS]
    lost = [1.0 + bet / (1.0 + allowed) * (-1.0 - allowed) for bet in BETS]
    still = [1.0 - bet / (1.0 + allowed) * allowed for bet in BETS]
    up = sum(g * g * s for g, s in zip(grown, still, strict=True))
    down = sum(g * g * s for g, s in zip(lost, still, strict=True))
    expected = ((up + down) / 6 / 2 + 1 / 2) * 0.005
    *_, last = wealths(audits(TOLERANCE, TOLERANCE, 0), RULES)
    assert last == pytest.approx(expected)


@pytest.mark.parametrize(
    ("by", "within"),
    [
        pytest.param(0.98, 20, id="almost the tolerance upwards"),
        pytest.param(-0.98, 20, id="downwards"),
        pytest.param(0.5, 50, id="half of it"),
        pytest.param(0.25, 200, id="a quarter"),
    ],
)
def test_a_steady_lie_is_found(by: float, within: int) -> None:
    """Whatever side it is on, and the sooner the larger it is."""
    found = accused_at(audits(*[round(by * TOLERANCE)] * 400), RULES)
    assert found is not None and 5 < found < within


@pytest.mark.parametrize(
    "by",
    [
        pytest.param([0] * 5_000, id="no deviation"),
        pytest.param([TOLERANCE, -TOLERANCE] * 2_500, id="wide, and to both sides"),
        pytest.param([2_000] * 5_000, id="by what is allowed, each time"),
        pytest.param([-1_900] * 5_000, id="almost that, downwards"),
    ],
)
def test_an_honest_worker_is_not_accused(by: list[int]) -> None:
    """Not in 5,000 audits."""
    assert accused_at(audits(*by, hotkeys=23), RULES) is None


def test_a_lie_for_one_hotkey_alone_is_found_there() -> None:
    """Over all its audits the worker lies by little; over those of its friend it is as one-sided as the rest are honest."""
    mixed = [round(0.98 * TOLERANCE) if place % 24 == 3 else 0 for place in range(24 * 60)]
    found = accused_at(audits(*mixed, hotkeys=24), RULES)
    assert found is not None
    assert 10 < found // 24 < 35, "audits of the friend's models"
    assert accused_at(audits(*mixed), RULES) is None or accused_at(audits(*mixed), RULES) > found  # type: ignore[operator]


def test_false_alarms_are_rarer_than_allowed_at_the_edge_of_the_hypothesis() -> None:
    """Deviations as wide as the tolerance whose mean is just what is allowed: of 400 lives of 300 audits at most one in a hundred."""
    generator, share = np.random.default_rng(7), (1.0 + 2_000 / TOLERANCE) / 2
    lives = np.where(generator.random((400, 300)) < share, TOLERANCE, -TOLERANCE).tolist()
    assert sum(accused_at(audits(*life, hotkeys=24), RULES) is not None for life in lives) <= 4


def test_a_lie_that_begins_late_is_found_as_soon() -> None:
    """Bets begin again: a long honest life, however wild, proves nothing for ever."""
    for honest in ([0], [TOLERANCE, -TOLERANCE]):
        found = accused_at(audits(*honest * (2_000 // len(honest)), *[round(0.98 * TOLERANCE)] * 400), RULES)
        assert found is not None and 2_005 < found < 2_080


def test_what_is_forgiven_for_ever_wins_no_duel() -> None:
    """A shift that no audit finds is below the least margin that a challenger has to exceed."""
    assert SHIPPED.drift < min(track.duel.margin_end for track in load().version[-1].track)
