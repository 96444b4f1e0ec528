"""The edge: thousands of slow callers keep nobody out, every answer arrives, and nobody chooses whose limit counts."""

import asyncio
import resource
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import cast

import httpx
import pytest
from fastapi import FastAPI

from neurons.localnet.services import pick_port
from voice_api.settings import ApiSettings, MetricsSettings
from voice_api.web.app import UPLOADS, create_app
from voice_api.web.dependencies import Service
from voice_api.web.edge.connection import DEADLINES, ConnectionDeadlines
from voice_api.web.edge.open_files import raise_limit
from voice_api.web.server import ApiServer, api_server

QUICK = ConnectionDeadlines(head=2.0, body=2.0, unread=2.0)
raise_limit()
_FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
SLOW = 5_000 if _FILES == resource.RLIM_INFINITY else min(5_000, (_FILES - 1_500) // 2)
"""Sockets of callers who never finish; each takes a file at both of its ends until it is let go."""
PLACES = 300
NEEDS_BOTH = pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this host has no IPv6")


@asynccontextmanager
async def serving(
    settings: ApiSettings, deadlines: ConnectionDeadlines = DEADLINES, *, both_families: bool = False
) -> AsyncIterator[tuple[ApiServer, str, int]]:
    """A server of this process, with its host and port; one of both families sees IPv4 addresses as IPv6 spells them."""
    host, family = ("::", socket.AF_INET6) if both_families else ("127.0.0.1", socket.AF_INET)
    with socket.create_server((host, 0), family=family, backlog=4_096, dualstack_ipv6=both_families) as listening:
        server = api_server(create_app(settings), settings, deadlines=deadlines)
        running = asyncio.create_task(server.serve(sockets=[listening]))
        await until(lambda: server.started)
        try:
            yield server, "127.0.0.1", listening.getsockname()[1]
        finally:
            server.should_exit = True
            await running


async def until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until something holds; raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.05)


