"""Which sounds go: by age, and earlier where all together are too large."""

from datetime import UTC, datetime, timedelta

import pytest

from scoring.store.retention import GRACE, KeptBecause, RetentionPolicy, StoreSurvey

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def survey(*ages: timedelta, size: int = 10, king: int = 0) -> StoreSurvey:
    """A store of files of one size, one of each age, and a king's sounds of a size."""
    found = StoreSurvey()
    for age in ages:
        found.count(size, NOW - age, None)
    if king:
        found.count(king, NOW - 400 * DAY, KeptBecause.KING)
    return found


def goes(found: StoreSurvey, *ages: timedelta, **policy: object) -> list[timedelta]:
    """The ages of those that go."""
    given = {"age": 30 * DAY, "most_bytes": None} | policy
    cutoff = found.cutoff(RetentionPolicy(**given), NOW)  # type: ignore[arg-type]
    return [age for age in ages if NOW - age < cutoff]


AGES = (2 * HOUR, 2 * DAY, 10 * DAY, 20 * DAY, 29 * DAY, 31 * DAY, 90 * DAY)


@pytest.mark.parametrize(
    ("policy", "king", "expected"),
    [
        pytest.param({}, 0, [31 * DAY, 90 * DAY], id="by age alone"),
        pytest.param({"age": 5 * DAY}, 0, list(AGES[2:]), id="a lower age"),
        pytest.param({"most_bytes": 50}, 0, [31 * DAY, 90 * DAY], id="five of ten bytes fit"),
        pytest.param({"most_bytes": 49}, 0, list(AGES[4:]), id="the oldest of them goes too"),
        pytest.param({"most_bytes": 20}, 0, list(AGES[2:]), id="two fit"),
        pytest.param({"most_bytes": 50}, 30, list(AGES[2:]), id="thirty bytes of a king's leave room for two"),
        pytest.param({"most_bytes": 1}, 1_000, list(AGES[1:]), id="a king's alone are too many: what is of the last day stays"),
        pytest.param({"age": HOUR}, 0, list(AGES[1:]), id="an age below the grace"),
        pytest.param({"most_bytes": 10**9}, 0, [31 * DAY, 90 * DAY], id="room for everything does not lengthen the age"),
    ],
)
def test_what_goes(policy: dict[str, object], king: int, expected: list[timedelta]) -> None:
    """Whatever is kept for good takes room, and never goes; nothing of the last day does."""
    assert goes(survey(*AGES, king=king), *AGES, **policy) == expected


def test_sounds_of_one_hour_go_together() -> None:
    """They are counted by the hour: memory does not grow with their number, and the size is met all the same."""
    found = StoreSurvey()
    for second in range(5_000):
        found.count(1, NOW - 2 * DAY - timedelta(seconds=second), None)
    assert len(found.rest) <= 3
    cutoff = found.cutoff(RetentionPolicy(age=30 * DAY, most_bytes=4_000), NOW)
    assert sum(NOW - 2 * DAY - timedelta(seconds=second) >= cutoff for second in range(5_000)) <= 4_000
    assert cutoff <= NOW - GRACE
