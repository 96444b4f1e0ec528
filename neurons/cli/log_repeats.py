"""One line an incident: a warning that says again what was said is left out, and counted in the next that is written."""

import logging
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
_LEFT_OUT = "repeated"


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


class LibraryRepeats(logging.Filter):
    """The same for what libraries log, by its logger, its words and the ids of the job at hand; `told` hands the count on."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._repeats = Repeats(clock)

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is written."""
        event = {
            **structlog.contextvars.get_contextvars(),
            "event": record.getMessage(),
            "logger": record.name,
            "level": record.levelname.lower(),
            "exc_info": record.exc_info,
            "stack_info": record.stack_info,
        }
        try:
            found = self._repeats(None, "", event)
        except structlog.DropEvent:
            return False
        setattr(record, _LEFT_OUT, found.get(_LEFT_OUT))
        return True

    @staticmethod
    def told(_logger: object, _method: str, event: EventDict) -> EventDict:
        """A processor of structlog's: adds `repeated` to an entry that follows others like it."""
        left_out = getattr(event["_record"], _LEFT_OUT, None)
        return {**event, _LEFT_OUT: left_out} if left_out else event
