"""Writes that carry an Idempotency-Key: done once, in one transaction with their answer, and answered the same ever after."""

import hashlib
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

from fastapi import Request, Response

from scoring.types import Hotkey
from voice_api.db.database import Pool
from voice_api.db.idempotency import Attempt, Idempotency, StoredAnswer
from voice_api.web.auth import target_of

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
_ATTEMPT = "attempt"
"""The name under which a request's state holds the write that it began under its key."""
_CLOSING = "closing"
"""The name under which it holds what ends with the request, before it is answered."""


class IdempotentReplay(Exception):  # no error: it ends a request early, and the route turns it into the answer
    """A request under this Idempotency-Key was answered before."""

    def __init__(self, stored: StoredAnswer) -> None:
        super().__init__("answered before")
        self.stored = stored


async def begin(request: Request, idempotency: Idempotency, hotkey: Hotkey, key: str) -> Pool:
    """Take the key for this request and return its transaction's pool; raises IdempotentReplay where it was answered before."""
    sent = f"{request.method} {target_of(request)}\n".encode() + hashlib.sha256(await request.body()).digest()
    closing: AsyncExitStack = getattr(request.state, _CLOSING)
    begun = await closing.enter_async_context(idempotency.begin(hotkey, key, hashlib.sha256(sent).hexdigest()))
    if isinstance(begun, StoredAnswer):
        raise IdempotentReplay(begun)
    setattr(request.state, _ATTEMPT, begun)
    return begun.pool


def once(original: Handler) -> Handler:
    """Wrap a route's handler: its answer is stored with its write, or the stored one is given again."""

    async def handle(request: Request) -> Response:
        async with AsyncExitStack() as closing:  # left before anything is sent: what is answered was committed
            setattr(request.state, _CLOSING, closing)
            try:
                response = await original(request)
            except IdempotentReplay as replay:
                return _answer(replay.stored)
            attempt: Attempt | None = getattr(request.state, _ATTEMPT, None)
            if attempt is not None:
                body = bytes(response.body).decode()
                await attempt.answer(StoredAnswer(response.status_code, body, response.headers.get("Location")))
        return response

    return handle


def _answer(stored: StoredAnswer) -> Response:
    headers = {"Idempotent-Replay": "true"} | ({"Location": stored.location} if stored.location else {})
    return Response(stored.answer, stored.status, headers=headers, media_type="application/json")
