"""The same weights again, from what an attempt kept: bit for bit what was sent, or not."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from neurons.validator.weights import plan_input
from neurons.validator.weights.schedule import ledger_of
from scoring.errors import Code, PlatformError
from scoring.types import Block, Hotkey, Uid
from scoring.weights.plan import WeightPlan, WeightsInvalid, to_u16
from voice_api.db.states import WeightOutcome
from voice_api.db.weights import Made

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
    """Plan again from what was kept; raises PlatformError(LEDGER_INVALID) where that cannot be read, or nothing follows from it."""
    attempt = made.attempt
    canonical = json.dumps(attempt.snapshot, sort_keys=True, separators=(",", ":"), allow_nan=False)
    try:
        vector = to_u16(plan_input.planned(plan_input.from_json(attempt.snapshot)).vector)
        sent = to_u16(WeightPlan.from_json(attempt.plan).vector)
        ledger_hash = ledger_of(attempt.snapshot)
    except (KeyError, TypeError, ValueError, WeightsInvalid) as exc:
        raise PlatformError(Code.LEDGER_INVALID, f"the snapshot {attempt.snapshot_hash} cannot be read: {exc!r}") from exc
    holds = hashlib.sha256(canonical.encode()).hexdigest() == attempt.snapshot_hash
    return Replayed(made.validator, attempt.block, attempt.outcome, ledger_hash, vector, sent, holds)
