"""Attempts to set weights."""

from voice_api.db.pool import Pool
from voice_api.db.records import WeightAttempt
from voice_api.db.rows import read
from voice_api.db.sql import sql
from voice_api.db.states import Outcome


class Weights:
    """Every attempt, in order."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def record(self, attempt: WeightAttempt) -> None:
        """Keep an attempt."""
        async with self._pool.connection() as connection:
            await connection.execute(
                sql("weights.record"),
                attempt.block,
                attempt.snapshot_hash,
                attempt.snapshot,
                attempt.plan,
                attempt.outcome,
                attempt.error,
            )

    async def latest(self, outcome: Outcome | None = None) -> WeightAttempt | None:
        """The last attempt (that ended in this way, if one is named), or None."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(sql("weights.latest"), outcome)
        return read(WeightAttempt, row) if row else None
