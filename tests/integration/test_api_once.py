"""Idempotency keys: a write is done once, however often and however concurrently it is sent."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from types import ModuleType

import bittensor as bt
import httpx
import pytest
from bittensor import http_auth
from fastapi.routing import APIRoute

from scoring.errors import Code, PlatformError
from scoring.types import Hotkey
from voice_api.db.database import Pool
from voice_api.db.idempotency import Attempt, Idempotency, StoredAnswer
from voice_api.errors import DatabaseUnavailable
from voice_api.settings import ApiSettings
from voice_api.web.dependencies import service_of
from voice_api.web.routes import operator, registry, submissions, validations

Serve = Callable[[ApiSettings], Awaitable[httpx.ASGITransport]]
Post = Callable[..., Awaitable[httpx.Response]]
API = "http://voice.test"
ME = Hotkey("5Me")
DYING = """
create function die() returns trigger language plpgsql as 'begin perform pg_terminate_backend(pg_backend_pid()); return new; end';
create trigger dying before insert on idempotency for each row execute function die();
"""
DRAIN, BAN = "/v1/operator/drain", "/v1/operator/ban"


@pytest.fixture
async def post(
    serve: Serve, api_settings: Callable[..., ApiSettings], writer: bt.Wallet, receiver: bt.Wallet
) -> AsyncIterator[Post]:
    """Send an order to one of two APIs, signed anew each time."""
    settings = api_settings(operators=(writer.hotkey.ss58_address,))
    transports = [await serve(settings), await serve(settings)]
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(httpx.AsyncClient(base_url=API, transport=each)) for each in transports]

        async def send(path: str, body: dict[str, str], key: str | None, second: bool = False) -> httpx.Response:
            content, to = json.dumps(body).encode(), receiver.hotkey.ss58_address
            headers = http_auth.sign(writer, method="POST", path=path, body=content, receiver_ss58=to)
            headers |= {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
            return await clients[second].post(path, content=content, headers=headers)

        yield send


async def actions(pool: Pool) -> int:
    """How often operators did something."""
    async with pool.connection() as connection:
        return int(await connection.fetchval("select count(*) from operator_actions"))


async def test_the_same_write_again_is_answered_as_it_was(post: Post, pool: Pool) -> None:
    """Draining a drained host is a conflict; under the first one's key it is the first one's answer."""
    body = {"host": "old", "reason": "a new kernel"}
    first = await post(DRAIN, body, "k1")
    again = await post(DRAIN, body, "k1", second=True)
    other = await post(DRAIN, body, "k2")
    assert (first.status_code, again.status_code, other.status_code) == (200, 200, 409)
    assert (again.content, again.headers["idempotent-replay"]) == (first.content, "true")
    assert "idempotent-replay" not in first.headers
    assert await actions(pool) == 1


async def test_another_write_under_the_same_key(post: Post) -> None:
    """A key stands for one request: another body, or another path, is refused."""
    await post(DRAIN, {"host": "old", "reason": "x"}, "k")
    for path, body in ((DRAIN, {"host": "other", "reason": "x"}), (BAN, {"hotkey": "5G", "reason": "x"})):
        answer = await post(path, body, "k")
        assert (answer.status_code, answer.json()["code"]) == (409, Code.IDEMPOTENCY_MISMATCH)


async def test_concurrent_duplicates_do_the_work_once(post: Post, pool: Pool) -> None:
    """Ten at once over two processes: one acts, all get its answer."""
    body = {"host": "old", "reason": "x"}
    answers = await asyncio.gather(*(post(DRAIN, body, "k", second=bool(number % 2)) for number in range(10)))
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert sum("idempotent-replay" not in answer.headers for answer in answers) == 1
    assert await actions(pool) == 1


async def test_what_was_refused_is_not_kept(post: Post, pool: Pool) -> None:
    """A refused write did nothing: under the same key it may succeed later, also with a body that was wrong at first."""
    undrain = {"host": "old", "reason": "x"}
    assert (await post("/v1/operator/undrain", undrain, "k")).status_code == 409
    assert (await post(DRAIN, {"host": "old"}, "d")).status_code == 422
    assert (await post(DRAIN, {"host": "old", "reason": "x"}, "d")).status_code == 200
    assert (await post("/v1/operator/undrain", undrain, "k")).status_code == 200
    assert await actions(pool) == 2


async def test_keys_that_are_none(post: Post) -> None:
    """A key is 1 to 128 visible characters."""
    for key in ("k" * 129, "a b"):
        answer = await post(DRAIN, {"host": "old", "reason": "x"}, key)
        assert (answer.status_code, answer.json()["code"]) == (422, Code.REQUEST_INVALID)


async def test_a_connection_that_dies_leaves_nothing_half_done(post: Post, pool: Pool) -> None:
    """PostgreSQL ends the connection after the write, as its answer is kept: nothing was written, and the next try does it at once."""
    body = {"host": "old", "reason": "x"}
    async with pool.connection() as connection:
        await connection.execute(DYING)
    assert (await post(DRAIN, body, "k")).status_code == 503
    assert await actions(pool) == 0
    async with pool.connection() as connection:
        await connection.execute("drop trigger dying on idempotency")
    tries = [await post(DRAIN, body, "k") for _ in range(2)]
    assert [(answer.status_code, "idempotent-replay" in answer.headers) for answer in tries] == [(200, False), (200, True)]
    assert await actions(pool) == 1


async def test_whoever_dies_frees_its_key_at_once(pool: Pool) -> None:
    """A request whose connection ended before it was answered undid what it wrote, and the key is the next one's."""
    store = Idempotency(pool)
    with pytest.raises(DatabaseUnavailable):
        async with store.begin(ME, "k", "request") as dead:
            assert isinstance(dead, Attempt)
            async with dead.pool.transaction() as connection:
                await connection.execute("insert into drained_hosts (host, actor, reason) values ('h', 'a', 'r')")
            await dead.answer(StoredAnswer(200, "never sent"))
            async with pool.connection() as other:
                await other.execute("select pg_terminate_backend($1)", connection.get_server_pid())
            await dead.answer(StoredAnswer(200, "never sent"))
    async with store.begin(ME, "k", "request", patience=timedelta(0)) as heir:
        assert isinstance(heir, Attempt)
    async with pool.connection() as connection:
        assert await connection.fetchval("select count(*) from drained_hosts") == 0


