"""The class of every route: reads get an ETag for caches, writes are done once per Idempotency-Key."""

import hashlib
from http import HTTPStatus

from fastapi import Request, Response
from fastapi.routing import APIRoute

from voice_api.web import write_once
from voice_api.web.write_once import Handler

REVALIDATE = "no-cache"
"""Caches may keep it, and ask each time whether it is still so."""
IMMUTABLE = "public, max-age=31536000, immutable"
"""For content that is named by its hash, and so never changes."""


class Route(APIRoute):
    """The class of every route: `APIRouter(route_class=Route)`."""

    def get_route_handler(self) -> Handler:
        """The framework's handler, inside what this route's method asks for."""
        original = super().get_route_handler()
        return _reading(original) if "GET" in (self.methods or ()) else write_once.once(original)


def conditional(request: Request, response: Response) -> Response:
    """The response with its strong ETag; 304 without a body where the caller has it already. An ETag of its own is kept."""
    if response.status_code != HTTPStatus.OK or response.headers.get("Cache-Control") == "no-store":
        return response
    etag = response.headers.setdefault("ETag", f'"{hashlib.sha256(response.body).hexdigest()[:32]}"')
    response.headers.setdefault("Cache-Control", REVALIDATE)
    if not _has(request.headers.get("If-None-Match", ""), etag):
        return response
    kept = {name: response.headers[name] for name in ("ETag", "Cache-Control")}
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=kept)


def _has(listed: str, etag: str) -> bool:
    """Whether an If-None-Match names this ETag; weak comparison, as HTTP asks here."""
    return listed.strip() == "*" or etag in (part.strip().removeprefix("W/") for part in listed.split(","))


def _reading(original: Handler) -> Handler:
    async def handle(request: Request) -> Response:
        return conditional(request, await original(request))

    return handle
