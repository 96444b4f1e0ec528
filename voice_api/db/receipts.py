"""Receipts, byte for byte as they were signed."""

from dataclasses import dataclass

from scoring.errors import Code, PlatformError
from scoring.types import EvaluationId
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
