"""Asked to stop once: soon. Asked twice: now."""

from datetime import timedelta

import pytest

from workers.jobs.drain import Drain


class Clock:
    """Time that the test moves, in seconds."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("signals_at", "now", "requested", "overdue", "left"),
    [
        pytest.param([], 1000, False, False, 60, id="nobody asked"),
        pytest.param([0], 0, True, False, 60, id="asked just now"),
        pytest.param([0], 59, True, False, 1, id="a second before the end of the patience"),
        pytest.param([0], 60, True, True, 0, id="at its end"),
        pytest.param([0, 5], 5, True, True, 0, id="asked again"),
        pytest.param([0, 5, 9], 9, True, True, 0, id="and again"),
    ],
)
def test_patience(signals_at: list[int], now: int, requested: bool, overdue: bool, left: int) -> None:
    """60 s of it, from the first signal on; the second one takes it away."""
    clock = Clock()
    drain = Drain(timedelta(seconds=60), clock)
    for second in signals_at:
        clock.now = 100.0 + second
        drain.request()
    clock.now = 100.0 + now
    assert (drain.requested, drain.overdue, drain.left) == (requested, overdue, timedelta(seconds=left))
