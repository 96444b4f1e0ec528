"""Attempts to set weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scoring.errors import Code, PlatformError
from scoring.types import Block, Hotkey, Uid
from scoring.weights.plan import PlanInput, WeightPlan, plan_input, to_u16
from voice_api.db.database import Pool, read, sql
from voice_api.db.states import Mechanism, RefusalClass, WeightOutcome
from voice_api.errors import LedgerInvalid

_NEWEST = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptOutcome:
    """The outcome of one attempt to set weights, and all else that is known of it without its input and its plan."""

    block: Block
    """The block in which the chain took it, or the newest one when it was sent."""
    snapshot_hash: str
    """The hash of the input when it was kept."""
    outcome: WeightOutcome
    error: str | None = None
    mechanism: Mechanism = Mechanism.PLAIN
    reveal_round: int | None = None
    """The beacon's round that opens sealed weights."""
    applied_block: Block | None = None
    """The block at which sealed weights were first seen to count."""
    next_block: Block | None = None
    """The block from which the chain takes weights again, where it said so."""
    refusal: RefusalClass | None = None
    """Who or what ends the chain's refusal, where it refused."""
    opens_in: int | None = None
    """The epoch in which the chain opens sealed weights or never; None until they were seen to wait."""
    id: int = 0
    """0 until the attempt is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightAttempt(AttemptOutcome):
    """One attempt to set weights: its input, its plan and its outcome."""

    plan_input: PlanInput
    plan: WeightPlan

    @property
    def ledger_hash(self) -> str:
        """The ledger's entry that it stands on."""
        return self.plan_input.ledger_hash

    @property
    def row(self) -> Mapping[Uid, int]:
        """The weights that were sent: u16 by uid."""
        return dict(to_u16(self.plan.vector, self.plan_input.most))


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableAttempt(AttemptOutcome):
    """An attempt whose input or plan is not as this release writes them: its outcome stands, and it is no plan to hold."""

    fault: LedgerInvalid
    """The attempt's name, and what is wrong."""
    stored_plan: object
    """The plan's JSON."""

    @property
    def ledger_hash(self) -> str:
        """No ledger's entry: nobody can say on which it stands."""
        return ""


StoredAttempt = WeightAttempt | UnreadableAttempt


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
                attempt.refusal,
                attempt.opens_in,
            )
        return key

    async def latest(self, outcome: WeightOutcome | None = None) -> WeightAttempt | None:
        """The last attempt (with this outcome, if one is named), or None; raises LedgerInvalid for one that cannot be read."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(sql("weights.latest"), self._validator, outcome)
        return _readable(row) if row else None

    async def planned(self) -> WeightAttempt | None:
        """The last attempt that was planned from the ledger as it stood, and not carried over, and that the chain took.

        None where there is none, or where that one cannot be read.
        """
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(sql("weights.planned"), self._validator)
        found = _attempt(row) if row else None
        return found if isinstance(found, WeightAttempt) else None

    async def waiting(self) -> tuple[WeightAttempt, ...]:
        """Attempts whose end is not known yet: sent without an answer, or sealed and neither applied nor expired. Oldest first.

        One that cannot be read is left out: whether the chain has its weights cannot be said any more.
        """
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql("weights.waiting"), self._validator)
        return tuple(found for found in map(_attempt, rows) if isinstance(found, WeightAttempt))

    async def page(self, before: int | None = None, limit: int = 50) -> tuple[StoredAttempt, ...]:
        """Attempts with ids below `before`, newest first; the last one's id is the next page's `before`."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql("weights.page"), self._validator, _NEWEST if before is None else before, limit)
        return tuple(_attempt(row) for row in rows)

    async def settle(self, attempt: WeightAttempt) -> bool:
        """Keep what is known now of an attempt that was waiting; False, and nothing changed, if it was not."""
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
                attempt.refusal,
                attempt.opens_in,
            )
        return found is not None


@dataclass(frozen=True, slots=True)
class Made:
    """An attempt, and the validator that made it."""

    validator: Hotkey
    attempt: WeightAttempt


async def of_snapshot(pool: Pool, snapshot_hash: str) -> tuple[Made, ...]:
    """The attempts, of any validator, that were made from a snapshot, oldest first.

    Raises PlatformError(NOT_FOUND) without any, LedgerInvalid for one that cannot be read.
    """
    async with pool.connection() as connection:
        rows = await connection.fetch(sql("weights.of_snapshot"), snapshot_hash)
    if not rows:
        raise PlatformError(Code.NOT_FOUND, f"no attempt to set weights was made from the snapshot {snapshot_hash}")
    return tuple(Made(Hotkey(row["validator"]), _readable(row)) for row in rows)


def _readable(row: Mapping[str, Any]) -> WeightAttempt:
    """An attempt from its row; raises LedgerInvalid."""
    found = _attempt(row)
    if isinstance(found, UnreadableAttempt):
        raise found.fault
    return found


def _attempt(row: Mapping[str, Any]) -> StoredAttempt:
    """An attempt from its row, which another release may have written otherwise."""
    try:
        given, plan = plan_input(row["snapshot"]), WeightPlan.from_json(row["plan"])
    except ValueError as exc:
        fault = LedgerInvalid(f"the attempt {row['id']} to set weights cannot be read: {exc}")
        return read(UnreadableAttempt, row, fault=fault, stored_plan=row["plan"])
    return read(WeightAttempt, row, plan_input=given, plan=plan)
