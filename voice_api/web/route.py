"""Routes: their class (reads get an ETag for caches, writes are done once per Idempotency-Key), the keys in their paths, their pages.

Pages go by key: a page's `next` is the next one's `after`, so that what is added meanwhile shifts nothing.
"""

import hashlib
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import Path, Query, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute

from scoring.errors import Code, PlatformError
from scoring.types import EvaluationId, Hotkey, RoundNumber, SubmissionId
from voice_api.db.database import Pool
from voice_api.db.idempotency import Attempt, Idempotency, StoredAnswer
from voice_api.schemas import MOST_ROWS
from voice_api.web.reading import ASKS_FOR_HEADERS

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
_ATTEMPT = "attempt"
"""The name under which a request's state holds the write that it began under its key."""
_CLOSING = "closing"
"""The name under which it holds what ends with the request, before it is answered."""
REVALIDATE = "no-cache"
"""Caches may keep it, and ask each time whether it is still so."""
PRIVATE = "private, no-cache"
"""For what only those may have who know its address: no cache that others share keeps it."""
IMMUTABLE = "public, max-age=31536000, immutable"
"""For content that is named by its hash, and so never changes."""

_STRICT = "/v1/"
"""The beginning of paths under which no unknown query parameter is taken; a page's address may carry whatever somebody added to it."""

Row = TypeVar("Row")
_ID = Path(ge=1, lt=2**63, examples=[412])
SubmissionKey = Annotated[SubmissionId, _ID]
EvaluationKey = Annotated[EvaluationId, _ID]
RoundKey = Annotated[RoundNumber, Path(ge=0, lt=2**31, examples=[1_204])]
After = Annotated[int, Query(ge=0, lt=2**63, description="`next` of the page before.", examples=[0])]
Position = Annotated[int | None, Query(ge=0, lt=2**31, description="`next` of the page before.")]
"""The position in a list whose keys begin at 0."""
Limit = Annotated[int, Query(ge=1, le=MOST_ROWS, description="Rows of a page.", examples=[50])]


class Route(APIRoute):
    """The class of every route: `APIRouter(route_class=Route)`."""

    def get_route_handler(self) -> Handler:
        """The framework's handler, inside what this route's method asks for."""
        original = super().get_route_handler()
        if "GET" not in (self.methods or ()):
            return _once(original)

        known = _query_names(self.dependant)
        strict = self.path_format.startswith(_STRICT)

        async def read(request: Request) -> Response:
            _refuse_nul(request)
            if strict:
                _refuse_unknown(request, known)
            response = await original(request)
            if getattr(request.state, ASKS_FOR_HEADERS, False) and isinstance(response, StreamingResponse):
                return Response(None, response.status_code, response.headers)  # which may have no end
            return conditional(request, response)

        return read


def _query_names(dependant: Dependant) -> frozenset[str]:
    """The query parameters of a route and of everything that it depends on."""
    own = (each.alias for each in dependant.query_params)
    return frozenset(own).union(*(_query_names(each) for each in dependant.dependencies))


def _refuse_unknown(request: Request, known: frozenset[str]) -> None:
    """Raise PlatformError(REQUEST_INVALID) for a query parameter that the route does not have: it would be ignored in silence."""
    if unknown := sorted(set(request.query_params) - known):
        there_are = f"there are {', '.join(sorted(known))}" if known else "there is none here"
        raise PlatformError(Code.REQUEST_INVALID, f"query: no parameter {', '.join(unknown)[:100]!r}; {there_are}")


def _refuse_nul(request: Request) -> None:
    """Raise PlatformError(REQUEST_INVALID) for a query with the one character that PostgreSQL's text does not hold."""
    if "\0" in "".join(request.query_params.values()):
        raise PlatformError(Code.REQUEST_INVALID, "query: it holds a NUL character: leave that out")


def operation_name(route: APIRoute) -> str:
    """The name of a route's operation: its part of the API and its function."""
    return f"{route.tags[0]}_{route.name}" if route.tags else route.name


def conditional(request: Request, response: Response) -> Response:
    """The response with its strong ETag; 304 without a body where the caller has it already. An ETag of its own is kept."""
    if response.status_code != HTTPStatus.OK or response.headers.get("Cache-Control") == "no-store":
        return response
    etag = response.headers.setdefault("ETag", f'"{hashlib.sha256(response.body).hexdigest()[:32]}"')
    response.headers.setdefault("Cache-Control", REVALIDATE)
    listed = request.headers.get("If-None-Match", "")  # compared weakly, as HTTP asks here
    if listed.strip() != "*" and etag not in (part.strip().removeprefix("W/") for part in listed.split(",")):
        return response
    kept = {name: response.headers[name] for name in ("ETag", "Cache-Control")}
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=kept)


class IdempotentReplay(Exception):  # no error: it ends a request early, and the route turns it into the answer
    """A request under this Idempotency-Key was answered before."""

    def __init__(self, stored: StoredAnswer) -> None:
        super().__init__("answered before")
        self.stored = stored


async def begin_write(request: Request, idempotency: Idempotency, hotkey: Hotkey, key: str) -> Pool:
    """Take the key for this request and return its transaction's pool; raises IdempotentReplay where it was answered before."""
    sent = f"{request.method} {target_of(request)}\n".encode() + hashlib.sha256(await request.body()).digest()
    closing: AsyncExitStack = getattr(request.state, _CLOSING)
    begun = await closing.enter_async_context(idempotency.begin(hotkey, key, hashlib.sha256(sent).hexdigest()))
    if isinstance(begun, StoredAnswer):
        raise IdempotentReplay(begun)
    setattr(request.state, _ATTEMPT, begun)
    return begun.pool


def _once(original: Handler) -> Handler:
    """Wrap a route's handler: its answer is stored with its write, or the stored one is given again."""

    async def handle(request: Request) -> Response:
        async with AsyncExitStack() as closing:  # left before anything is sent: what is answered was committed
            setattr(request.state, _CLOSING, closing)
            try:
                response = await original(request)
            except IdempotentReplay as replay:
                stored = replay.stored
                headers = {"Idempotent-Replay": "true"} | ({"Location": stored.location} if stored.location else {})
                return Response(stored.answer, stored.status, headers=headers, media_type="application/json")
            attempt: Attempt | None = getattr(request.state, _ATTEMPT, None)
            if attempt is not None:
                body = bytes(response.body).decode()
                await attempt.answer(StoredAnswer(response.status_code, body, response.headers.get("Location")))
        return response

    return handle


def target_of(request: Request) -> str:
    """The request target as it was sent: the bytes of path and query, before any decoding."""
    path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope["query_string"]
    return (path + b"?" + query if query else path).decode("latin-1")


def cut(rows: Sequence[Row], limit: int) -> tuple[Sequence[Row], Row | None]:
    """At most `limit` of the rows, and the last of those if there are more."""
    shown = rows[:limit]
    return shown, shown[-1] if len(rows) > limit else None
