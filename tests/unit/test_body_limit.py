"""Bodies: how large, how slow, and how many at once."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from voice_api.web import middleware
from voice_api.web.middleware import BodyLimit

SCOPE: Scope = {"type": "http", "path": "/upload", "headers": []}


async def read_all(_scope: Scope, receive: Receive, _send: Send) -> None:
    """An application that reads its whole body."""
    while (await receive()).get("more_body"):
        pass


def sending(*sizes: int, then: Callable[[], Awaitable[object]] | None = None) -> Receive:
    """Chunks of these sizes; after them the body ends, or whatever `then` waits for comes first."""
    left = list(sizes)

    async def receive() -> Message:
        if left:
            return {"type": "http.request", "body": b"x" * left.pop(0), "more_body": True}
        if then is not None:
            await then()
        return {"type": "http.request", "body": b"", "more_body": False}

    return receive


async def send(_message: Message) -> None:
    """Nobody listens."""


def limit() -> BodyLimit:
    """At most 10 bytes, 100 for an upload."""
    return BodyLimit(read_all, 10, {"/upload": 100})


async def status_of(call: Awaitable[None]) -> int:
    """What the request is refused with; 200 when it is not."""
    try:
        await call
    except HTTPException as refusal:
        return refusal.status_code
    return 200


@pytest.mark.parametrize(
    ("sizes", "status"),
    [
        pytest.param((50, 50), 200, id="as large as may be"),
        pytest.param((50, 51), 413, id="a byte more"),
        pytest.param((), 200, id="none"),
    ],
)
async def test_size(sizes: tuple[int, ...], status: int) -> None:
    """Counted as it comes."""
    assert await status_of(limit()(SCOPE, sending(*sizes), send)) == status


async def test_a_body_that_stops_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends most of a body and then waits does not keep it in memory."""
    monkeypatch.setattr(middleware, "BODY_SECONDS", 0.05)
    body = limit()
    assert await status_of(body(SCOPE, sending(90, then=asyncio.Event().wait), send)) == 408
    assert await status_of(body(SCOPE, sending(90), send)) == 200


async def test_all_bodies_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more than fits is told to come again; once another ended there is room."""
    monkeypatch.setattr(middleware, "IN_FLIGHT", 150)
    body, end = limit(), asyncio.Event()
    first = asyncio.create_task(body(SCOPE, sending(90, then=end.wait), send))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert await status_of(body(SCOPE, sending(90), send)) == 429
    end.set()
    await first
    assert await status_of(body(SCOPE, sending(90), send)) == 200


async def test_one_address_leaves_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who holds as much as one address may is told to come again; anybody else is served, and later so is it."""
    monkeypatch.setattr(middleware, "ONE_ADDRESS", 150)
    body, end = limit(), asyncio.Event()
    stranger, other = ({**SCOPE, "client": (address, 1)} for address in ("192.0.2.1", "192.0.2.2"))
    first = asyncio.create_task(body(stranger, sending(90, then=end.wait), send))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert await status_of(body(stranger, sending(90), send)) == 429
    assert await status_of(body(other, sending(90), send)) == 200
    end.set()
    await first
    assert await status_of(body(stranger, sending(90), send)) == 200
