"""What a development chain is made with: written once, when its file is created."""

from dataclasses import dataclass, field

from pydantic import TypeAdapter, ValidationError

from neurons.types import ChainUnavailable
from scoring.types import Hotkey

RAO = 1_000_000_000
"""Rao in one token."""
U16_MAX = 65_535


@dataclass(frozen=True, slots=True)
class Rules:
    """The subnet's hyperparameters, by the chain's names and units: blocks, rao, and u16 shares of 65,535.

    `commitment_space` is the bytes that a hotkey may commit in one epoch; each commitment counts as at least 100.
    """

    finality_blocks: int = 3
    tempo: int = 20
    activity_cutoff: int = 5_000
    immunity_period: int = 5_000
    weights_rate_limit: int = 10
    weights_version: int = 0
    weights_min_stake: int = 0
    min_allowed_weights: int = 1
    max_weights_limit: int = U16_MAX
    commitment_space: int = 3_100
    max_uids: int = 256
    max_validators: int = 64
    kappa: int = 32_767
    registration_cost: int = 0


@dataclass(frozen=True, slots=True)
class Genesis:
    """The chain's first facts. Block n begins `n * block_seconds` after `started` (Unix time); `seed` (hex) makes the hashes."""

    netuid: int
    block_seconds: float
    started: float
    seed: str
    owner_hotkey: Hotkey
    owner_coldkey: str
    rules: Rules = field(default_factory=Rules)

    def to_json(self) -> str:
        """As it is stored."""
        return _ADAPTER.dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str) -> "Genesis":
        """As it was stored; raises ChainUnavailable if it is damaged or another version wrote it."""
        try:
            return _ADAPTER.validate_json(text)
        except ValidationError as exc:
            raise ChainUnavailable("the development chain's genesis cannot be read by this version; create a new chain") from exc


_ADAPTER = TypeAdapter(Genesis)
