"""The middleware of every request: an id, a measurement, headers that keep browsers from guessing, and limits of size and rate."""

import asyncio
import ipaddress
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from http import HTTPMethod, HTTPStatus

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voice_api.errors import RedisUnavailable, TooManyRequests
from voice_api.runtime.api_metrics import ApiMetrics

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""For every answer that does not bring its own: browsers guess nothing, frame nothing, run nothing and keep nothing."""
BODY_BYTES = 4 * 1024 * 1024
"""The largest body of any request but a recording's."""
BODY_SECONDS = 30.0
"""The time within which a body arrives."""
IN_FLIGHT = 128 * 1024 * 1024
"""Bytes of all bodies that a process holds at once."""
ONE_ADDRESS = IN_FLIGHT // 4
"""One stranger's bodies leave room for everybody else's, an operator's orders among them."""
_METHODS = frozenset({method.value for method in HTTPMethod})
"""Any other is invented by the caller, and gets no series of its own."""
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
PROBES = frozenset({"/healthz", "/readyz"})
"""Asked by those who decide whether the process lives: an answer about something else would mislead them."""
_ASK_AGAIN = timedelta(seconds=5)
"""The pause between two tries of a Redis that was away."""
_MOST_ADDRESSES = 10_000
"""Addresses that a process counts by itself."""
PERIOD = timedelta(minutes=1)
"""Rates are of requests in this time, unless another is named."""
_ANSWER = timedelta(seconds=1)
"""Redis counts within it, or is away."""
_MICROSECOND = timedelta(microseconds=1)

# One number per caller: the time at which all that it asked for is paid off, at one request per interval. A request is refused
# when that lies more than a period ahead, and then it costs nothing.
_TAKE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local cost, period = tonumber(ARGV[1]), tonumber(ARGV[2])
local paid = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0')) + cost
if paid - now > period then
    return paid - now - period
end
redis.call('SET', KEYS[1], string.format('%.0f', paid), 'PX', math.ceil((paid - now) / 1000))
return 0
"""

Refuse = Callable[[Request, Exception], Awaitable[Response]]
"""Makes an error the answer to a request."""


def complete_headers(headers: MutableHeaders, request_id: str) -> None:
    """Add what the answer does not say itself, and the request's id."""
    headers["X-Request-Id"] = request_id
    for name, value in HEADERS.items():
        headers.setdefault(name, value)


class Guard:
    """Names each request, in its log lines too, adds the headers, and counts it under its route's template."""

    def __init__(self, app: ASGIApp, metrics: ApiMetrics) -> None:
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
                complete_headers(MutableHeaders(scope=message), request_id)
            await send(message)

        try:
            with structlog.contextvars.bound_contextvars(request=request_id):
                await self.app(scope, receive, answer)
        finally:
            route = getattr(scope.get("route"), "path", "unknown")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self.metrics.observe(method, route, status, time.perf_counter() - started)


class Limits:
    """At most so many requests in a period: that many at once, then as they come back one by one."""

    def __init__(self, redis: Redis) -> None:
        self._take = redis.register_script(_TAKE)

    async def take(self, who: str, most: int, requests: int = 1, period: timedelta = PERIOD) -> None:
        """Count one request of `who`, or some at once; raises TooManyRequests without counting, RedisUnavailable when it cannot count.

        `most` of them are served in a period; with 0 nothing is counted and nothing refused.
        """
        if most == 0:
            return
        cost = period // most * requests
        try:
            async with asyncio.timeout(_ANSWER.total_seconds()):
                wait = await self._take(keys=[f"voice:rate:{who}"], args=[cost // _MICROSECOND, period // _MICROSECOND])
        except (RedisError, OSError) as exc:  # a TimeoutError is an OSError
            raise RedisUnavailable("the rate of requests could not be counted") from exc
        if wait:
            raise TooManyRequests(int(wait) * _MICROSECOND)


def network_of(address: str) -> str:
    """The network that an address stands for: itself, or with IPv6 its /64, of which one subscriber has all; as it is where it is none.

    An IPv4 address that is written as IPv6 stands for itself: all of them lie in one /64.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))


class AddressLimit:
    """Refuses an address that asks too often, before anything of its request is read.

    A process takes a second's worth of an address's requests from Redis at once, and counts them off itself. While Redis is away
    reading goes on without a limit, asked again every few seconds; writing waits for it.
    """

    def __init__(self, app: ASGIApp, per_minute: int, refuse: Refuse) -> None:
        self.app, self.per_minute, self.refuse = app, per_minute, refuse
        self._pack = max(1, per_minute // 60)
        self._taken: dict[str, int] = {}
        self._away_until = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 429."""
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self.app(scope, receive, send)
            return
        try:
            await self._count(scope)
        except (TooManyRequests, RedisUnavailable) as refusal:
            answer = await self.refuse(Request(scope), refusal)
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
