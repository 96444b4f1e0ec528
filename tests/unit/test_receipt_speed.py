"""Computing per second of speech."""

import pytest

from prompts.groups import Group, GroupKind, Prompt
from prompts.voices import Register, Voice
from scoring.receipts.receipt import expected_seconds, speed

VOICE = Voice(register=Register.LOW, rate=3, pitch=3, expression=3, loudness=3)
PROMPT = Prompt(id="g00.a", text="Open the gate, please.", description="as asked", voice=VOICE)
ASKED = (Group("g00", GroupKind.SINGLE, (PROMPT,)), Group("g01", GroupKind.SINGLE, (PROMPT,)))


def test_expected_seconds() -> None:
    """17 letters at 12.15 a second, the middle of the ordinary rate."""
    assert expected_seconds(PROMPT) == pytest.approx(17 / 12.15)


@pytest.mark.parametrize(
    ("timings", "expected"),
    [
        pytest.param({"speak": 10 * 17 / 12.15}, 5000, id="five seconds of computing for each second of speech"),
        pytest.param({"speak": 1e-9}, 1, id="as fast as can be said"),
        pytest.param({"speak": 0.0}, 0, id="nothing was measured"),
        pytest.param({"judge": 3.0}, 0, id="judging does not count"),
    ],
)
def test_speed(timings: dict[str, float], expected: int) -> None:
    """Two prompts of 1.4 seconds each."""
    assert speed(timings, ASKED) == pytest.approx(expected, abs=1)


def test_nothing_asked_has_no_speed() -> None:
    """Unknown, not infinitely slow."""
    assert speed({"speak": 1.0}, ()) == 0
