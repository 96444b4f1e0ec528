"""Middleware of reads: HEAD wherever there is GET, and answers that scripts of other sites may read."""

from collections.abc import Sequence
from http import HTTPMethod

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ASKS_FOR_HEADERS = "head"
"""The name under which a request's state says that nobody reads the body of its answer."""
_READS = frozenset({HTTPMethod.GET, HTTPMethod.HEAD})
_SHARED = ("/v1/", "/openapi.json")
"""The beginnings of paths that are for scripts; pages are for whoever opens them."""
_SENT = ("If-None-Match", "If-Range", "Range")
_SEEN = ("Accept-Ranges", "Content-Range", "ETag", "Retry-After", "X-Request-Id")
_DAY = 86_400


class HeadAnswers:
    """Answers HEAD as GET, without the body: the headers are those that GET would have."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http" or scope["method"] != HTTPMethod.HEAD:
            await self.app(scope, receive, send)
            return

        async def headers_only(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        scope["method"] = HTTPMethod.GET.value
        scope.setdefault("state", {})[ASKS_FOR_HEADERS] = True
        try:
            await self.app(scope, receive, headers_only)
        finally:
            scope["method"] = HTTPMethod.HEAD.value  # as it is counted


class CrossOriginReads:
    """Lets scripts of these sites (`*`: of all) read what is public: without credentials, and never the answer to a write."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self.app = app
        self._shared = CORSMiddleware(
            app, allow_origins=origins, allow_methods=sorted(_READS), allow_headers=_SENT, expose_headers=_SEEN, max_age=_DAY
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer the question of a browser whether it may ask."""
        if scope["type"] != "http" or not scope["path"].startswith(_SHARED):
            await self.app(scope, receive, send)
            return
        asked = scope["method"]
        if asked == HTTPMethod.OPTIONS:
            asked = Headers(scope=scope).get("access-control-request-method", asked)
        await (self._shared if asked in _READS else self.app)(scope, receive, send)
