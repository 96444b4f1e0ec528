"""The same weights again, from what an attempt kept: bit for bit what was sent, or not."""

from collections.abc import Mapping
from dataclasses import dataclass

from neurons.validator.weights import plan_input
from scoring.types import Block, Hotkey, Uid
from scoring.weights.plan import to_u16
from voice_api.db.states import WeightOutcome
from voice_api.db.weights import Made
from voice_api.errors import LedgerInvalid

Vector = tuple[tuple[Uid, int], ...]
"""Uids and their u16, as the chain takes them."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What follows from an attempt's snapshot, and what was sent; `holds` if the snapshot has its hash, and both vectors are the same."""

    validator: Hotkey
    block: Block
    outcome: WeightOutcome
    ledger_hash: str
    vector: Vector
    sent: Vector
    hash_holds: bool

    @property
    def holds(self) -> bool:
        """Whether nothing differs."""
        return self.hash_holds and self.vector == self.sent

    def on_chain(self, row: Mapping[Uid, int]) -> bool:
        """Whether it is this vector that counts."""
        return dict(row) == dict(self.vector)


def replay(made: Made) -> Replayed:
    """Plan again from what was kept; raises LedgerInvalid where nothing follows from it."""
    attempt = made.attempt
    try:
        vector = to_u16(plan_input.planned(attempt.plan_input).vector)
        sent = to_u16(attempt.plan.vector)
    except (KeyError, TypeError, ValueError) as exc:  # it was read, yet its values may be of any kind
        raise LedgerInvalid(f"nothing follows from the snapshot {attempt.snapshot_hash}: {exc!r}") from exc
    holds = attempt.plan_input.hash == attempt.snapshot_hash
    ledger_hash = attempt.plan_input.ledger_hash
    return Replayed(made.validator, attempt.block, attempt.outcome, ledger_hash, vector, sent, holds)
