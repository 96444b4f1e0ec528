"""Who may write: `btauth/1` against a running API with a real Redis."""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import bittensor as bt
import httpx
import pytest
from bittensor import http_auth
from pydantic import SecretStr
from redis import Redis

from scoring.errors import Code
from voice_api.runtime.redis_state import EPOCH
from voice_api.settings import ApiSettings
from voice_api.web.auth import RETENTION, SKEW, WINDOW

Serve = Callable[[ApiSettings], Awaitable[httpx.ASGITransport]]
API = "http://voice.test"
PATH = "/v1/registry"
BODY = json.dumps({"netuid": 7, "block": 10, "block_hash": "0x" + "1" * 64, "neurons": []}).encode()
SECOND = 10**9


@pytest.fixture
async def browser(serve: Serve, api_settings: Callable[..., ApiSettings]) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who talks to a running API."""
    async with httpx.AsyncClient(base_url=API, transport=await serve(api_settings())) as client:
        yield client


@pytest.fixture
def signed(writer: bt.Wallet, receiver: bt.Wallet) -> Callable[..., dict[str, str]]:
    """Sign as the writer for the API, or with something changed."""

    def build(
        wallet: bt.Wallet = writer, path: str = PATH, body: bytes = BODY, to: str | None = None, age: float = 0.0
    ) -> dict[str, str]:
        return http_auth.sign(
            wallet,
            method="POST",
            path=path,
            body=body,
            receiver_ss58=to or receiver.hotkey.ss58_address,
            nonce_ns=time.time_ns() - int(age * SECOND),
        ) | {"Content-Type": "application/json"}

    return build


async def outcome(
    browser: httpx.AsyncClient, headers: dict[str, str], body: bytes = BODY, path: str = PATH
) -> tuple[int, int | None]:
    """The status, and the problem's code if it is one."""
    response = await browser.post(path, content=body, headers=headers)
    return response.status_code, response.json().get("code")


async def test_signed_request_is_served_once(browser: httpx.AsyncClient, signed: Callable[..., dict[str, str]]) -> None:
    """A signed request of an allow-listed hotkey is served; sent again, it is a replay."""
    headers = signed()
    assert await outcome(browser, headers) == (200, None)
    assert await outcome(browser, headers) == (401, Code.NOT_AUTHENTICATED)


@pytest.mark.parametrize(
    "age",
    [
        pytest.param(WINDOW.total_seconds() + 1, id="too old"),
        pytest.param(-SKEW.total_seconds() - 1, id="from the future"),
    ],
)
async def test_stale_signature(browser: httpx.AsyncClient, signed: Callable[..., dict[str, str]], age: float) -> None:
    """A signature outside the window is refused."""
    assert await outcome(browser, signed(age=age)) == (401, Code.NOT_AUTHENTICATED)


async def test_unsigned(browser: httpx.AsyncClient) -> None:
    """Without a signature nothing is written, and the answer names the scheme."""
    response = await browser.post(PATH, content=BODY, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["code"], response.headers["www-authenticate"]) == (
        401,
        Code.NOT_AUTHENTICATED,
        "btauth",
    )


async def test_tampered_body(browser: httpx.AsyncClient, signed: Callable[..., dict[str, str]]) -> None:
    """A signature covers the body."""
    assert await outcome(browser, signed(), BODY.replace(b"10", b"11")) == (401, Code.NOT_AUTHENTICATED)


async def test_other_path(browser: httpx.AsyncClient, signed: Callable[..., dict[str, str]]) -> None:
    """A signature covers the path and the query."""
    assert await outcome(browser, signed(path="/v1/submissions")) == (401, Code.NOT_AUTHENTICATED)
    assert await outcome(browser, signed(), path=f"{PATH}?x=1") == (401, Code.NOT_AUTHENTICATED)


async def test_other_receiver(browser: httpx.AsyncClient, signed: Callable[..., dict[str, str]], writer: bt.Wallet) -> None:
    """A request that was meant for another API is refused under a code of its own, whose advice names the setting."""
    assert await outcome(browser, signed(to=writer.hotkey.ss58_address)) == (401, Code.RECEIVER_MISMATCH)


async def test_foreign_signature(browser: httpx.AsyncClient, signed: Callable[..., dict[str, str]], stranger: bt.Wallet) -> None:
    """Claiming an allow-listed hotkey takes its key."""
    headers = signed()
    forged = signed(wallet=stranger)
    assert await outcome(browser, headers | {"X-Bittensor-Signature": forged["X-Bittensor-Signature"]}) == (
        401,
        Code.NOT_AUTHENTICATED,
    )


