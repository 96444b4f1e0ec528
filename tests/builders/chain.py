"""Neurons and metagraphs: whole ones, of which a test names what matters to it."""

from datetime import UTC, datetime
from typing import Any

from neurons.chain.types import Metagraph, Neuron
from scoring.types import Block, BlockHash, Hotkey, PublicKey, Uid


def a_neuron(**overrides: Any) -> Neuron:
    """A validator with a permit that came at block 0 and earned nothing."""
    fields: dict[str, Any] = {
        "uid": Uid(1),
        "hotkey": Hotkey("h1"),
        "coldkey": "c",
        "public_key": PublicKey("00" * 32),
        "stake": 0,
        "incentive": 0.0,
        "dividends": 0.0,
        "emission": 0,
        "validator_permit": True,
        "active": True,
        "last_update": Block(0),
        "registered_at_block": Block(0),
        "immune_until_block": Block(9_999),
    }
    return Neuron(**fields | overrides)


def a_metagraph(**overrides: Any) -> Metagraph:
    """Nobody, at block 700: a tempo of 100 blocks, a rate limit of 50, an activity cutoff of 5,000."""
    fields: dict[str, Any] = {
        "netuid": 7,
        "block": Block(700),
        "block_hash": BlockHash("0x00"),
        "made_at": datetime(2026, 11, 20, 12, tzinfo=UTC),
        "owner_hotkey": Hotkey("owner"),
        "owner_coldkey": "c0",
        "neurons": (),
        "commitments": (),
        "tempo": 100,
        "activity_cutoff": 5000,
        "immunity_period": 5000,
        "weights_rate_limit": 50,
        "weights_version": 0,
        "weights_min_stake": 0,
        "min_allowed_weights": 1,
        "max_weights_limit": 65_535,
    }
    return Metagraph(**fields | overrides)
