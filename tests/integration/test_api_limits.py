"""How often somebody may ask, counted in one real Redis for every API process; and what happens while it is away."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import bittensor as bt
import httpx
import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from neurons.api_client.client import ApiUnavailable, VoiceApi
from scoring.errors import Code
from scoring.types import Block, BlockHash
from voice_api.db.database import Pool
from voice_api.db.registry import Registry, RegistrySnapshot
from voice_api.errors import RedisUnavailable, TooManyRequests
from voice_api.settings import ApiSettings
from voice_api.web.middleware import PERIOD, Limits, network_of

Serve = Callable[[ApiSettings], Awaitable[httpx.ASGITransport]]
Settings = Callable[..., ApiSettings]
API = "http://voice.test"
AWAY = SecretStr("unix:///nonexistent/redis.sock")
SNAPSHOT = RegistrySnapshot(netuid=7, block=Block(10), block_hash=BlockHash("0x" + "1" * 64), neurons=())


async def test_a_minutes_worth_at_once_and_then_one_by_one(redis_url: str) -> None:
    """Three a minute: three pass, the fourth waits a third of a minute, and whoever else asks is not concerned."""
    async with Redis.from_url(redis_url) as redis:
        limits = Limits(redis)
        for _ in range(3):
            await limits.take("a", 3)
        with pytest.raises(TooManyRequests) as refusal:
            await limits.take("a", 3)
        assert PERIOD / 3 - timedelta(seconds=2) < refusal.value.retry_after <= PERIOD / 3
        await limits.take("b", 3)


async def test_refusals_cost_nothing(redis_url: str) -> None:
    """Whoever asks while it is refused does not wait longer for it."""
    async with Redis.from_url(redis_url) as redis:
        limits = Limits(redis)
        await limits.take("a", 1)
        waits = []
        for _ in range(20):
            with pytest.raises(TooManyRequests) as refusal:
                await limits.take("a", 1)
            waits.append(refusal.value.retry_after)
        assert waits == sorted(waits, reverse=True)
        assert await redis.pttl("voice:rate:a") <= 60_000


async def test_an_allowance_comes_back(redis_url: str) -> None:
    """Whoever waits as long as it is told is served."""
    async with Redis.from_url(redis_url) as redis:
        limits = Limits(redis)
        seconds, microseconds = await redis.time()
        await redis.set("voice:rate:a", seconds * 1_000_000 + microseconds + PERIOD // timedelta(microseconds=1))
        with pytest.raises(TooManyRequests) as refusal:
            await limits.take("a", 600)
        assert timedelta(0) < refusal.value.retry_after <= PERIOD / 600
        await asyncio.sleep(refusal.value.retry_after.total_seconds() + 0.005)
        await limits.take("a", 600)


async def test_some_at_once(redis_url: str) -> None:
    """A pack costs what its requests cost one by one, and is refused as a whole."""
    async with Redis.from_url(redis_url) as redis:
        limits = Limits(redis)
        await limits.take("a", 10, 8)
        with pytest.raises(TooManyRequests):
            await limits.take("a", 10, 3)
        await limits.take("a", 10, 2)


async def test_a_process_takes_a_seconds_worth_at_once(serve: Serve, api_settings: Settings, redis_url: str) -> None:
    """At 600 a minute Redis is asked for ten requests at once: the next nine cost no question, the eleventh one does."""
    counted = []
    async with (
        Redis.from_url(redis_url) as redis,
        httpx.AsyncClient(base_url=API, transport=await serve(api_settings(rate_address_per_minute=600))) as browser,
    ):
        for _ in range(11):
            assert (await browser.get("/v1/errors")).status_code == 200
            counted.append(await redis.get("voice:rate:address:127.0.0.1"))
    assert (len(set(counted[:10])), counted[10] in counted[:10]) == (1, False)


async def test_no_limit(redis_url: str) -> None:
    """0 counts nothing, and needs no Redis."""
    async with Redis.from_url("unix:///nonexistent/redis.sock") as redis:
        await Limits(redis).take("a", 0)
        with pytest.raises(RedisUnavailable):
            await Limits(redis).take("a", 1)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        pytest.param("192.0.2.7", "192.0.2.7", id="an IPv4 address"),
        pytest.param("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", id="an IPv6 subscriber"),
        pytest.param("::ffff:192.0.2.7", "192.0.2.7", id="an IPv4 address as an IPv6 socket shows it"),
        pytest.param("testclient", "testclient", id="no address"),
    ],
)
def test_whom_an_address_stands_for(address: str, network: str) -> None:
    """A subscriber with IPv6 has 2^64 addresses and one allowance."""
    assert network_of(address) == network


async def test_an_address_is_limited_across_processes(serve: Serve, api_settings: Settings) -> None:
    """Two APIs over one Redis count together; the refusal is a problem that says when to come back, and probes still pass."""
    settings = api_settings(rate_address_per_minute=3)
    one, other = await serve(settings), await serve(settings)
    statuses = []
    for transport in (one, other, one, other):
        async with httpx.AsyncClient(base_url=API, transport=transport) as browser:
            answer = await browser.get("/v1/leaderboard")
            statuses.append(answer.status_code)
            probes = [(await browser.get(path)).status_code for path in ("/healthz", "/readyz")]
            assert probes == [200, 200]
    assert statuses == [200, 200, 200, 429]
    assert (answer.json()["code"], answer.headers["content-type"]) == (Code.RATE_LIMITED, "application/problem+json")
    assert 1 <= int(answer.headers["retry-after"]) <= 20
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_hotkey_is_limited_after_its_signature_held(
    serve: Serve, api_settings: Settings, writer: bt.Wallet, stranger: bt.Wallet, pool: Pool
) -> None:
    """Two writes a minute: the third is refused before it does anything; who claims the hotkey without its key uses nothing up."""
    settings = api_settings(rate_per_minute=2)
    transport = await serve(settings)
    async with httpx.AsyncClient(base_url=API, transport=transport) as browser:
        for _ in range(5):
            forged = {"X-Bittensor-Hotkey": writer.hotkey.ss58_address, "X-Bittensor-Version": "1"}
            assert (await browser.post("/v1/registry", content=b"{}", headers=forged)).status_code == 401
    async with VoiceApi(API, writer, settings.hotkey, transport=transport) as api:
        assert [await api.send_registry(SNAPSHOT) for _ in range(2)] == [True, False]
        api_once = VoiceApi(API, writer, settings.hotkey, transport=Impatient(transport))
        async with api_once:
            with pytest.raises(ApiUnavailable, match="Too many requests"):
                await api_once.send_registry(SNAPSHOT)
    latest = await Registry(pool).latest()
    assert latest == SNAPSHOT


async def test_the_client_waits_as_long_as_it_is_told(serve: Serve, api_settings: Settings) -> None:
    """Asked to slow down for a second, the client comes back after it and is served."""
    transport = await serve(api_settings())
    async with VoiceApi(API, transport=Refusing(transport, 2)) as api:
        assert await api.leaderboard() == []


async def test_without_redis_reads_are_served_and_writes_are_not(
    serve: Serve, api_settings: Settings, writer: bt.Wallet, pool: Pool
) -> None:
    """What cannot be counted: a reader is let in, a writer is told to come back."""
    settings = api_settings(redis_url=AWAY)
    transport = await serve(settings)
    async with httpx.AsyncClient(base_url=API, transport=transport) as browser:
        reads = [(await browser.get("/v1/leaderboard")).status_code for _ in range(3)]
        write = await browser.post("/v1/registry", content=b"{}")
    assert (reads, write.status_code, write.json()["code"]) == ([200] * 3, 503, Code.REDIS_UNAVAILABLE)
    async with VoiceApi(API, writer, settings.hotkey, transport=transport) as api:
        with pytest.raises(ApiUnavailable):
            await api.send_registry(SNAPSHOT)
    assert await Registry(pool).latest() is None


class Impatient(httpx.AsyncBaseTransport):
    """Passes requests on, and makes a wait that is asked for longer than a client takes."""

    def __init__(self, inner: httpx.ASGITransport) -> None:
        self.inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, with another Retry-After."""
        answer = await self.inner.handle_async_request(request)
        if "retry-after" in answer.headers:
            answer.headers["retry-after"] = "3600"
        return answer


class Refusing(httpx.AsyncBaseTransport):
    """Refuses the first requests with 429, and passes the others on."""

    def __init__(self, inner: httpx.ASGITransport, times: int) -> None:
        self.inner, self.times = inner, times

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """429 for some times."""
        self.times -= 1
        if self.times >= 0:
            return httpx.Response(429, headers={"Retry-After": "0"})
        return await self.inner.handle_async_request(request)
