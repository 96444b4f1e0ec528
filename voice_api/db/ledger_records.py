"""What validators write down, as frozen values: who stood at a round's close, the ledger, attempts to set weights."""

from collections.abc import Mapping
from dataclasses import dataclass

from scoring.ranking.inputs import Inputs
from scoring.ranking.state import State
from scoring.types import Block, Entrant, RoundNumber
from scoring.weights.plan import WeightPlan
from scoring.weights.snapshot import PlanInput
from voice_api.db.states import Mechanism, WeightOutcome


@dataclass(frozen=True, slots=True)
class Roll:
    """Who stood when a round closed, by the metagraph of `block`: entrants that may go on, and of known others why they may not."""

    block: Block
    standing: tuple[Entrant, ...]
    gone: Mapping[Entrant, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One round of a ledger: the state after it, chained by hash to the entry before."""

    round: RoundNumber
    state_hash: str
    previous: str
    """The `state_hash` of the entry before; '' in the first one."""
    state: State
    inputs: Inputs

    @property
    def king(self) -> Entrant | None:
        """The submission that holds the top after this round."""
        return self.state.king


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightAttempt:
    """One attempt to set weights: what was known, what was planned, how it ended."""

    block: Block
    """The block in which the chain took it, or the newest one when it was sent."""
    snapshot_hash: str
    """The hash of `plan_input` when it was kept."""
    plan_input: PlanInput
    plan: WeightPlan
    outcome: WeightOutcome
    error: str | None = None
    mechanism: Mechanism = Mechanism.PLAIN
    reveal_round: int | None = None
    """The beacon's round that opens sealed weights."""
    applied_block: Block | None = None
    """The block at which sealed weights were first seen to count."""
    next_block: Block | None = None
    """The block from which the chain takes weights again, where it said so."""
    id: int = 0
    """0 until the attempt is kept."""
