"""Another host's way to PostgreSQL and Redis: through the door by TLS with a certificate, and for nobody else."""

import asyncio
import re
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

from neurons.cli.doctor import host_checks, node_checks
from neurons.cli.doctor.node import Node
from neurons.cli.main import app
from neurons.cli.options import ChainOptions
from neurons.doctor.catalogue import CheckName
from neurons.doctor.examine import examine
from neurons.doctor.finding import Health
from neurons.localnet.services import EmbeddedService
from scoring.types import SubmissionId
from tests.builders.door import IS_HERE, MISSING, Door, door, hosts_script
from voice_api.db import roles
from voice_api.db.database import connection_to, open_pool
from voice_api.db.evaluations import Verdict
from voice_api.db.queue import EvaluationQueue
from voice_api.db.states import QueueName
from voice_api.dispatch.wakeups import WakeUps
from voice_api.errors import DatabaseUnavailable, RedisUnavailable
from voice_api.runtime import reachable

pytestmark = pytest.mark.skipif(not IS_HERE, reason=MISSING)

HOST, MAIN = "gpu-07", "localhost"
OLD, GONE, STRANGER = "old-1", "gone-1", "stranger"


@pytest.fixture(scope="module")
def opened(server_folder: Path, postgres: EmbeddedService, redis_server: EmbeddedService) -> Iterator[Door]:
    """A door that knows three hosts: one as it should be, one whose certificate has ended, and one that was revoked."""
    folder = server_folder / "hosts"
    secrets, strangers = folder / "secrets", folder / "strangers"
    for place in (secrets, strangers):
        place.mkdir(parents=True)
        (place / "redis_password").write_text("unused", encoding="ascii")
    for name, more in ((HOST, ()), (OLD, ("--days", "0")), (GONE, ())):
        hosts_script("add", name, "--main", MAIN, *more, folder=secrets)
    shutil.copytree(secrets / "hosts" / GONE, folder / GONE)
    hosts_script("revoke", GONE, folder=secrets)
    shutil.move(folder / GONE, secrets / "hosts" / GONE)  # it still holds what it was given
    hosts_script("add", STRANGER, "--main", MAIN, folder=strangers)
    shutil.move(strangers / "hosts" / STRANGER, secrets / "hosts" / STRANGER)
    with door(folder, secrets, postgres.url, redis_server.url) as running:
        yield running


def urls(opened: Door, host: str, database_url: str) -> tuple[str, str]:
    """A host's URLs of this test's database and of Redis."""
    database = urlsplit(database_url).path.removeprefix("/")
    return opened.url(host, "database_url", database), opened.url(host, "redis_url")


