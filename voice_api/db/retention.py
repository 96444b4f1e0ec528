"""Why sounds are kept for good, by what was decided about whoever said them."""

from collections.abc import Mapping, Sequence

import asyncpg

from scoring.errors import Code, PlatformError
from scoring.store.retention import KeptBecause
from voice_api.db.database import Pool, sql

_NOT_A_READER = (
    "the role in DATABASE_URL may not read ledgers, duels and audits, which say what is kept: name the tables' owner or a reader"
)


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
        """Those of these sounds that stay for good, each with its reason; `worst` of an evaluation's lowest do.

        Raises PlatformError(SETTING_INVALID) for a role that may not know, as a worker's.
        """
        try:
            async with self._pool.connection() as connection:
                rows = await connection.fetch(sql("retention.reasons"), list(digests), worst)
        except asyncpg.InsufficientPrivilegeError as exc:
            raise PlatformError(Code.SETTING_INVALID, _NOT_A_READER) from exc
        return {row["pcm_sha256"]: KeptBecause(row["reason"]) for row in rows}
