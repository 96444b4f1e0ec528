"""A process that starts before the first migration."""

import re

import pytest

from voice_api.db.database import open_pool
from voice_api.db.queue import EvaluationQueue
from voice_api.errors import DatabaseUnavailable


async def test_a_database_without_tables_is_an_outage(empty_database_url: str) -> None:
    """It is waited out like any other, and its one line says what to run."""
    async with open_pool(empty_database_url) as pool:
        with pytest.raises(DatabaseUnavailable, match=re.escape("not migrated: `voice db upgrade` makes its tables")):
            await EvaluationQueue(pool).due_counts()
