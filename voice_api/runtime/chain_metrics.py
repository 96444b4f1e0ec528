"""What a daemon shows of the chain that it reads: its newest block, when that last rose, and how far this clock is from the chain's."""

import math
from collections.abc import Callable
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Gauge

from scoring.types import Block


def _now() -> datetime:
    return datetime.now(UTC)


class ChainMetrics:
    """The gauges of one daemon's view of the chain, in a registry that its other numbers are in."""

    def __init__(self, registry: CollectorRegistry, clock: Callable[[], datetime] = _now) -> None:
        self._clock, self._newest = clock, -1
        self._block = Gauge("voice_chain_block", "The newest finalized block; not a number before the first.", registry=registry)
        self._moved = Gauge(
            "voice_chain_moved_timestamp_seconds",
            "When a newer block was last seen, in Unix time; before the first, when the process began.",
            registry=registry,
        )
        self._ahead = Gauge(
            "voice_clock_ahead_seconds",
            "This clock less the time of the newest block, when it was first seen: a healthy chain is some seconds behind.",
            registry=registry,
        )
        self._block.set(math.nan)
        self._ahead.set(math.nan)
        self._moved.set(clock().timestamp())

    def saw(self, block: Block, made_at: datetime) -> None:
        """Show the chain's newest block and its time; a block that was seen before changes nothing."""
        if block <= self._newest:
            return
        now = self._clock()
        self._newest = block
        self._block.set(block)
        self._moved.set(now.timestamp())
        self._ahead.set((now - made_at).total_seconds())
