"""Blocks come from the clock, so that no process must tick and any number of them agree."""

import hashlib
from collections.abc import Callable

from neurons.devchain.genesis import Genesis
from scoring.types import Block, BlockHash

Clock = Callable[[], float]
"""Unix time in seconds."""


def block_at(genesis: Genesis, now: float) -> Block:
    """The newest block at a time; 0 before the first."""
    return Block(max(0, int((now - genesis.started) // genesis.block_seconds)))


def starts_at(genesis: Genesis, block: int) -> float:
    """The beginning of a block, as Unix time."""
    return genesis.started + block * genesis.block_seconds


def hash_of(genesis: Genesis, block: int) -> BlockHash:
    """sha256(seed ‖ block as 8 bytes, big-endian): the same from any process."""
    return BlockHash("0x" + hashlib.sha256(bytes.fromhex(genesis.seed) + block.to_bytes(8, "big")).hexdigest())


def number_of(genesis: Genesis, block_hash: str, head: Block) -> Block | None:
    """The block with a hash, or None. It looks backwards from the head: most questions are about new blocks."""
    wanted = block_hash.lower()
    return next((Block(n) for n in range(head, -1, -1) if hash_of(genesis, n) == wanted), None)
