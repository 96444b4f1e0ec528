"""Moments as operators write them."""

from datetime import UTC, datetime, timedelta

import pytest

from neurons.cli.operator.commands import moment
from scoring.errors import Code, PlatformError

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        pytest.param("now", NOW, id="now"),
        pytest.param("90m", NOW - timedelta(minutes=90), id="an age"),
        pytest.param("2026-11-22T09:00", NOW - timedelta(hours=3), id="a time without a zone"),
        pytest.param("2026-11-22T09:00+01:00", NOW - timedelta(hours=4), id="a time with a zone"),
    ],
)
def test_a_moment(text: str, meant: datetime) -> None:
    """An age counts back from now; a time that names no zone is UTC."""
    assert moment(text, NOW) == meant


@pytest.mark.parametrize("text", ["", "soon", "90", "1000000d", "999999d", "2026-13-01"])
def test_what_is_no_moment(text: str) -> None:
    """Refused in a sentence, an age older than the calendar too."""
    with pytest.raises(PlatformError, match="neither a time") as refusal:
        moment(text, NOW)
    assert refusal.value.code is Code.ARGUMENT_INVALID
