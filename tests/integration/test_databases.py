"""`voice db create`: a database of one's own beside another."""

from urllib.parse import urlsplit, urlunsplit

import pytest

from scoring.errors import Code, PlatformError
from voice_api.db import databases, migrate
from voice_api.db.database import connection_to, open_pool


async def test_a_database_is_made_with_its_tables_once(database_url: str) -> None:
    """On the same server, under the name that was asked for; asked for again it stays as it is."""
    made = await databases.create(database_url, "of_my_own")
    try:
        assert urlsplit(made)._replace(path="") == urlsplit(database_url)._replace(path="")
        async with open_pool(made) as pool:
            assert await migrate.at_head(pool)
        async with connection_to(made) as connection:
            await connection.execute("create table mark (id integer)")
        assert await databases.create(database_url, "of_my_own") == made
        async with connection_to(made) as connection:
            assert await connection.fetchval("select to_regclass('mark')") == "mark"
    finally:
        async with connection_to(database_url) as connection:
            await connection.execute("drop database of_my_own with (force)")


@pytest.mark.parametrize("name", ["", "Mine", "my-own", 'x"; drop database voice', "a" * 64, "1st", "nä"])
async def test_a_name_that_would_need_quotes_is_refused(database_url: str, name: str) -> None:
    """Before the server is asked."""
    with pytest.raises(PlatformError, match="is no database's name here") as refused:
        await databases.create(database_url, name)
    assert refused.value.code is Code.ARGUMENT_INVALID


async def test_who_may_not_make_one_is_told_whom_to_name(database_url: str) -> None:
    """A process's own login may not."""
    parts = urlsplit(database_url)
    login = urlunsplit(parts._replace(netloc=f"makes_nothing@{parts.netloc.rpartition('@')[2]}"))
    async with connection_to(database_url) as owner:
        await owner.execute("create role makes_nothing login")
        try:
            with pytest.raises(PlatformError, match="name the server's owner") as refused:
                await databases.create(login, "of_my_own")
        finally:
            await owner.execute("drop role makes_nothing")
    assert refused.value.code is Code.SETTING_INVALID
