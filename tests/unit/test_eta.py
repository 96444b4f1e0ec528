"""The estimate of a wait, by hand-computed rows."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_api.schemas.queue import EtaRange, Throughput, estimate

SECOND = timedelta(seconds=1)
EVEN = tuple(60 * SECOND for _ in range(5))
SPREAD = tuple(seconds * SECOND for seconds in (10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110))
"""Median 60; of eleven, inclusive, the 10th percentile is the second, 20, and the 90th the tenth, 100."""


@pytest.mark.parametrize(
    ("ahead", "throughput", "expected"),
    [
        pytest.param(0, Throughput(0, 0, EVEN), None, id="no worker lives"),
        pytest.param(0, Throughput(1, 1, ()), None, id="nothing measured"),
        pytest.param(0, Throughput(1, 0, ()), EtaRange(0, 0, 0), id="an idle worker takes it, measured or not"),
        pytest.param(1, Throughput(2, 0, EVEN), EtaRange(0, 0, 0), id="two idle for two"),
        pytest.param(0, Throughput(1, 1, EVEN), EtaRange(60, 60, 60), id="one busy worker: 1 x 60 / 1"),
        pytest.param(0, Throughput(4, 4, EVEN), EtaRange(15, 15, 15), id="the first of four to come free: 1 x 60 / 4"),
        pytest.param(7, Throughput(4, 4, EVEN), EtaRange(120, 120, 120), id="eight turns of four: 8 x 60 / 4"),
        pytest.param(3, Throughput(4, 2, EVEN), EtaRange(30, 30, 30), id="two idle take two: 2 x 60 / 4"),
        pytest.param(
            3, Throughput(1, 1, SPREAD), EtaRange(160, 240, 320), id="4 x 60, and 2 x (60 - 20) less or 2 x (100 - 60) more"
        ),
        pytest.param(0, Throughput(1, 1, (90 * SECOND,)), EtaRange(90, 90, 90), id="one measured says no spread"),
        pytest.param(0, Throughput(1, 2, EVEN), EtaRange(60, 60, 60), id="more held than live: a dead one's lease"),
    ],
)
def test_estimate(ahead: int, throughput: Throughput, expected: EtaRange | None) -> None:
    """Each row carries its arithmetic."""
    assert estimate(ahead, throughput) == expected


def test_nothing_starts_before_it_is_due() -> None:
    """A retry's pause is a floor of the wait."""
    assert estimate(0, Throughput(1, 0, EVEN), due_in=timedelta(seconds=89.5)) == EtaRange(90, 90, 90)
    assert estimate(0, Throughput(1, 1, EVEN), due_in=timedelta(seconds=-5)) == EtaRange(60, 60, 60)


@given(
    st.integers(0, 50),
    st.integers(1, 20),
    st.integers(0, 20),
    st.lists(st.timedeltas(timedelta(0), timedelta(hours=2)), min_size=1, max_size=20),
)
def test_a_wait_never_shrinks_by_standing_further_back(
    ahead: int, workers: int, running: int, durations: Sequence[timedelta]
) -> None:
    """They are in order, and one more ahead never makes any of them shorter; one more worker never makes P50 longer."""
    throughput = Throughput(workers, running, durations)
    nearer, further, helped = (
        estimate(ahead, throughput),
        estimate(ahead + 1, throughput),
        estimate(ahead, Throughput(workers + 1, running, durations)),
    )
    assert nearer is not None and further is not None and helped is not None
    assert 0 <= nearer.p10_seconds <= nearer.p50_seconds <= nearer.p90_seconds
    assert all(getattr(nearer, name) <= getattr(further, name) for name in ("p10_seconds", "p50_seconds", "p90_seconds"))
    assert helped.p50_seconds <= nearer.p50_seconds
