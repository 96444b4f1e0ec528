"""What the miners of a soak do: all commit, some commit better models later, and newcomers take the places of who earns least."""

import random
from collections import Counter

from neurons.chain.types import Applied, ChainUnavailable
from scoring.errors import PlatformError
from tests.soak.arena import Arena

_EVERY = 12
"""Rounds from one better model to the next."""
_FIRST_NEWCOMER = 40
"""Rounds after which every validator earns: before, a newcomer would take the slot of one of them."""


class Miners:
    """Their commitments so far; `rounds` is how many there will be."""

    def __init__(self, arena: Arena, seed: int, rounds: int) -> None:
        self._arena = arena
        self._draw = random.Random(seed)
        self._versions = dict.fromkeys(range(1, arena.size.miners + 1), 0)
        self._due = _EVERY
        self._newcomers = [max(_FIRST_NEWCOMER, rounds // 3), max(2 * _FIRST_NEWCOMER, 2 * rounds // 3)]
        self.counts: Counter[str] = Counter()

    async def begin(self) -> None:
        """Everybody commits once; nothing fails yet."""
        for miner in self._versions:
            await self._commit(miner)

    async def go_on(self, folded: int) -> None:
        """What is due after so many rounds."""
        if folded >= self._due:
            self._due += _EVERY
            await self._commit(self._draw.choice(sorted(self._versions)))
        if self._newcomers and folded >= self._newcomers[0]:
            self._newcomers.pop(0)
            await self._join()

    async def _join(self) -> None:
        miner = max(self._versions) + 1
        try:
            self._arena.register(f"miner-{miner}")
        except PlatformError as refused:  # all are still immune
            self.counts[f"newcomers refused ({refused.detail})"] += 1
            return
        self._versions[miner] = 0
        self.counts["newcomers that took a slot"] += 1
        await self._commit(miner)

    async def _commit(self, miner: int) -> None:
        """Commit the next version; a failing node is not asked again until another model is due."""
        version = self._versions[miner] + 1
        try:
            async with self._arena.chain() as chain:
                result = await self._arena.commit(chain, miner, version)
        except ChainUnavailable:
            self.counts["commits without a known outcome"] += 1
        else:
            self.counts["commits" if isinstance(result, Applied) else "commits refused"] += 1
        self._versions[miner] = version
