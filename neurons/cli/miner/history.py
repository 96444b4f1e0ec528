"""What happened to a submission lately, in a line for people."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voice_api.schemas.events import EventOut

SHOWN = 6
"""The last steps are told; what came before is behind `GET /v1/submissions/{id}/events`."""
_SUFFIXES = {1: "st", 2: "nd", 3: "rd"}


def told(events: "Sequence[EventOut]") -> str:
    """The last steps, oldest first, in UTC; a day is named where it changes. A verdict, which two steps say, is told once."""
    steps = list(_steps(events))[-SHOWN:]
    days = [None, *(at.date() for at, _ in steps)]
    return " → ".join(
        f"{words} {at:%H:%M}" if at.date() == day else f"{words} {at:%-d %b %H:%M}"
        for (at, words), day in zip(steps, days, strict=False)
    )


def _steps(events: "Sequence[EventOut]") -> Iterator[tuple[datetime, str]]:
    attempts: dict[int | None, int] = {}
    for event in events:
        if event.kind.value == "submission" and event.evaluation_id is not None:
            continue  # its evaluation's own step says so
        words = event.to_state.value
        if words == "running":
            attempts[event.evaluation_id] = attempts.get(event.evaluation_id, 0) + 1
            words += f" on its {_ordinal(attempts[event.evaluation_id])} attempt" if attempts[event.evaluation_id] > 1 else ""
        if event.code is not None:
            words += f" ({event.code.value} {event.code.slug.replace('-', ' ')})"
        if event.actor.value == "operator":
            words += " by the operator"
        yield event.at.astimezone(UTC), words


def _ordinal(number: int) -> str:
    suffix = "th" if number % 100 in (11, 12, 13) else _SUFFIXES.get(number % 10, "th")
    return f"{number}{suffix}"