async def test_stranger(
    browser: httpx.AsyncClient, signed: Callable[..., dict[str, str]], stranger: bt.Wallet, redis_url: str
) -> None:
    """A sound signature of a hotkey that is not allow-listed is refused, and leaves nothing in Redis."""
    assert await outcome(browser, signed(wallet=stranger)) == (403, Code.NOT_ALLOWED)
    with Redis.from_url(redis_url) as redis:
        assert redis.keys("voice:nonce:5*") + redis.keys("voice:rate:hotkey:*") == []


async def test_failed_signature_burns_no_nonce(
    browser: httpx.AsyncClient, signed: Callable[..., dict[str, str]], redis_url: str
) -> None:
    """Somebody who replays a nonce with a wrong body cannot shut its owner out; the owner's nonce outlives the window."""
    headers = signed()
    assert await outcome(browser, headers, b"{}") == (401, Code.NOT_AUTHENTICATED)
    assert await outcome(browser, headers) == (200, None)
    with Redis.from_url(redis_url) as redis:
        (key,) = redis.keys("voice:nonce:5*")
        assert WINDOW + SKEW < RETENTION
        assert redis.ttl(key) > (WINDOW + SKEW).total_seconds()


async def test_invalid_body_is_named_after_the_signature_held(
    browser: httpx.AsyncClient, signed: Callable[..., dict[str, str]]
) -> None:
    """A signed body that does not fit the schema is a 422 that says where; unsigned it is a 401."""
    body = b'{"netuid": 7, "block": -1, "block_hash": "0x", "neurons": []}'
    response = await browser.post(PATH, content=body, headers=signed(body=body))
    assert (response.status_code, response.json()["code"]) == (422, Code.REQUEST_INVALID)
    assert "body.block" in response.json()["detail"]
    assert await outcome(browser, {"Content-Type": "application/json"}, body) == (401, Code.NOT_AUTHENTICATED)


async def test_without_redis_nothing_is_written(
    serve: Serve, api_settings: Callable[..., ApiSettings], signed: Callable[..., dict[str, str]]
) -> None:
    """When a replay cannot be told, the request fails closed."""
    transport = await serve(api_settings(redis_url=SecretStr("unix:///nonexistent/redis.sock")))
    async with httpx.AsyncClient(base_url=API, transport=transport) as browser:
        assert await outcome(browser, signed()) == (503, Code.REDIS_UNAVAILABLE)


@pytest.mark.parametrize(
    "forgetful",
    [
        pytest.param(lambda redis: redis.flushdb(), id="flushed"),
        pytest.param(lambda redis: redis.hset(EPOCH, "run", "0" * 40), id="another run of Redis"),
    ],
)
async def test_a_store_that_forgot_refuses_what_was_signed_before(
    browser: httpx.AsyncClient,
    signed: Callable[..., dict[str, str]],
    redis_url: str,
    forgetful: Callable[[Redis], object],
) -> None:
    """When the nonces are gone, a served request cannot be served again; what is signed once the store is old enough, can."""
    served = signed(age=-1.0)  # by a clock that is ahead: it may bear a time after the loss
    assert await outcome(browser, served) == (200, None)
    with Redis.from_url(redis_url) as redis:
        forgetful(redis)
        for headers in (served, signed()):
            assert await outcome(browser, headers) == (503, Code.REDIS_UNAVAILABLE)
        since = int(redis.hget(EPOCH, "since") or 0)
        assert abs(since / 1e6 - time.time()) < 5
        redis.hset(EPOCH, "since", since - int(SKEW.total_seconds() * 1e6))
    assert await outcome(browser, signed()) == (200, None)


async def test_the_store_begins_with_the_process(serve: Serve, api_settings: Callable[..., ApiSettings], redis_url: str) -> None:
    """An API that starts over an empty Redis opens the store, so that its first caller is not the one who does; a second one
    leaves it as it is."""
    settings = api_settings()
    with Redis.from_url(redis_url) as redis:
        redis.flushdb()
        await serve(settings)
        first = redis.hgetall(EPOCH)
        await serve(settings)
        assert (set(first), redis.hgetall(EPOCH)) == ({b"run", b"since"}, first)
