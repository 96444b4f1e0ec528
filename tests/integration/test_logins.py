"""Each process's login, made by `voice db logins` on a real PostgreSQL."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from neurons.cli.main import app
from scoring.errors import Code, VoiceError
from voice_api.db import roles
from voice_api.db.database import Pool, connection_to, open_pool
from voice_api.db.roles import ROLES, Login
from voice_api.db.submissions import Submissions

pytestmark = pytest.mark.usefixtures("alone_on_the_server")

PASSWORD = "it's 100% \\ secret"
QUOTED = "it%27s%20100%25%20%5C%20secret"


@pytest.fixture
def ruled_url(database_url: str) -> Iterator[str]:
    """A database with its roles; the logins, which a whole server shares, are dropped afterwards."""
    asyncio.run(roles.apply(database_url))
    yield database_url
    asyncio.run(_drop(database_url))


async def _drop(url: str) -> None:
    async with connection_to(url) as connection:
        for name in ROLES:
            await connection.execute(f"drop role if exists {name}")


def url_of(server: str, login: str) -> str:
    """The server's URL with another user, as compose's secrets carry it."""
    parts = urlsplit(server)
    return urlunsplit(parts._replace(netloc=f"{login}:{QUOTED}@{parts.netloc.rpartition('@')[2]}"))


def test_each_process_logs_in_with_the_rights_of_its_role(
    ruled_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the command, which may be given again; a login is a member of its role and of no other."""
    files = [tmp_path / name for name in ROLES]
    for file in files:
        file.write_text(url_of(ruled_url, file.name) + "\n", encoding="utf-8")
    monkeypatch.setenv("DATABASE_URL", ruled_url)
    for _ in range(2):
        app(["db", "logins", *map(str, files)], standalone_mode=False)
    assert asyncio.run(_memberships(ruled_url)) == dict(ROLES)
    assert asyncio.run(_reads(url_of(ruled_url, "worker"))) == "worker"


async def _memberships(url: str) -> dict[str, str]:
    query = (
        "select l.rolname as login, r.rolname as role from pg_auth_members m "
        "join pg_roles r on r.oid = m.roleid join pg_roles l on l.oid = m.member where l.rolcanlogin and l.rolname = any($1)"
    )
    async with connection_to(url) as connection:
        return {row["login"]: row["role"] for row in await connection.fetch(query, list(ROLES))}


async def _reads(url: str) -> str:
    async with open_pool(url, size=1) as pool:
        assert await Submissions(pool).page() == ()
        async with pool.connection() as connection:
            user: str = await connection.fetchval("select session_user")
    return user


async def test_a_wider_role_is_taken_away(ruled_url: str, pool: Pool) -> None:
    """What somebody granted by hand does not stay."""
    login = Login("reader", PASSWORD)
    await roles.ensure_logins(ruled_url, [login])
    async with pool.connection() as connection:
        await connection.execute("grant voice_api to reader")
    await roles.ensure_logins(ruled_url, [login])
    assert (await _memberships(ruled_url))["reader"] == "voice_reader"


def test_a_url_carries_its_login() -> None:
    """Signs that a URL must quote are read back."""
    assert Login.of(f"postgresql://worker:{QUOTED}@postgres:5432/voice") == Login("worker", PASSWORD)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("postgresql://worker@postgres/voice", id="no password"),
        pytest.param("postgresql://postgres:hidden@postgres/voice", id="no process's login"),
        pytest.param("hidden", id="no URL"),
    ],
)
def test_a_url_of_nobody_is_refused_without_its_password(url: str) -> None:
    """The error names the users that there are."""
    with pytest.raises(VoiceError, match="api, dispatcher, worker") as refusal:
        Login.of(url)
    assert refusal.value.code is Code.SETTING_INVALID
    assert "hidden" not in refusal.value.detail
