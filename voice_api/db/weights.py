"""Attempts to set weights."""

from scoring.errors import Code, PlatformError
from scoring.types import Block, Hotkey
from voice_api.db.ledger_records import WeightAttempt
from voice_api.db.pool import Pool
from voice_api.db.rows import read
from voice_api.db.sql import sql
from voice_api.db.states import Outcome

_NEWEST = 2**62


class Weights:
    """Every attempt of one validator, in order."""

    def __init__(self, pool: Pool, validator: Hotkey) -> None:
        self._pool, self._validator = pool, validator

    async def record(self, attempt: WeightAttempt) -> int:
        """Keep an attempt; its id."""
        async with self._pool.connection() as connection:
            key: int = await connection.fetchval(
                sql("weights.record"),
                self._validator,
                attempt.block,
                attempt.snapshot_hash,
                attempt.snapshot,
                attempt.plan,
                attempt.outcome,
                attempt.error,
                attempt.mechanism,
                attempt.reveal_round,
                attempt.applied_block,
            )
        return key

    async def latest(self, outcome: Outcome | None = None) -> WeightAttempt | None:
        """The last attempt (that stands so, if an outcome is named), or None."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(sql("weights.latest"), self._validator, outcome)
        return read(WeightAttempt, row) if row else None

    async def waiting(self) -> tuple[WeightAttempt, ...]:
        """Sealed attempts that were neither applied nor expired yet, oldest first."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql("weights.waiting"), self._validator)
        return tuple(read(WeightAttempt, row) for row in rows)

    async def page(self, before: int | None = None, limit: int = 50) -> tuple[WeightAttempt, ...]:
        """Attempts with ids below `before`, newest first; the last one's id is the next page's `before`."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql("weights.page"), self._validator, _NEWEST if before is None else before, limit)
        return tuple(read(WeightAttempt, row) for row in rows)

    async def settle(self, key: int, outcome: Outcome, applied: Block | None = None) -> bool:
        """Say what became of a sealed attempt: applied in a block, or expired; False, and nothing changed, unless it was pending."""
        async with self._pool.connection() as connection:
            return bool(await connection.fetchval(sql("weights.settle"), self._validator, key, outcome, applied))


async def of_snapshot(pool: Pool, snapshot_hash: str) -> WeightAttempt:
    """The first attempt, of any validator, that was made from a snapshot; raises PlatformError(NOT_FOUND)."""
    async with pool.connection() as connection:
        row = await connection.fetchrow(sql("weights.of_snapshot"), snapshot_hash)
    if row is None:
        raise PlatformError(Code.NOT_FOUND, f"no attempt to set weights was made from the snapshot {snapshot_hash}")
    return read(WeightAttempt, row)
