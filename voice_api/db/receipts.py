"""Receipts, byte for byte as they were signed, and the samples that they list."""

from dataclasses import dataclass

from scoring.errors import Code, PlatformError
from scoring.types import EvaluationId, Micro
from voice_api.db.database import JsonObject, Pool, read, sql


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """`receipt` is the JSON text that was hashed and signed; the last two are None where it was judged before receipts were signed."""

    evaluation_id: EvaluationId
    receipt_hash: str
    receipt: str
    signature: str | None
    certificate: JsonObject | None


class Receipts:
    """The receipts of every verdict, by hash."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def get(self, receipt_hash: str) -> Receipt:
        """The receipt with this hash; raises PlatformError(NOT_FOUND)."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(sql("receipts.get"), receipt_hash)
        if row is None:
            raise PlatformError(Code.NOT_FOUND, "there is no receipt with this hash")
        return read(Receipt, row)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRow:
    """One sample; `position` counts from 0 in the round's own order, `rate` is in Hz, `seconds` of wall-clock to speak it."""

    position: int
    prompt_id: str
    group_id: str
    score: Micro
    gate: str | None
    metrics: JsonObject
    utilities: JsonObject
    pcm_sha256: str
    rate: int
    seconds: float


class Samples:
    """The samples of scored evaluations."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def page(self, evaluation_id: EvaluationId, after: int | None = None, limit: int = 50) -> tuple[SampleRow, ...]:
        """An evaluation's samples at positions above `after`; the last one's position is the next page's `after`."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql("samples.page"), evaluation_id, -1 if after is None else after, limit)
        return tuple(read(SampleRow, row) for row in rows)