@pytest.fixture
def login(
    database_url: str, alone_on_the_server: None, opened: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The host's login, made by the command that the main host's `migrate` runs; a whole server shares it, so it is dropped."""
    asyncio.run(roles.apply(database_url))
    monkeypatch.setenv("DATABASE_URL", database_url)
    app(["db", "logins", str(opened.secrets / "hosts" / HOST / "database_url")], standalone_mode=False)
    yield f"worker-{HOST}"
    asyncio.run(_drop(database_url, f"worker-{HOST}"))


async def _drop(url: str, login: str) -> None:
    async with connection_to(url) as connection:
        await connection.execute(f'drop role "{login}"')


async def test_a_host_works_as_itself_through_the_door(
    opened: Door,
    login: str,
    database_url: str,
    redis_url: str,
    open_round: Callable[..., Awaitable[list[SubmissionId]]],
    verdict: Callable[..., Verdict],
) -> None:
    """It claims and writes a verdict with the login that is its own, which may do nothing else, and Redis answers."""
    database, redis = urls(opened, HOST, database_url)
    await open_round()
    await reachable.check(database, redis)
    async with open_pool(database, size=2) as pool:
        claim = await EvaluationQueue(pool).claim(QueueName.CPU, "w1", timedelta(minutes=1), HOST)
        assert claim is not None
        await EvaluationQueue(pool).finish(claim, verdict())
        async with pool.connection() as connection:
            assert await connection.fetchval("select session_user::text") == login
            assert not await connection.fetchval("select has_table_privilege('ledger', 'select')")
            assert not await connection.fetchval("select has_table_privilege('rounds', 'insert')")


@pytest.mark.parametrize(
    "command", ["FLUSHALL", "KEYS *", "SCAN 0", "GET voice:votes", "SET voice:nonce:epoch 1", "CONFIG GET *", "SHUTDOWN"]
)
async def test_a_host_reaches_nothing_of_redis_but_wake_ups(
    opened: Door, database_url: str, redis_url: str, command: str
) -> None:
    """The API's nonces, limits and secrets lie there as well; a job of RQ it can put there and read."""
    async with Redis.from_url(urls(opened, HOST, database_url)[1]) as redis:
        await redis.set("rq:job:test", "1")
        assert await redis.get("rq:job:test") == b"1"
        with pytest.raises(NoPermissionError):
            await redis.execute_command(*command.split())  # type: ignore[no-untyped-call]  # of redis-py


REFUSALS = [
    pytest.param(
        STRANGER, {"ca.crt": HOST}, "does not know the authority that signed this host's certificate", id="another authority"
    ),
    pytest.param(OLD, {}, "this host's certificate has expired", id="expired"),
    pytest.param(GONE, {}, "this host's certificate was revoked", id="revoked"),
    pytest.param(
        STRANGER, {}, "is not of the authority whose certificate {} names", id="an authority that the host does not know"
    ),
]


@pytest.mark.parametrize(("host", "taken", "why"), REFUSALS)
async def test_who_is_not_let_in_is_told_why(
    opened: Door, database_url: str, redis_url: str, host: str, taken: dict[str, str], why: str
) -> None:
    """By both ways, before anything is asked; and the door's log names the certificate."""
    database, redis = urls(opened, host, database_url)
    for file, of in taken.items():
        was, there = f"/{host}/host/{file}", f"/{of}/host/{file}"
        database, redis = database.replace(was, there), redis.replace(was, there)
    with pytest.raises(DatabaseUnavailable, match=why.format("DATABASE_URL")):
        await reachable.check(database, redis_url)
    with pytest.raises(RedisUnavailable, match=why.format("REDIS_URL")):
        await reachable.check_redis(redis)
    with WakeUps(redis) as wakeups, pytest.raises(RedisUnavailable, match=why.format("REDIS_URL")):
        wakeups.look()


async def test_without_a_certificate_nothing_is_let_in(opened: Door, database_url: str, redis_url: str) -> None:
    """Neither with the owner's own login, nor without TLS."""
    database, redis = urls(opened, HOST, database_url)
    bare = database.partition("&sslcert=")[0]
    with pytest.raises(DatabaseUnavailable, match="asks for a certificate, and DATABASE_URL names none"):
        await reachable.check(bare, redis_url)
    with pytest.raises(RedisUnavailable, match="asks for a certificate, and REDIS_URL names none"):
        await reachable.check_redis(redis.partition("&ssl_certfile=")[0])
    parts = urlsplit(database)
    with pytest.raises(DatabaseUnavailable):
        await reachable.check(f"postgresql://postgres@localhost:{parts.port}{parts.path}?sslmode=disable", redis_url)
    with pytest.raises(RedisUnavailable):
        await reachable.check_redis(f"redis://localhost:{urlsplit(redis).port}/0")


async def test_the_doctor_names_what_is_wrong_with_certificates(
    opened: Door, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row of PostgreSQL: its certificate is for another name. The row of Redis: a file is not there."""
    database, redis = urls(opened, HOST, database_url)
    monkeypatch.setenv("DATABASE_URL", database.replace("@localhost:", "@127.0.0.1:"))
    monkeypatch.setenv("REDIS_URL", redis.replace("host.key", "other.key"))
    async with AsyncExitStack() as stack:
        node = Node(ChainOptions(), None, stack)
        looks = (node_checks.database, node_checks.redis, host_checks.tls_certificates)
        found = {row.check: row for row in await examine([check for look in looks for check in look(node)])}
    assert found[CheckName.DATABASE].health is found[CheckName.REDIS].health is Health.FAILING
    assert "the server's certificate is for another host name than DATABASE_URL has" in found[CheckName.DATABASE].value
    assert re.search(r"^TLS, .*/gpu-07/host/host.crt: 36[45] d", found[CheckName.CERTIFICATE].value)
    assert "other.key as ssl_keyfile, and this user can read no such file" in found[CheckName.REDIS].value


async def test_a_host_is_shut_out_while_the_door_stays_open_for_others(opened: Door, database_url: str, redis_url: str) -> None:
    """Its certificate is revoked, the door reads the list again, and what was open is closed."""
    hosts_script("add", "cpu-9", "--main", MAIN, folder=opened.secrets)
    opened.reload()
    database, redis = urls(opened, "cpu-9", database_url)
    other = urls(opened, HOST, database_url)[1]
    kept = {file.name: file.read_bytes() for file in (opened.secrets / "hosts" / "cpu-9" / "host").iterdir()}
    await reachable.check_redis(redis)
    hosts_script("revoke", "cpu-9", folder=opened.secrets)
    assert not (opened.secrets / "hosts" / "cpu-9").exists()
    place = opened.secrets / "hosts" / "cpu-9" / "host"
    place.mkdir(parents=True)
    for name, content in kept.items():
        (place / name).write_bytes(content)
    opened.reload()
    with pytest.raises(RedisUnavailable, match="was revoked"):
        await reachable.check_redis(redis)
    with pytest.raises(DatabaseUnavailable, match="was revoked"):
        await reachable.check(database, redis_url)
    await reachable.check_redis(other)
