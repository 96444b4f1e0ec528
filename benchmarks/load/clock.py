"""Simulated time: what is to happen, in order. Nothing here sleeps."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

Action = Callable[[], None]


@dataclass(slots=True)
class Clock:
    """Seconds since the beginning, and what happens when; of two things of one moment the first that was asked for comes first."""

    now: float = 0.0
    _due: list[tuple[float, int, Action]] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=count)

    def after(self, seconds: float, action: Action) -> None:
        """Do something so many seconds from now."""
        heapq.heappush(self._due, (self.now + seconds, next(self._numbers), action))

    def every(self, seconds: float, action: Action) -> None:
        """Do something now, and again and again."""

        def turn() -> None:
            action()
            self.after(seconds, turn)

        self.after(0.0, turn)

    def run(self, until: float, stop: Callable[[], bool] = lambda: False) -> None:
        """Let everything happen up to a moment, or until `stop` says so."""
        while self._due and self._due[0][0] <= until and not stop():
            self.now, _, action = heapq.heappop(self._due)
            action()
        if not stop():
            self.now = until
