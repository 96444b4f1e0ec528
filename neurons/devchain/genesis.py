"""The first facts of a development chain: written once, when its file is created."""

from dataclasses import dataclass, field

from pydantic import TypeAdapter, ValidationError

from neurons.chain.types import ChainUnavailable
from neurons.devchain.rules import Rules
from scoring.types import Hotkey

RAO = 1_000_000_000
"""Rao in one token."""
U16_MAX = 65_535


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
