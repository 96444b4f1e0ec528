"""The first facts of a development chain, and what follows from them at any time: its blocks and their hashes."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from pydantic import TypeAdapter, ValidationError

from neurons.chain.types import ChainUnavailable
from neurons.devchain.subnet import Rules
from scoring.types import Block, BlockHash, Hotkey

RAO = 1_000_000_000
"""Rao in one token."""
Clock = Callable[[], float]
"""Unix time in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Genesis:
    """The chain's first facts. The rules and the owner's hotkey are those of block 0: later ones are in the state."""

    netuid: int
    block_seconds: float
    started: float
    """Unix time of block 0; block n begins `n * block_seconds` later."""
    seed: str
    """Hex; makes the block hashes."""
    owner_hotkey: Hotkey
    owner_coldkey: str
    rules: Rules = field(default_factory=Rules)
    finality_blocks: int = 3
    """A block is final so many blocks later."""

    def to_json(self) -> str:
        """Encode it for the file."""
        return _ADAPTER.dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str) -> "Genesis":
        """Decode it from the file; raises ChainUnavailable if it is damaged or another version wrote it."""
        try:
            return _ADAPTER.validate_json(text)
        except ValidationError as exc:
            raise ChainUnavailable("the development chain's genesis cannot be read by this version; create a new chain") from exc


_ADAPTER = TypeAdapter(Genesis)


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
