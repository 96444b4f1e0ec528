"""The scalars of the domain, one NewType each, shared by every folder."""

from typing import NewType

Hotkey = NewType("Hotkey", str)
"""SS58 address of a neuron's hotkey."""
Uid = NewType("Uid", int)
"""Slot of a neuron in the subnet, 0 … 65,535; reused after a deregistration."""
Block = NewType("Block", int)
"""Height of a block."""
BlockHash = NewType("BlockHash", str)
"""0x-prefixed lower-case hex of 32 bytes."""
RoundNumber = NewType("RoundNumber", int)
"""`block // round_blocks`."""
SubmissionId = NewType("SubmissionId", int)
EvaluationId = NewType("EvaluationId", int)
Entrant = NewType("Entrant", str)
"""A submission as every validator names it, whatever its database: `hotkey@commit_block`."""
Micro = NewType("Micro", int)
"""A score in integers of 1e-6: 0 … 1,000,000."""
Weight = NewType("Weight", float)
"""A share of the subnet's emission, 0 … 1."""
ContentHash = NewType("ContentHash", str)
"""64 lower-case hex digits: tensors and canonical config (see `scoring.model.fingerprint`)."""
TensorsHash = NewType("TensorsHash", str)
"""64 lower-case hex digits: tensors alone."""

MICRO = 1_000_000


def entrant(hotkey: Hotkey, commit_block: Block) -> Entrant:
    """The name of a hotkey's commitment of one block."""
    return Entrant(f"{hotkey}@{commit_block}")


def to_micro(score: float) -> Micro:
    """Round a score in [0, 1] to integers of 1e-6; raises ValueError outside that range or for NaN."""
    if not 0.0 <= score <= 1.0:
        raise ValueError(f"a score lies in [0, 1], not {score}")
    return Micro(round(score * MICRO))
