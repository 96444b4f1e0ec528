"""One line an incident: a warning that says again what was said is left out, and counted in the next that is written."""

import time
from collections.abc import Callable, Hashable

import structlog
from structlog.types import EventDict

QUIET_SECONDS = 600.0
"""So long the same words are not said again."""
_MOST = 1000
"""Different warnings that are remembered: more than one process ever has, and few bytes."""
_WARNINGS = frozenset({"warning", "error"})
_EACH_TIME = frozenset({"timestamp", "pause", "retry_in"})
"""What differs from time to time of one incident."""


class Repeats:
    """A processor of structlog's: drops what was written within the last ten minutes in the same words, of warnings and errors alone.

    A trace is never dropped.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said: dict[Hashable, tuple[float, int]] = {}

    def __call__(self, _logger: object, _method: str, event: EventDict) -> EventDict:
        """Pass an entry on, with `repeated` where others like it were left out before; raises DropEvent for one that is left out."""
        if event.get("level") not in _WARNINGS or event.get("exc_info") or event.get("stack_info"):
            return event
        same = tuple(sorted((name, str(value)) for name, value in event.items() if name not in _EACH_TIME))
        now = self._clock()
        since, left_out = self._said.get(same, (float("-inf"), 0))
        if now - since < QUIET_SECONDS:
            self._said[same] = since, left_out + 1
            raise structlog.DropEvent
        self._said.pop(same, None)
        while len(self._said) >= _MOST:
            del self._said[next(iter(self._said))]
        self._said[same] = now, 0
        return {**event, "repeated": left_out} if left_out else event
