"""Draws that are the same on every machine and every version of Python: nothing but SHA-256 and integers."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

WORD = 1 << 64
"""Values of a word of the stream, which has 64 bits."""


class Draw:
    """A stream of unbiased draws; one (seed, label) always gives one stream, and another label an independent one."""

    def __init__(self, seed: bytes, label: str) -> None:
        self._key = hashlib.sha256(len(seed).to_bytes(4, "big") + seed + label.encode()).digest()
        self._counter = 0

    def below(self, n: int) -> int:
        """An integer uniform in 0 … n - 1; raises ValueError unless 1 ≤ n ≤ 2**64."""
        if not 1 <= n <= WORD:
            raise ValueError(f"a draw is below 1 … 2**64, not {n}")
        bound = WORD - WORD % n  # words at or above it would favour small remainders
        while (word := self._word()) >= bound:
            pass
        return word % n

    def choice(self, items: Sequence[T]) -> T:
        """One of the items, each equally likely."""
        return items[self.below(len(items))]

    def shuffle(self, items: Sequence[T]) -> tuple[T, ...]:
        """The items in a uniformly random order."""
        left = list(items)
        return tuple(left.pop(self.below(len(left))) for _ in items)

    def _word(self) -> int:
        block = hashlib.sha256(self._key + self._counter.to_bytes(8, "big")).digest()
        self._counter += 1
        return int.from_bytes(block[:8], "big")
