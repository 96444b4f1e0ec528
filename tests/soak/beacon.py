"""The public beacon of a soak: opens sealed weights in their epoch, as what their validator kept of them; some it never opens."""

import asyncio
import random
from collections import Counter
from pathlib import Path

from neurons.devchain import operations
from neurons.devchain.overview import Overview, overview
from neurons.devchain.state import SealedState
from scoring.errors import PlatformError
from tests.builders.ledger import attempts_of
from voice_api.db.database import Pool
from voice_api.db.weights import Weights

_LOOK_SECONDS = 0.3
_OPENED = 0.8
_RECENT = 20


class Beacon:
    """What it did, by what became of it."""

    def __init__(self, devchain: Path, pool: Pool, seed: int, opened: float = _OPENED) -> None:
        """`opened` is the share of sealed weights that it opens."""
        self._devchain, self._pool, self._opened = devchain, pool, opened
        self._draw = random.Random(seed)
        self._met: set[tuple[str, int]] = set()
        self.counts: Counter[str] = Counter()

    async def shine(self) -> None:
        """Open what is due, until cancelled."""
        while True:
            found = await asyncio.to_thread(overview, self._devchain)
            for sealed in found.sealed:
                if _is_due(sealed, found) and (sealed.hotkey, sealed.block) not in self._met:
                    self._met.add((sealed.hotkey, sealed.block))
                    await self._open(sealed)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _open(self, sealed: SealedState) -> None:
        attempts = await attempts_of(Weights(self._pool, sealed.hotkey), limit=_RECENT)
        rows = [attempt.row for attempt in attempts if sealed.block == attempt.block]
        if not rows or self._draw.random() >= self._opened:
            self.counts["sealed weights left to expire"] += 1
            return
        try:
            await asyncio.to_thread(operations.reveal, self._devchain, sealed.hotkey, rows[0], sealed.block)
            self.counts["sealed weights opened"] += 1
        except PlatformError as refused:  # its epoch has just ended, or a target has left
            self.counts[f"sealed weights not opened ({refused.detail})"] += 1


def _is_due(sealed: SealedState, found: Overview) -> bool:
    return sealed.epoch + found.rules["commit_reveal_period"] <= found.epoch
