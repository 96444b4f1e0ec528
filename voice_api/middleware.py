"""What happens to every request: an id, a measurement, and headers that keep browsers from guessing."""

import time
import uuid
from http import HTTPMethod, HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voice_api.metrics import Metrics

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""For every answer that does not bring its own."""
_METHODS = frozenset({method.value for method in HTTPMethod})
"""Any other is invented by the caller, and gets no series of its own."""


class Guard:
    """Names each request, adds the headers, and counts it under its route's template."""

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
                _add_headers(MutableHeaders(scope=message), request_id)
            await send(message)

        try:
            await self.app(scope, receive, answer)
        finally:
            route = getattr(scope.get("route"), "path", "unknown")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self.metrics.observe(method, route, status, time.perf_counter() - started)


class BodyLimit:
    """Refuses bodies above a size, declared or not, as an error of the application, so that the answer is a problem like any other."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self.app, self.most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting what is read."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        read = self.most + 1 if _exceeds(declared, self.most) else 0  # a lie about less is found out below

        async def counted() -> Message:
            nonlocal read
            message = await receive() if read <= self.most else {}
            read += len(message.get("body", b""))
            if read > self.most:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has at most {self.most} bytes")
            return message

        await self.app(scope, counted, send)


def _exceeds(declared: str, most: int) -> bool:
    """Whether a declared length is above `most`; by its digits first, because Python refuses to read thousands of them."""
    digits = declared.lstrip("0")
    return declared.isdecimal() and (len(digits) > len(str(most)) or int(digits or "0") > most)


def _add_headers(headers: MutableHeaders, request_id: str) -> None:
    headers["X-Request-Id"] = request_id
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
