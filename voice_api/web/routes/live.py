"""News for open pages, as server-sent events."""

import json
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from voice_api.web.dependencies import ServiceDep
from voice_api.web.edge.connection import is_listening
from voice_api.web.edge.in_flight import LIVE
from voice_api.web.live import HEARTBEAT, Listener, LiveNews
from voice_api.web.middleware import network_of
from voice_api.web.route import Route

router = APIRouter(prefix=LIVE, include_in_schema=False, route_class=Route)  # an answer without an end fits no schema

_STREAM = "text/event-stream"
_RECONNECT_MS = 3_000


class EventStream(StreamingResponse):
    """One page's stream: it counts as listening for as long as it is sent."""

    def __init__(self, news: LiveNews, address: str) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # a proxy that collects an answer first never ends
        super().__init__((), media_type=_STREAM, headers=headers)
        self._news, self._address = news, address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the page leaves or the server stops; raises TooManyRequests before anything is sent."""
        with self._news.listening(self._address) as listener:
            is_listening(scope)
            self.body_iterator = self._frames(listener)
            await super().__call__(scope, receive, send)

    async def _frames(self, listener: Listener) -> AsyncIterator[str]:
        """First that it listens, once everything from then on is told: what a page showed before that, it fetches again."""
        yield f"retry: {_RECONNECT_MS}\n\n"
        while not self._news.stopped and not await self._news.begun(HEARTBEAT):
            yield ": not yet\n\n"
        if not self._news.stopped:
            yield "event: listening\ndata: []\n\n"
        while not self._news.stopped:
            topics = await listener.news(HEARTBEAT)
            yield f"event: change\ndata: {json.dumps(topics)}\n\n" if topics else ": nothing new\n\n"


@router.get("", response_class=StreamingResponse)
async def live(request: Request, service: ServiceDep) -> EventStream:
    """What changed, as it changes: `events`, `ledger`, `progress`, `registry`, `rounds`, `weights`."""
    address = network_of(request.client.host) if request.client else "local"
    return EventStream(service.news, address)
