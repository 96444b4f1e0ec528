"""What validators write down, as frozen values: who stood at a round's close, the ledger, attempts to set weights."""

from collections.abc import Mapping
from dataclasses import dataclass

from scoring.types import Block, Entrant, RoundNumber
from voice_api.db.rows import JsonObject
from voice_api.db.states import Mechanism, WeightOutcome


@dataclass(frozen=True, slots=True)
class Roll:
    """Who stood when a round closed, by the metagraph of `block`: entrants that may go on, and of known others why they may not."""

    block: Block
    standing: tuple[Entrant, ...]
    gone: Mapping[Entrant, str]


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """The state after folding one round, chained by hash; the first entry's `previous` is ''.

    `inputs` is what the fold was given besides the receipts (see `neurons.validator.ledger.replay.Inputs`);
    `king_entrant` holds the top after it.
    """

    round: RoundNumber
    state_hash: str
    previous: str
    state: JsonObject
    inputs: JsonObject
    king_entrant: Entrant | None


@dataclass(frozen=True, slots=True)
class WeightAttempt:
    """One attempt to set weights: what was known, what was planned, how it ended.

    `block` is where the chain took it, or the newest one when it was sent. Sealed ones name the beacon's round that opens them;
    `applied_block` is where they were first seen to count. `next_block` is from which the chain takes weights again, where it said
    so; `id` is 0 until it is kept.
    """

    block: Block
    snapshot_hash: str
    snapshot: JsonObject
    plan: JsonObject
    outcome: WeightOutcome
    error: str | None = None
    mechanism: Mechanism = Mechanism.PLAIN
    reveal_round: int | None = None
    applied_block: Block | None = None
    next_block: Block | None = None
    id: int = 0
