"""Rules with an end."""

import pytest

from neurons.validator.weights.expiry import rounds_left_or_raise
from scoring.competition import load
from scoring.errors import Code, PlatformError
from scoring.types import RoundNumber

ENDING = load().model_copy(update={"until_round": 1000})


@pytest.mark.parametrize(
    ("number", "left"),
    [
        pytest.param(950, None, id="long before"),
        pytest.param(951, 49, id="soon"),
        pytest.param(1000, 0, id="the last round"),
    ],
)
def test_the_end_is_announced(number: int, left: int | None) -> None:
    """In the last fifty rounds."""
    assert rounds_left_or_raise(ENDING, RoundNumber(number)) == left


def test_rules_that_have_ended_are_refused() -> None:
    """With a code, and what to do."""
    with pytest.raises(PlatformError, match="end with round 1000, and this is round 1001") as caught:
        rounds_left_or_raise(ENDING, RoundNumber(1001))
    assert caught.value.code is Code.COMPETITION_EXPIRED


def test_rules_without_an_end_hold_on() -> None:
    """As those of a network that nobody else joins."""
    assert rounds_left_or_raise(load().model_copy(update={"until_round": None}), RoundNumber(10**9)) is None
