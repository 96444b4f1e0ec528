"""Audits: evaluations that a following validator drew to judge again, and their outcomes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scoring.types import Entrant, Hotkey, Micro, RoundNumber
from voice_api.db.database import Pool, read, sql
from voice_api.db.states import AuditOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """An evaluation that is to be judged again."""

    receipt_hash: str
    round: RoundNumber
    entrant: Entrant
    service: str
    """The key that signed it."""
    host: str
    level: int
    """2: its audio is judged again; 3: its model speaks again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedScore:
    """A score that was judged again and lay within the tolerance: by how much it was claimed above what was found."""

    round: RoundNumber
    entrant: Entrant
    service: str
    """The key that signed it."""
    deviation: Micro
    """Signed; in integers of 1e-6, as the tolerance."""
    tolerance: Micro


class Audits:
    """The audits of one validator."""

    def __init__(self, pool: Pool, validator: Hotkey) -> None:
        self._pool, self._validator = pool, validator

    async def draw(self, number: RoundNumber, drawn: Sequence[Drawn]) -> None:
        """Keep what was drawn of a round; drawn again it changes nothing."""
        columns = [[getattr(item, name) for item in drawn] for name in ("receipt_hash", "entrant", "service", "host", "level")]
        async with self._pool.connection() as connection:
            await connection.execute(sql("audits.draw"), self._validator, number, *columns)

    async def next(self) -> Drawn | None:
        """The oldest that was not tried yet, or None."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(sql("audits.next"), self._validator)
        return read(Drawn, row) if row else None

    async def settle(
        self,
        receipt_hash: str,
        outcome: AuditOutcome,
        found: object,
        *,
        deviation: Micro | None = None,
        tolerance: Micro | None = None,
    ) -> None:
        """Write down what came of one; `found` is JSON that says why. Both numbers stand where a score was judged again."""
        async with self._pool.connection() as connection:
            await connection.execute(sql("audits.settle"), self._validator, receipt_hash, outcome, found, deviation, tolerance)

    async def deviations(self) -> tuple[AuditedScore, ...]:
        """All scores that were judged again and held, in the order in which they were."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql("audits.deviations"), self._validator)
        return tuple(read(AuditedScore, row) for row in rows)

    async def distrusted(self) -> Mapping[str, RoundNumber]:
        """Service keys that signed what does not hold, each with the first round in which it did."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql("audits.distrusted"), self._validator)
        return {row["service"]: row["round"] for row in rows}

    async def outcomes(self) -> Mapping[AuditOutcome, int]:
        """Count audits by outcome."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql("audits.outcomes"), self._validator)
        return {AuditOutcome(row["outcome"]): row["count"] for row in rows}
