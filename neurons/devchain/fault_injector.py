"""The injector of faults: those of the table strike one process's calls."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar, assert_never

from bittensor import ChainError
from bittensor.error_descriptions import DESCRIPTIONS

from neurons.devchain.faults import Fault, FaultKind, FaultTable

T = TypeVar("T")
Draw = Callable[[], float]
"""Draws a number in [0, 1)."""


class NodeError(ChainError):
    """The node answered with an error, `reason` by the chain's name."""

    def __init__(self, reason: str) -> None:
        super().__init__(DESCRIPTIONS.get(reason, reason), reason)
        self.reason = reason


class FaultInjector:
    """Injects the faults into one process's calls; `draw` decides whether a fault with a share strikes."""

    def __init__(self, path: Path, draw: Draw) -> None:
        self._table = FaultTable(path)
        self._draw = draw
        self._pid = os.getpid()

    def close(self) -> None:
        """Close the table."""
        self._table.close()

    async def head(self, head: int) -> int:
        """The newest block that the node knows: an older one while it stands still."""
        stale = [fault for fault in await self._acting(head) if fault.plan.kind is FaultKind.STALE]
        struck = [fault.since for fault in stale if await self._strikes(fault)]
        return min([head, *struck])

    async def call(self, names: tuple[str, ...], head: int, work: Callable[[], Awaitable[T]]) -> T:
        """Make a call with the faults that strike it; raises ConnectionResetError or NodeError where one ends it."""
        concerned = [
            fault for fault in await self._acting(head) if fault.plan.kind is not FaultKind.STALE and fault.concerns(names)
        ]
        struck = [fault for fault in concerned if await self._strikes(fault)]
        for fault in struck:
            if not fault.plan.after:
                await _strike(fault)
        result = await work()
        for fault in struck:
            if fault.plan.after:
                await _strike(fault)
        return result

    async def _acting(self, head: int) -> list[Fault]:
        return [fault for fault in await asyncio.to_thread(self._table.all) if fault.acts(head) and fault.meets(self._pid)]

    async def _strikes(self, fault: Fault) -> bool:
        if fault.plan.share < 1 and self._draw() >= fault.plan.share:
            return False
        await asyncio.to_thread(self._table.hit, fault.id)
        return True


async def _strike(fault: Fault) -> None:
    match fault.plan.kind:
        case FaultKind.STALL:
            await asyncio.sleep(fault.plan.seconds)
        case FaultKind.DROP:
            raise ConnectionResetError("the node dropped the connection")
        case FaultKind.ERROR:
            raise NodeError(fault.plan.name)
        case FaultKind.STALE:
            return
        case unreachable:
            assert_never(unreachable)