async def say(host: str, port: int, *parts: bytes) -> bytes:
    """Send parts, then read all that comes until the other end closes."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(30):
            return await reader.read()
    finally:
        writer.close()


def batched(addresses: list[str], size: int) -> list[list[str]]:
    """Their order, in parts."""
    return [addresses[start : start + size] for start in range(0, len(addresses), size)]


async def half_sent(
    host: str, port: int, address: str, part: bytes = b"GET /v1/leaderboard HTTP/1.1\r\nHost: voi"
) -> asyncio.StreamWriter:
    """A request from an address of this machine that never ends."""
    _, writer = await asyncio.open_connection(host, port, local_addr=(address, 0))
    writer.write(part)
    return writer


@pytest.mark.timeout(60)
async def test_thousands_of_half_sent_requests_keep_nobody_out(api_settings: Callable[..., ApiSettings]) -> None:
    """From one address or from thousands: others are served meanwhile, and the slow ones are gone at their deadline."""
    settings = api_settings(connections=PLACES, address_connections=20)
    spread = [f"127.1.{number // 250}.{number % 250 + 1}" for number in range(SLOW // 2)]
    addresses = [*spread, *["127.2.0.1"] * (SLOW - len(spread))]
    async with serving(settings, QUICK) as (server, host, port), AsyncExitStack() as slow:
        served, done = 0, asyncio.Event()

        async def be_served() -> None:
            nonlocal served
            async with httpx.AsyncClient(base_url=f"http://{host}:{port}", timeout=30, headers={"Connection": "close"}) as client:
                while not done.is_set():
                    (await client.get("/v1/leaderboard")).raise_for_status()
                    served += 1
                    await asyncio.sleep(0.02)

        honest, most = asyncio.create_task(be_served()), 0
        for some in batched(addresses, 50):
            for writer in await asyncio.gather(*(half_sent(host, port, address) for address in some)):
                slow.callback(writer.close)
            most = max(most, len(server.server_state.connections))
        await until(lambda: len(server.server_state.connections) <= 1)
        done.set()
        await honest
    assert most <= PLACES + 50
    assert served > 10


async def test_half_sent_bodies_keep_nobody_out(api_settings: Callable[..., ApiSettings]) -> None:
    """A request is whole with its body: until then it gives way to who comes."""
    head = b"POST /v1/speech HTTP/1.1\r\nHost: voice.test\r\nContent-Length: 9\r\n\r\n{"
    async with serving(api_settings(connections=10)) as (server, host, port), AsyncExitStack() as slow:
        for number in range(12):
            writer = await half_sent(host, port, f"127.1.0.{number + 1}", head)
            slow.callback(writer.close)
        await until(lambda: len(server.server_state.tasks) == 10)
        async with httpx.AsyncClient(base_url=f"http://{host}:{port}", timeout=30) as client:
            assert (await client.get("/v1/leaderboard")).status_code == 200
        await until(lambda: 'displaced"} 3.0' in shown_by(server))


def shown_by(server: ApiServer) -> str:
    """What its process counts itself."""
    service: Service = cast(FastAPI, server.config.app).state.service
    return service.metrics.render(None).decode()


async def test_a_request_with_two_lengths_is_refused(api_settings: Callable[..., ApiSettings]) -> None:
    """A length and chunks: 400 as a problem, the connection closed, and what follows in it is no request."""
    head = b"POST /v1/speech HTTP/1.1\r\nHost: voice.test\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with serving(api_settings()) as (_, host, port):
        answer = await say(host, port, head, b"0\r\n\r\n", b"GET /healthz HTTP/1.1\r\nHost: voice.test\r\n\r\n")
    assert (answer.startswith(b"HTTP/1.1 400 "), answer.count(b"HTTP/1.1"), b'"code":3001' in answer) == (True, 1, True)


async def test_a_websocket_is_an_ordinary_request(api_settings: Callable[..., ApiSettings]) -> None:
    """Who asks for another protocol is answered in this one, as HTTP wants it, and no error of ours is logged."""
    head = (
        b"GET /healthz HTTP/1.1\r\nHost: voice.test\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Key: dm9pY2Utdm9pY2Utdm9pYw==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    async with serving(api_settings()) as (_, host, port):
        answer = await say(host, port, head)
    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("ending", [b"", b"Connection: close\r\n"], ids=["kept", "closed"])
async def test_an_upload_above_the_limit_gets_its_answer(ending: bytes, api_settings: Callable[..., ApiSettings]) -> None:
    """Who sends all of it before reading is told 413, whether or not the connection shall end with it."""
    size = 24 * 2**20
    head = b"POST %b HTTP/1.1\r\nHost: voice.test\r\n%bContent-Length: %d\r\n\r\n" % (UPLOADS.encode(), ending, size)
    async with serving(api_settings(), QUICK) as (_, host, port):
        answer = await say(host, port, head, *[bytes(2**20)] * 24)
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_an_answer_that_nobody_reads_ends(api_settings: Callable[..., ApiSettings]) -> None:
    """Requests sent one after another whose answers are left lying fill no memory for ever."""
    async with serving(api_settings(), QUICK) as (server, host, port):
        _, writer = await asyncio.open_connection(host, port, limit=1)
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a transport that reads
        writer.write(b"GET /openapi.json HTTP/1.1\r\nHost: voice.test\r\n\r\n" * 400)
        await asyncio.sleep(0.5)
        assert len(server.server_state.connections) == 1
        await until(lambda: not server.server_state.connections)
        writer.close()


async def test_an_open_page_takes_no_place(api_settings: Callable[..., ApiSettings]) -> None:
    """Streams are counted by themselves: the one place of an address is free again once its page hears news."""
    async with (
        serving(api_settings(address_connections=1)) as (_, host, port),
        httpx.AsyncClient(base_url=f"http://{host}:{port}", timeout=30) as client,
        client.stream("GET", "/v1/live") as stream,
    ):
        assert stream.status_code == 200
        first = await client.get("/v1/leaderboard")
        await asyncio.sleep(1.2)
        second = await client.get("/v1/leaderboard")
    assert (first.status_code, first.json()["code"], second.status_code) == (429, 3007, 200)


@pytest.mark.parametrize("both_families", [False, pytest.param(True, marks=NEEDS_BOTH)], ids=["IPv4", "both families"])
@pytest.mark.parametrize("trusted", [True, False])
async def test_only_a_trusted_proxy_says_who_asks(
    trusted: bool, both_families: bool, api_settings: Callable[..., ApiSettings]
) -> None:
    """Behind it each address has its own rate; the word of anybody else counts for nothing."""
    given = {"trusted_proxies": "127.0.0.0/8"} if trusted else {}
    async with (
        serving(api_settings(rate_address_per_minute=2, **given), both_families=both_families) as (_, host, port),
        httpx.AsyncClient(base_url=f"http://{host}:{port}", timeout=30) as client,
    ):
        asked = [await client.get("/v1/queue", headers={"X-Forwarded-For": f"198.51.100.{number}"}) for number in range(5)]
    assert [answer.status_code for answer in asked] == ([200] * 5 if trusted else [200, 200, 429, 429, 429])


async def test_the_numbers_have_a_port_of_their_own(listen: Callable[..., str], api_settings: Callable[..., ApiSettings]) -> None:
    """The public port does not show them, and their port shows nothing else."""
    shown = MetricsSettings(host="127.0.0.1", port=pick_port(None))
    public = listen(api_settings(), shown)
    async with httpx.AsyncClient(timeout=30) as client:
        asked = [
            (await client.get(f"{url}{path}")).status_code
            for url in (public, f"http://127.0.0.1:{shown.port}")
            for path in ("/healthz", "/metrics")
        ]
    assert asked == [200, 404, 404, 200]
