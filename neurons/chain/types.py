"""The chain's neurons, commitments and answers, in our own frozen types."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from scoring.errors import Code, PlatformError
from scoring.types import Block, BlockHash, Hotkey, PublicKey, Uid

COMMITMENT_BYTES = 128
"""The size of the chain's commitment field."""


class ChainUnavailable(PlatformError):
    """The chain could not be read or written; a daemon's next tick tries again."""

    def __init__(self, detail: str) -> None:
        super().__init__(Code.CHAIN_UNAVAILABLE, detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Neuron:
    """One registered hotkey."""

    uid: Uid
    hotkey: Hotkey
    coldkey: str
    public_key: PublicKey
    """64 hex digits."""
    stake: int
    """In rao, 1e-9 of the subnet's token."""
    incentive: float
    """In [0, 1]; the sum over the neurons is about 1."""
    dividends: float
    """In [0, 1]; the sum over the neurons is about 1."""
    emission: int
    """Rao of the last epoch."""
    validator_permit: bool
    active: bool
    last_update: Block
    """The block at which it last set weights, or its registration."""
    registered_at_block: Block
    immune_until_block: Block
    """It is immune from deregistration in blocks below this one."""


class CommitmentStatus(StrEnum):
    """The ways to commit; only a plain commitment keeps its commit block."""

    PLAIN = "plain"
    SEALED = "sealed"
    REVEALED = "revealed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class CommitmentRecord:
    r"""A hotkey's latest commitment. `block` is where it was committed (for a revealed one: where it was revealed).

    `value` is printable ASCII whatever was committed: any other byte is written `\xNN`, and a backslash `\x5c`, so that the
    commitment's own parser refuses it and nothing before it stumbles. It is empty while sealed or failed.
    """

    hotkey: Hotkey
    block: Block
    value: str
    status: CommitmentStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Metagraph:
    """A subnet at one block."""

    netuid: int
    block: Block
    block_hash: BlockHash
    made_at: datetime
    """The time of its block, by the chain's own clock."""
    owner_hotkey: Hotkey
    owner_coldkey: str
    neurons: tuple[Neuron, ...]
    """In order of uid."""
    commitments: tuple[CommitmentRecord, ...]
    """In order of block; also those of hotkeys that are registered no longer."""
    tempo: int
    """Blocks from epoch to epoch."""
    activity_cutoff: int
    """Blocks after which a validator without new weights counts no longer."""
    immunity_period: int
    """Blocks."""
    weights_rate_limit: int
    """The least number of blocks between two settings of weights."""
    weights_version: int
    """The least version key that the chain accepts."""
    weights_min_stake: int
    """The stake, in rao, below which the chain takes no weights but the subnet's owner's."""
    min_allowed_weights: int
    """The least number of non-zero weights."""
    max_weights_limit: int
    """The largest share of one weight, in 65,535ths: 1 … 65,535."""

    def neuron(self, hotkey: Hotkey) -> Neuron | None:
        """The neuron registered under a hotkey, if there is one."""
        return next((neuron for neuron in self.neurons if neuron.hotkey == hotkey), None)

    def commitment(self, hotkey: Hotkey) -> CommitmentRecord | None:
        """The commitment of a hotkey, if there is one."""
        return next((record for record in self.commitments if record.hotkey == hotkey), None)


@dataclass(frozen=True, slots=True)
class Applied:
    """The chain took it in `block`; `reveal_round` is the drand round at which sealed weights open (None: they are plain)."""

    block: Block
    reveal_round: int | None = None


@dataclass(frozen=True, slots=True)
class RateLimited:
    """Too soon; `blocks_left` is how many blocks to wait where that is known."""

    blocks_left: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The chain said no. `code` is the error's semantic code, `name` the chain's own name for it ('' if it gave none)."""

    code: str
    name: str
    message: str


@dataclass(frozen=True, slots=True)
class SealedCommit:
    """Sealed weights that wait: committed in `block` of `epoch`, to be opened by round `reveal_round` of the beacon."""

    block: Block
    epoch: int
    reveal_round: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedWeights:
    """A hotkey's sealed weights that wait at a block, and the weights that count for it there.

    The chain opens sealed weights in the epoch that comes `reveal_period` after theirs, and forgets them when that one ends.
    """

    block: Block
    epoch: int
    reveal_period: int
    sealing: bool
    """Whether the subnet takes weights sealed now, and not in the open."""
    waiting: tuple[SealedCommit, ...]
    """Sealed, and not opened yet."""
    row: Mapping[Uid, int]
    """Weights that count: u16 by uid."""

    def commit(self, block: Block) -> SealedCommit | None:
        """The sealed weights of a block that still wait."""
        return next((commit for commit in self.waiting if commit.block == block), None)


WeightsResult = Applied | RateLimited | Refused
CommitResult = Applied | RateLimited | Refused


class CommitRefused(PlatformError):
    """The chain said no to a commitment: it is in no block."""

    def __init__(self, message: str) -> None:
        super().__init__(Code.CHAIN_REFUSED, f"The chain refused the commitment: {message.rstrip('.')}.")


def included_in(result: CommitResult) -> Block:
    """The block that holds a commitment; raises CommitRefused."""
    match result:
        case Applied(block):
            return block
        case RateLimited(_, message) | Refused(_, _, message):
            raise CommitRefused(message)
        case unreachable:
            assert_never(unreachable)


WeightMatrix = Mapping[Uid, Mapping[Uid, float]]
"""Rows by validator, each row's values by target, summing to 1."""
