"""Idempotency keys: a write is done once, however often and however concurrently it is sent."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta

import bittensor as bt
import httpx
import pytest
from bittensor import http_auth

from scoring.errors import Code, PlatformError
from scoring.types import Hotkey
from voice_api.db.idempotency import Attempt, Idempotency, StoredAnswer
from voice_api.db.pool import Pool
from voice_api.settings import ApiSettings

Serve = Callable[[ApiSettings], Awaitable[httpx.ASGITransport]]
Post = Callable[..., Awaitable[httpx.Response]]
API = "http://voice.test"
ME = Hotkey("5Me")
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


async def test_each_hotkey_has_its_own_keys(pool: Pool) -> None:
    """The same key of another hotkey is another key."""
    store = Idempotency(pool)
    mine = await store.begin(ME, "k", "request")
    assert isinstance(mine, Attempt)
    await store.answer(mine, StoredAnswer(200, "mine"))
    assert isinstance(await store.begin(Hotkey("5Other"), "k", "another request"), Attempt)
    assert await store.begin(ME, "k", "request") == StoredAnswer(200, "mine")


async def test_waiting_for_the_first_ends(pool: Pool) -> None:
    """While the first is at work a duplicate waits, and in the end is told to come back; another request is told at once."""
    store = Idempotency(pool)
    await store.begin(ME, "k", "request")
    with pytest.raises(PlatformError, match="still being done") as refusal:
        await store.begin(ME, "k", "request", patience=timedelta(milliseconds=100))
    assert refusal.value.code is Code.STATE_CONFLICT
    with pytest.raises(PlatformError) as mismatch:
        await store.begin(ME, "k", "another")
    assert mismatch.value.code is Code.IDEMPOTENCY_MISMATCH


async def test_an_abandoned_request_is_taken_over(pool: Pool) -> None:
    """Whoever took a key and died is replaced, and can no longer answer or give back in its successor's place."""
    store = Idempotency(pool)
    dead = await store.begin(ME, "k", "request")
    heir = await store.begin(ME, "k", "request", abandoned=timedelta(0))
    assert isinstance(dead, Attempt) and isinstance(heir, Attempt) and heir.at > dead.at
    await store.answer(dead, StoredAnswer(200, "too late"))
    await store.forget(dead)
    await store.answer(heir, StoredAnswer(200, "done"))
    assert await store.begin(ME, "k", "request") == StoredAnswer(200, "done")


async def test_answers_are_kept_for_a_day(pool: Pool) -> None:
    """After 24 hours a key is new again, and old keys do not pile up."""
    store = Idempotency(pool)
    for key in ("a", "b"):
        attempt = await store.begin(ME, key, "request")
        assert isinstance(attempt, Attempt)
        await store.answer(attempt, StoredAnswer(200, "old"))
    async with pool.connection() as connection:
        await connection.execute("update idempotency set at = at - interval '24 hours 1 second'")
    assert isinstance(await store.begin(ME, "a", "another request"), Attempt)
    async with pool.connection() as connection:
        assert await connection.fetch("select key from idempotency") == [("a",)]
