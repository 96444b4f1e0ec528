"""The last answer to a question that costs much, kept for a while."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Generic, TypeVar

T = TypeVar("T")


class TtlCache(Generic[T]):
    """Asks when the last answer is older than `lasts`, one caller at a time; the others are given the last answer meanwhile."""

    def __init__(self, lasts: timedelta, clock: Callable[[], float] = time.monotonic) -> None:
        self._lasts, self._clock = lasts.total_seconds(), clock
        self._asking = asyncio.Lock()
        self._kept: tuple[float, T] | None = None

    async def get(self, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer of `ask`, or its last answer, at most `lasts` and one asking ago; raises what it raises."""
        kept = self._kept
        if kept is not None and (self._clock() < kept[0] or self._asking.locked()):
            return kept[1]
        async with self._asking:
            kept = self._kept
            if kept is None or self._clock() >= kept[0]:
                answer = await ask()
                self._kept = kept = (self._clock() + self._lasts, answer)
            return kept[1]
