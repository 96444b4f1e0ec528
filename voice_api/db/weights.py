"""Attempts to set weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scoring.errors import Code, PlatformError
from scoring.types import Block, Hotkey
from scoring.weights.plan import PlanInput, WeightPlan, plan_input
from voice_api.db.database import Pool, read, sql
from voice_api.db.states import Mechanism, WeightOutcome
from voice_api.errors import LedgerInvalid

_NEWEST = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightAttempt:
    """One attempt to set weights: its input, its plan and its outcome."""

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


class Weights:
    """Every attempt of one validator, in order."""

    def __init__(self, pool: Pool, validator: Hotkey) -> None:
        self._pool, self._validator = pool, validator

    async def record(self, attempt: WeightAttempt) -> int:
        """Keep an attempt, and return its id."""
        async with self._pool.connection() as connection:
            key: int = await connection.fetchval(
                sql("weights.record"),
                self._validator,
                attempt.block,
                attempt.snapshot_hash,
                attempt.plan_input.to_json(),
                attempt.plan.to_json(),
                attempt.outcome,
                attempt.error,
                attempt.mechanism,
                attempt.reveal_round,
                attempt.applied_block,
                attempt.next_block,
            )
        return key

    async def latest(self, outcome: WeightOutcome | None = None) -> WeightAttempt | None:
        """The last attempt (with this outcome, if one is named), or None."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(sql("weights.latest"), self._validator, outcome)
        return _attempt(row) if row else None

    async def planned(self) -> WeightAttempt | None:
        """The last attempt that was planned from the ledger as it stood, and not carried over, and that the chain took."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(sql("weights.planned"), self._validator)
        return _attempt(row) if row else None

    async def waiting(self) -> tuple[WeightAttempt, ...]:
        """Attempts whose end is not known yet: sent without an answer, or sealed and neither applied nor expired. Oldest first."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql("weights.waiting"), self._validator)
        return tuple(_attempt(row) for row in rows)

    async def page(self, before: int | None = None, limit: int = 50) -> tuple[WeightAttempt, ...]:
        """Attempts with ids below `before`, newest first; the last one's id is the next page's `before`."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql("weights.page"), self._validator, _NEWEST if before is None else before, limit)
        return tuple(_attempt(row) for row in rows)

    async def settle(self, attempt: WeightAttempt) -> bool:
        """Keep the outcome of an attempt that was waiting; False, and nothing changed, if it was not."""
        async with self._pool.connection() as connection:
            found = await connection.fetchval(
                sql("weights.settle"),
                self._validator,
                attempt.id,
                attempt.block,
                attempt.outcome,
                attempt.error,
                attempt.mechanism,
                attempt.reveal_round,
                attempt.applied_block,
                attempt.next_block,
            )
        return found is not None


@dataclass(frozen=True, slots=True)
class Made:
    """An attempt, and the validator that made it."""

    validator: Hotkey
    attempt: WeightAttempt


async def of_snapshot(pool: Pool, snapshot_hash: str) -> tuple[Made, ...]:
    """The attempts, of any validator, that were made from a snapshot, oldest first; raises PlatformError(NOT_FOUND) without any."""
    async with pool.connection() as connection:
        rows = await connection.fetch(sql("weights.of_snapshot"), snapshot_hash)
    if not rows:
        raise PlatformError(Code.NOT_FOUND, f"no attempt to set weights was made from the snapshot {snapshot_hash}")
    return tuple(Made(Hotkey(row["validator"]), _attempt(row)) for row in rows)


def _attempt(row: Mapping[str, Any]) -> WeightAttempt:
    """An attempt from its row; raises LedgerInvalid for one that another release wrote otherwise."""
    try:
        basis, plan = plan_input(row["snapshot"]), WeightPlan.from_json(row["plan"])
    except ValueError as exc:
        raise LedgerInvalid(f"the attempt {row['id']} to set weights cannot be read: {exc}") from exc
    return read(WeightAttempt, row, plan_input=basis, plan=plan)
