"""News for open pages: one poller a process asks the database what changed, and tells every listener.

It asks once a second, and only while somebody listens. A listener holds at most one of each kind of news: whoever reads slowly is
told the same once.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog

from voice_api.db.operations import NewestState
from voice_api.errors import DatabaseUnavailable, TooManyRequests
from voice_api.web.edge.open_files import LISTENERS

log = structlog.get_logger()

EVERY = timedelta(seconds=1)
"""The time between two questions to the database."""
HEARTBEAT = timedelta(seconds=15)
"""The longest silence: shorter than the time after which proxies close a quiet connection."""
MOST_OF_ADDRESS = 50
"""Listeners of one address: a household's open pages, or an office's."""
_ASK_AGAIN = timedelta(minutes=1)


class Listener:
    """An open page's unread news."""

    def __init__(self) -> None:
        self._unread: set[str] = set()
        self._arrived = asyncio.Event()

    def tell(self, topics: frozenset[str]) -> None:
        """Add news; none wakes the listener without any."""
        self._unread |= topics
        self._arrived.set()

    async def news(self, within: timedelta) -> tuple[str, ...]:
        """The kinds of news since the last call, as soon as there are any; none where none came in time."""
        try:
            async with asyncio.timeout(within.total_seconds()):
                await self._arrived.wait()
        except TimeoutError:
            return ()
        self._arrived.clear()
        found = tuple(sorted(self._unread))
        self._unread.clear()
        return found


class LiveNews:
    """Who listens, and the one task that asks for them."""

    def __init__(
        self,
        ask: Callable[[], Awaitable[NewestState]],
        *,
        every: timedelta = EVERY,
        most: int = LISTENERS,
        most_of_address: int = MOST_OF_ADDRESS,
    ) -> None:
        """`ask` reads what the database holds now."""
        self._ask, self._every = ask, every
        self._most, self._most_of_address = most, most_of_address
        self._listeners: dict[Listener, str] = {}
        self._poller: asyncio.Task[None] | None = None
        self._begun = asyncio.Event()
        """Set while the poller knows a state: whatever differs from it is told."""
        self.stopped = False
        """Whether every stream shall end."""

    @contextmanager
    def listening(self, address: str) -> Iterator[Listener]:
        """Listen until the context ends; raises TooManyRequests where an address, or all together, listen too often already."""
        of_address = Counter(self._listeners.values())[address]
        if len(self._listeners) >= self._most or of_address >= self._most_of_address:
            raise TooManyRequests(_ASK_AGAIN)
        listener = Listener()
        self._listeners[listener] = address
        if self._poller is None:
            self._poller = asyncio.create_task(self._poll())
        try:
            yield listener
        finally:
            del self._listeners[listener]

    async def begun(self, within: timedelta) -> bool:
        """Whether all that changes from now on is told; waits for that, at most so long."""
        try:
            async with asyncio.timeout(within.total_seconds()):
                await self._begun.wait()
        except TimeoutError:
            return False
        return not self.stopped

    def stop(self) -> None:
        """End every stream: whoever stops the server would wait for them."""
        self.stopped = True
        self._begun.set()
        for listener in self._listeners:
            listener.tell(frozenset())
        if self._poller is not None:
            self._poller.cancel()

    async def _poll(self) -> None:
        known: NewestState | None = None
        try:
            while self._listeners and not self.stopped:
                known = await self._tell_since(known)
                if known is not None:
                    self._begun.set()
                await asyncio.sleep(self._every.total_seconds())
        finally:
            self._poller = None
            self._begun.clear()

    async def _tell_since(self, known: NewestState | None) -> NewestState | None:
        try:
            found = await self._ask()
        except DatabaseUnavailable:
            return known  # what changed meanwhile is told when it is back
        topics = frozenset() if known is None else found.changed_since(known)
        if topics:
            for listener in self._listeners:
                listener.tell(topics)
        return found