async def test_each_hotkey_has_its_own_keys(pool: Pool) -> None:
    """The same key of another hotkey is another key."""
    store = Idempotency(pool)
    async with store.begin(ME, "k", "request") as mine:
        assert isinstance(mine, Attempt)
        await mine.answer(StoredAnswer(202, "mine", "/here"))
        async with store.begin(Hotkey("5Other"), "k", "another request") as other:
            assert isinstance(other, Attempt)
    async with store.begin(ME, "k", "request") as again:
        assert again == StoredAnswer(202, "mine", "/here")


async def test_waiting_for_the_first_ends(pool: Pool) -> None:
    """While the first is at work a duplicate waits, and in the end is told to come back; another request is refused after it."""
    store = Idempotency(pool)
    async with store.begin(ME, "k", "request") as first:
        with pytest.raises(PlatformError, match="still being done") as refusal:
            async with store.begin(ME, "k", "request", patience=timedelta(milliseconds=100)):
                pass
        assert refusal.value.code is Code.STATE_CONFLICT
        assert isinstance(first, Attempt)
        await first.answer(StoredAnswer(200, "done"))
    with pytest.raises(PlatformError) as mismatch:
        async with store.begin(ME, "k", "another"):
            pass
    assert mismatch.value.code is Code.IDEMPOTENCY_MISMATCH


async def test_answers_are_kept_for_a_day(pool: Pool) -> None:
    """After 24 hours a key is new again, and its answer is replaced."""
    store = Idempotency(pool)
    for request in ("request", "another"):
        async with store.begin(ME, "k", request) as attempt:
            assert isinstance(attempt, Attempt)
            await attempt.answer(StoredAnswer(200, request))
        async with store.begin(ME, "k", request) as kept:
            assert kept == StoredAnswer(200, request)
        async with pool.connection() as connection:
            await connection.execute("update idempotency set at = at - interval '24 hours 1 second'")


@pytest.mark.parametrize("part", [operator, registry, submissions, validations])
def test_no_write_goes_around_its_transaction(part: ModuleType) -> None:
    """Every route that writes has its stores from its caller alone: others would not be of the key's transaction."""
    writes = [route for route in part.router.routes if isinstance(route, APIRoute) and "POST" in (route.methods or ())]
    assert writes
    assert [route.path for route in writes if service_of in {needed.call for needed in route.dependant.dependencies}] == []
