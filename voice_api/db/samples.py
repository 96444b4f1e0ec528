"""The samples of an evaluation, prompt by prompt."""

from dataclasses import dataclass

from scoring.types import EvaluationId, Micro
from voice_api.db.database import JsonObject, Pool, read, sql


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
