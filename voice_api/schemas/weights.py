"""Attempts to set weights on the wire."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field

from scoring.canonical_json import digest
from scoring.types import Block
from scoring.weights.plan import Snapshot
from voice_api.db.states import Mechanism, WeightOutcome
from voice_api.db.weights import Made, StoredAttempt, WeightAttempt
from voice_api.schemas.wire import Hex32, Page, Ss58, Wire

MOST_ATTEMPTS = 50
"""The largest page: each attempt was made from a whole snapshot."""


class WeightsOut(Wire):
    """One attempt; the same snapshot gives the same plan anywhere."""

    id: Annotated[int, Field(examples=[96])]
    block: Annotated[Block, Field(examples=[434_171])]
    snapshot_hash: Hex32
    plan_hash: Annotated[Hex32, Field(description="SHA-256 of the plan's JSON, its keys sorted, without spaces.")]
    ledger_hash: Annotated[str | None, Field(description="The ledger's entry that it stands on.", examples=["b7" * 32])]
    competition_hash: Annotated[str | None, Field(examples=["c0" * 32])]
    outcome: WeightOutcome
    mechanism: Mechanism
    reveal_round: Annotated[int | None, Field(description="Of the beacon that opens sealed weights.", examples=[None])]
    applied_block: Annotated[Block | None, Field(description="Where the chain took them over.", examples=[None])]

    @classmethod
    def of(cls, attempt: StoredAttempt) -> Self:
        """The attempt as it is published; the chain's own words about it stay the operator's.

        One that cannot be read names neither ledger nor competition; the hash is then of the plan's JSON as it is stored.
        """
        return cls(**_facts(attempt))


class WeightsPage(Page[WeightsOut]):
    """Attempts, newest first; `next` is the next page's `before`, absent on the last page."""

    next: Annotated[int | None, Field(examples=[96])]


class WeightsDetail(WeightsOut):
    """An attempt with its input and its plan: from the same input anybody plans the same."""

    validator: Ss58
    snapshot: Annotated[Mapping[str, Any], Field(examples=[{"block": 434_171, "owner": 0}])]
    plan: Annotated[Mapping[str, Any], Field(examples=[{"vector": {"0": 0.35, "4": 0.65}, "burn": 0.35}])]

    @classmethod
    def whole(cls, made: Made) -> Self:
        """The attempt as it is published, with its input and its plan."""
        facts = _facts(made.attempt)
        return cls(
            **facts, validator=made.validator, snapshot=made.attempt.plan_input.to_json(), plan=made.attempt.plan.to_json()
        )


def _facts(attempt: StoredAttempt) -> dict[str, Any]:
    own = attempt.plan_input if isinstance(attempt, WeightAttempt) and isinstance(attempt.plan_input, Snapshot) else None
    return {
        "id": attempt.id,
        "block": attempt.block,
        "snapshot_hash": attempt.snapshot_hash,
        "plan_hash": digest(attempt.plan.to_json() if isinstance(attempt, WeightAttempt) else attempt.stored_plan),
        "ledger_hash": None if own is None else own.ledger_hash,
        "competition_hash": None if own is None else own.competition_hash,
        "outcome": attempt.outcome,
        "mechanism": attempt.mechanism,
        "reveal_round": attempt.reveal_round,
        "applied_block": attempt.applied_block,
    }
