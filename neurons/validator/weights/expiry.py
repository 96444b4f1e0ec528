"""Rules that have ended: nobody weighs anybody by them."""

from scoring.competition import Schedule
from scoring.errors import Code, PlatformError
from scoring.types import RoundNumber

WARN_ROUNDS = 50
"""From so many rounds before the end on operators are told."""


def rounds_left_or_raise(schedule: Schedule, number: RoundNumber) -> int | None:
    """How many rounds the rules still hold after this one, where that is worth a warning; None otherwise.

    Raises PlatformError(COMPETITION_EXPIRED) after the last one.
    """
    left = schedule.rounds_left(number)
    if left is not None and left < 0:
        last = f"The rules of {schedule.name!r} end with round {schedule.until_round}, and this is round {number}."
        raise PlatformError(Code.COMPETITION_EXPIRED, last)
    return left if left is not None and left < WARN_ROUNDS else None
