"""Moments as operators write them: ISO 8601, or so long ago."""

import re
from datetime import UTC, datetime, timedelta

from scoring.errors import Code, PlatformError

_AGO = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def moment(text: str, now: datetime) -> datetime:
    """`90m` before `now`, `now` itself, or an ISO 8601 time, in UTC where it names no zone; raises ARGUMENT_INVALID."""
    if text == "now":
        return now
    try:
        if ago := _AGO.fullmatch(text):
            return now - int(ago[1]) * _UNITS[ago[2]]
        named = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as exc:  # the second: an age that lies before the year 1
        raise PlatformError(
            Code.ARGUMENT_INVALID, f"{text} is neither a time like 2026-11-22T09:00 nor an age like 90m."
        ) from exc
    return named if named.tzinfo else named.replace(tzinfo=UTC)
