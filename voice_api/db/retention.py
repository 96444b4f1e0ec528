"""Why sounds are kept for good, by what was decided about whoever said them."""

from collections.abc import Mapping, Sequence

from scoring.store.retention import KeptBecause
from voice_api.db.database import Pool, sql


class KeptSamples:
    """What the ledgers, duels, audits and samples of this database say of sounds."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def known(self) -> bool:
        """Whether any sound was ever judged here: of a database that knows none, nothing follows."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(sql("retention.known"))
        return bool(row["known"])

    async def reasons(self, digests: Sequence[str], worst: int) -> Mapping[str, KeptBecause]:
        """Those of these sounds that stay for good, each with its reason; `worst` of an evaluation's lowest do."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql("retention.reasons"), list(digests), worst)
        return {row["pcm_sha256"]: KeptBecause(row["reason"]) for row in rows}
