"""The scalars of the domain, one NewType each, shared by every folder."""

import re
from typing import NewType

Hotkey = NewType("Hotkey", str)
"""SS58 address of a neuron's hotkey."""
Uid = NewType("Uid", int)
"""Slot of a neuron in the subnet, 0 … 65,535; reused after a deregistration."""
Block = NewType("Block", int)
"""Height of a block."""
BlockHash = NewType("BlockHash", str)
"""0x-prefixed lower-case hex of 32 bytes: in memory, in receipts and in the database alike (see `to_block_hash`)."""
PublicKey = NewType("PublicKey", str)
"""64 lower-case hex digits: the public key of a hotkey."""
Tag = NewType("Tag", str)
"""32 lower-case hex digits: they bind a model's content to a public key (see `scoring.model.fingerprint.tag_of`)."""
RoundNumber = NewType("RoundNumber", int)
"""`block // round_blocks`."""
SubmissionId = NewType("SubmissionId", int)
EvaluationId = NewType("EvaluationId", int)
Entrant = NewType("Entrant", str)
"""A submission as every validator names it, whatever its database: `hotkey@commit_block`."""
Micro = NewType("Micro", int)
"""A score in integers of 1e-6: 0 … 1,000,000."""
Nano = NewType("Nano", int)
"""A distance in integers of 1e-9: 0 … 1,000,000,000."""
Weight = NewType("Weight", float)
"""A share of the subnet's emission, 0 … 1."""
ContentHash = NewType("ContentHash", str)
"""64 lower-case hex digits: tensors and canonical config (see `scoring.model.fingerprint`)."""
TensorsHash = NewType("TensorsHash", str)
"""64 lower-case hex digits: tensors alone."""

MICRO = 1_000_000
NANO = 1_000_000_000
_HASH = re.compile("[0-9a-f]{64}")


def entrant(hotkey: Hotkey, commit_block: Block) -> Entrant:
    """The name of a hotkey's commitment of one block."""
    return Entrant(f"{hotkey}@{commit_block}")


def parse_entrant(name: Entrant) -> tuple[Hotkey, Block]:
    """The hotkey and the commitment's block that a name says; raises ValueError for what is none."""
    hotkey, at, block = name.rpartition("@")
    if not (hotkey and at and block.isascii() and block.isdigit()):
        raise ValueError(f"{name[:80]!r} is no hotkey@commit_block")
    return Hotkey(hotkey), Block(int(block))


def to_block_hash(text: str) -> BlockHash:
    """A block's hash in its one form, from hex digits of either case with or without 0x; raises ValueError for anything else."""
    digits = text.lower().removeprefix("0x")
    if not _HASH.fullmatch(digits):
        raise ValueError(f"{text[:80]!r} is no hash of 32 bytes")
    return BlockHash(f"0x{digits}")


def hash_bytes(block_hash: BlockHash) -> bytes:
    """The 32 bytes of a block's hash."""
    return bytes.fromhex(block_hash.removeprefix("0x"))


def to_micro(score: float) -> Micro:
    """Round a score in [0, 1] to integers of 1e-6; raises ValueError outside that range or for NaN."""
    if not 0.0 <= score <= 1.0:
        raise ValueError(f"a score lies in [0, 1], not {score}")
    return Micro(round(score * MICRO))
