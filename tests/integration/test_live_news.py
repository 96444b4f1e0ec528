"""Server-sent events: open pages hear what changed, slow ones hear it once, and a server that stops waits for none of them."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest

from scoring.types import Block, BlockHash
from voice_api.db.database import Pool
from voice_api.db.operations import NewestState
from voice_api.db.registry import Registry, RegistrySnapshot
from voice_api.db.submissions import NewSubmission, Submissions
from voice_api.errors import DatabaseUnavailable, TooManyRequests
from voice_api.settings import ApiSettings
from voice_api.web.app import create_app
from voice_api.web.live import LiveNews
from voice_api.web.server import api_server

NOTHING = NewestState(events=None, ledger=None, rounds=None, weights=None, progress=None, registry=None)
TICK = timedelta(milliseconds=5)


@asynccontextmanager
async def reading(url: str) -> AsyncIterator[AsyncIterator[str]]:
    """The lines of an open stream."""
    async with httpx.AsyncClient(base_url=url, timeout=10) as client, client.stream("GET", "/v1/live") as answer:
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        yield answer.aiter_lines()


async def next_change(lines: AsyncIterator[str]) -> list[str]:
    """The topics of the next event."""
    async for line in lines:
        if line == "event: change":
            topics: list[str] = json.loads((await anext(lines)).removeprefix("data: "))
            return topics
    raise AssertionError("the stream ended")


async def listens(lines: AsyncIterator[str]) -> None:
    """Wait until the stream says that all that changes from now on is told."""
    while await anext(lines) != "event: listening":
        pass


async def test_an_open_page_hears_what_changed(
    listen: Callable[[ApiSettings], str],
    api_settings: Callable[..., ApiSettings],
    pool: Pool,
    new_submission: Callable[..., NewSubmission],
) -> None:
    """A commitment and a new registry are told within seconds, each by its name."""
    url = listen(api_settings())
    async with reading(url) as lines:
        await listens(lines)
        await Submissions(pool).add([new_submission()])
        assert await next_change(lines) == ["events"]
        await Registry(pool).replace(
            RegistrySnapshot(netuid=7, block=Block(9), block_hash=BlockHash("0x" + "1" * 64), neurons=())
        )
        assert await next_change(lines) == ["registry"]


async def test_a_stopping_server_waits_for_no_listener(api_settings: Callable[..., ApiSettings]) -> None:
    """The stream ends by itself, and the server after it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        settings = api_settings()
        server = api_server(create_app(settings), settings)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        async with reading(f"http://127.0.0.1:{listening.getsockname()[1]}") as lines:
            assert await anext(lines) == "retry: 3000"
            server.should_exit = True
            async with asyncio.timeout(5):
                assert [line async for line in lines if line == "event: change"] == []
                await serving


async def test_a_stopping_server_waits_seconds_for_what_still_runs(api_settings: Callable[..., ApiSettings]) -> None:
    """A body that never ends is given up, and the server ends."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        settings = api_settings()
        server = api_server(create_app(settings), settings)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        async with asyncio.timeout(15):
            _, writer = await asyncio.open_connection(*listening.getsockname())
            writer.write(b"POST /v1/speech HTTP/1.1\r\nHost: voice.test\r\nContent-Length: 100\r\n\r\n{")
            await writer.drain()
            await asyncio.sleep(0.5)
            server.should_exit = True
            await serving
        writer.close()


async def test_one_question_at_a_time_and_only_while_somebody_listens() -> None:
    """Three listeners cost as many questions as one; without any the poller ends, and an outage ends nothing."""
    asked = 0

    async def ask() -> NewestState:
        nonlocal asked
        asked += 1
        if asked == 2:
            raise DatabaseUnavailable("away")
        return NewestState(events=asked, ledger=None, rounds=None, weights=None, progress=None, registry=None)

    news = LiveNews(ask, every=TICK)
    with news.listening("a") as one, news.listening("b") as two, news.listening("c") as three:
        assert [await each.news(timedelta(seconds=5)) for each in (one, two, three)] == [("events",)] * 3
        most = asked
    await asyncio.sleep(4 * TICK.total_seconds())
    ended = asked
    await asyncio.sleep(4 * TICK.total_seconds())
    assert (most, ended) == (3, asked)


async def test_a_slow_listener_is_told_the_same_once() -> None:
    """News of one kind that nobody read yet stays one."""
    events = iter(range(1_000))

    async def ask() -> NewestState:
        return NewestState(events=next(events), ledger=None, rounds=None, weights=None, progress=None, registry=None)

    news = LiveNews(ask, every=TICK)
    with news.listening("a") as listener:
        await asyncio.sleep(10 * TICK.total_seconds())
        assert await listener.news(timedelta(seconds=1)) == ("events",)


async def test_listeners_are_bounded_by_address_and_in_all() -> None:
    """One address leaves room for others; beyond both bounds the answer says when to come again."""

    async def ask() -> NewestState:
        return NOTHING

    news = LiveNews(ask, every=TICK, most=3, most_of_address=2)
    with news.listening("a"), news.listening("a"):
        with pytest.raises(TooManyRequests), news.listening("a"):
            pass
        with news.listening("b"), pytest.raises(TooManyRequests), news.listening("c"):
            pass
    with news.listening("a"):
        news.stop()
