"""The demo on a PostgreSQL server that somebody else runs."""

import pytest

from neurons.localnet.services import EmbeddedService
from voice_api.db.database import connection_to
from voice_api.db.demo import database_on
from voice_api.errors import DatabaseUnavailable, RedisUnavailable
from voice_api.runtime import reachable

pytestmark = pytest.mark.usefixtures("alone_on_the_server")


async def test_a_new_demo_gets_a_clean_database_and_a_kept_one_its_own(postgres: EmbeddedService) -> None:
    """Its own database on the server: emptied for a new demo, found again for a kept one; nothing else is touched."""
    url = await database_on(postgres.url, keep=False)
    async with connection_to(url) as connection:
        await connection.execute("create table mark (id integer)")
    assert await database_on(postgres.url, keep=True) == url
    async with connection_to(url) as connection:
        assert await connection.fetchval("select to_regclass('mark')") == "mark"
    await database_on(postgres.url, keep=False)
    async with connection_to(url) as connection:
        assert await connection.fetchval("select to_regclass('mark')") is None
    async with connection_to(postgres.url) as connection:
        await connection.execute("drop database voice_demo")


async def test_a_process_started_with_a_wrong_address_is_told_which(
    postgres: EmbeddedService, redis_server: EmbeddedService
) -> None:
    """PostgreSQL first, then Redis; both there is no error."""
    await reachable.check(postgres.url, redis_server.url)
    with pytest.raises(DatabaseUnavailable):
        await reachable.check("postgresql://127.0.0.1:1/x", redis_server.url)
    with pytest.raises(RedisUnavailable):
        await reachable.check(postgres.url, "redis://127.0.0.1:1")
