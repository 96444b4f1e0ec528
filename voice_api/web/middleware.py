"""The middleware of every request: an id, a measurement, headers that keep browsers from guessing, and limits of size and rate."""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPMethod, HTTPStatus

import structlog
from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voice_api.errors import RedisUnavailable
from voice_api.web import headers, problems
from voice_api.web.limits import Limits, TooManyRequests, network_of
from voice_api.web.metrics import Metrics

BODY_BYTES = 4 * 1024 * 1024
"""The largest body of any request but a recording's."""
BODY_SECONDS = 30.0
IN_FLIGHT = 128 * 1024 * 1024
ONE_ADDRESS = IN_FLIGHT // 4
"""One stranger's bodies leave room for everybody else's, an operator's orders among them."""
_METHODS = frozenset({method.value for method in HTTPMethod})
"""Any other is invented by the caller, and gets no series of its own."""
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_PROBES = frozenset({"/healthz", "/readyz"})
"""Asked by those who decide whether the process lives: an answer about something else would mislead them."""
_ASK_AGAIN = timedelta(seconds=5)
_MOST_ADDRESSES = 10_000


class Guard:
    """Names each request, in its log lines too, adds the headers, and counts it under its route's template."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = uuid.uuid4().hex[:16]
        scope.setdefault("state", {})["request_id"] = request_id
        started = time.perf_counter()
        status = 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers.complete(MutableHeaders(scope=message), request_id)
            await send(message)

        try:
            with structlog.contextvars.bound_contextvars(request=request_id):
                await self.app(scope, receive, answer)
        finally:
            route = getattr(scope.get("route"), "path", "unknown")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self.metrics.observe(method, route, status, time.perf_counter() - started)


class AddressLimit:
    """Refuses an address that asks too often, before anything of its request is read.

    A process takes a second's worth of an address's requests from Redis at once, and counts them off itself. While Redis is away
    reading goes on without a limit, asked again every few seconds; writing waits for it.
    """

    def __init__(self, app: ASGIApp, per_minute: int) -> None:
        self.app, self.per_minute = app, per_minute
        self._pack = max(1, per_minute // 60)
        self._taken: dict[str, int] = {}
        self._away_until = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 429."""
        if scope["type"] != "http" or scope["path"] in _PROBES:
            await self.app(scope, receive, send)
            return
        try:
            await self._count(scope)
        except (TooManyRequests, RedisUnavailable) as refusal:
            answer = await problems.on_voice_error(Request(scope), refusal)
            await answer(scope, receive, send)
            return
        await self.app(scope, receive, send)

    async def _count(self, scope: Scope) -> None:
        reads = scope["method"] in _READS
        if reads and time.monotonic() < self._away_until:
            return
        client = scope.get("client")
        address = network_of(client[0]) if client else "local"
        left = self._taken.get(address, 0)
        try:
            if left == 0:
                await self._take(scope["app"].state.service.limits, address)
            else:
                self._taken[address] = left - 1
        except RedisUnavailable:
            self._away_until = time.monotonic() + _ASK_AGAIN.total_seconds()
            if not reads:
                raise

    async def _take(self, limits: Limits, address: str) -> None:
        await limits.take(f"address:{address}", self.per_minute, self._pack)
        if len(self._taken) >= _MOST_ADDRESSES:
            self._taken.clear()  # what they lose was at most a second's worth
        self._taken[address] = self._taken.get(address, 0) + self._pack - 1


class BodyLimit:
    """Refuses bodies above a size, declared or not, as an error of the application, so that the answer is a problem like any other.

    A body is kept until its signature is checked, and only whoever sent all of it is known: so it must arrive within
    `BODY_SECONDS`, and all bodies together never take more than `IN_FLIGHT` bytes of the process, those of one address not
    more than `ONE_ADDRESS`.
    """

    def __init__(self, app: ASGIApp, most: int, most_at: Mapping[str, int]) -> None:
        """At most `most` bytes, or what `most_at` says of a path."""
        self.app, self.most, self.most_at = app, most, most_at
        self._held = 0
        self._held_of: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting what is read."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        most = self.most_at.get(scope["path"], self.most)
        declared = Headers(scope=scope).get("content-length", "0")
        read = most + 1 if _exceeds(declared, most) else 0  # a lie about less is found out below
        deadline: float | None = asyncio.get_running_loop().time() + BODY_SECONDS
        held, address = 0, network_of(scope["client"][0]) if scope.get("client") else "local"

        async def counted() -> Message:
            nonlocal read, deadline, held
            message = await _before(deadline, receive) if read <= most else {}
            size = len(message.get("body", b""))
            read += size
            if read > most:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has at most {most} bytes")
            if self._held + size > IN_FLIGHT or self._held_of[address] + size > ONE_ADDRESS:
                raise HTTPException(HTTPStatus.TOO_MANY_REQUESTS, "too many bodies at once", {"Retry-After": "5"})
            self._held, held = self._held + size, held + size
            self._held_of[address] += size
            if not message.get("more_body", False):
                deadline = None  # what is still received is the end of the connection, whenever that comes
            return message

        try:
            await self.app(scope, counted, send)
        finally:
            self._held -= held
            self._held_of[address] -= held
            if not self._held_of[address]:
                del self._held_of[address]


async def _before(deadline: float | None, receive: Receive) -> Message:
    try:
        async with asyncio.timeout_at(deadline):
            return await receive()
    except TimeoutError as exc:
        raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, f"a body arrives within {BODY_SECONDS:g} s") from exc


def _exceeds(declared: str, most: int) -> bool:
    """Whether a declared length is above `most`; by its digits first, because Python refuses to read thousands of them."""
    digits = declared.lstrip("0")
    return declared.isdecimal() and (len(digits) > len(str(most)) or int(digits or "0") > most)
