"""A connection to the chain that fails over: it is dropped when it fails, and opened anew at the next endpoint."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from datetime import timedelta

from neurons.chain.adapter import Chain
from neurons.chain.types import ChainUnavailable

Opening = Callable[[int], AbstractAsyncContextManager[Chain]]
"""Opens a chain; the number says with which of its endpoints to begin."""
_CLOSING = timedelta(seconds=2)


class ChainConnection:
    """One open chain at a time."""

    def __init__(self, opening: Opening) -> None:
        self._opening, self._misses = opening, 0
        self._open: tuple[AsyncExitStack, Chain] | None = None

    async def chain(self) -> Chain:
        """The open chain; raises ChainUnavailable when it cannot be opened."""
        if self._open is None:
            stack = AsyncExitStack()
            self._open = stack, await stack.enter_async_context(self._opening(self._misses))
        return self._open[1]

    async def drop(self) -> None:
        """Give this endpoint up for the next one."""
        self._misses += 1
        await self.close()

    async def close(self) -> None:
        """Close the connection; one that does not answer is left as it is."""
        if self._open is not None:
            stack, self._open = self._open[0], None
            with suppress(ChainUnavailable, TimeoutError):
                async with asyncio.timeout(_CLOSING.total_seconds()):
                    await stack.aclose()
