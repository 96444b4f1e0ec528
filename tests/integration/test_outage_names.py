"""What PostgreSQL refuses because of its own state is an outage, whatever it is called; what it refuses because of us is none."""

import asyncpg
import pytest

from voice_api.db.database import Pool
from voice_api.errors import DatabaseUnavailable


async def fail(pool: Pool, state: str) -> None:
    """Let the server refuse a statement with this SQLSTATE."""
    async with pool.connection() as connection:
        await connection.execute(f"do $$ begin raise exception using errcode = '{state}'; end $$")


@pytest.mark.parametrize(
    "state",
    [
        pytest.param("53100", id="its disk is full"),
        pytest.param("53200", id="it has no memory"),
        pytest.param("53300", id="too many connections"),
        pytest.param("58030", id="its disk fails"),
        pytest.param("57P01", id="it is stopped"),
        pytest.param("57014", id="it was told to end the query"),
        pytest.param("25006", id="another server leads now"),
        pytest.param("40P01", id="a deadlock"),
        pytest.param("40001", id="transactions that met"),
    ],
)
async def test_an_outage_by_any_name(pool: Pool, state: str) -> None:
    """It is waited out, answered with 503, and nobody's failure but the database's."""
    with pytest.raises(DatabaseUnavailable):
        await fail(pool, state)


async def test_our_own_mistake_is_no_outage(pool: Pool) -> None:
    """A row that the schema refuses stays what it is: done again it would be refused again."""
    with pytest.raises(asyncpg.CheckViolationError):
        await fail(pool, "23514")
