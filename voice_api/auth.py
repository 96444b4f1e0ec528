"""Who may write: requests signed as `btauth/1` by a hotkey on the allow-list. The adapter on the SDK's verification."""

import asyncio
from collections.abc import Collection
from datetime import timedelta

from bittensor import http_auth
from fastapi import Request
from redis.asyncio import Redis
from redis.exceptions import RedisError

from scoring.errors import Code, PlatformError
from scoring.types import Hotkey
from voice_api.errors import RedisUnavailable

WINDOW = timedelta(seconds=10)
"""How old a signature may be."""
SKEW = timedelta(seconds=2)
"""How far ahead of ours a caller's clock may be."""
RETENTION = timedelta(seconds=60)
"""How long a nonce is remembered: longer than the window and the skew together."""
_ANSWER = timedelta(seconds=5)


class RedisNonces:
    """The SDK's NonceStore in Redis, for any number of API processes: set once, or it was a replay.

    The SDK asks it after the signature held, in the thread that verifies; the client lives on the event loop.
    """

    retention = RETENTION.total_seconds()

    def __init__(self, redis: Redis, loop: asyncio.AbstractEventLoop) -> None:
        self._redis, self._loop = redis, loop

    def check_and_store(self, hotkey_ss58: str, nonce_ns: int) -> bool:
        """True when this nonce was not seen before; raises RedisUnavailable, so that nothing passes unseen."""
        store = asyncio.run_coroutine_threadsafe(self._store(f"voice:nonce:{hotkey_ss58}:{nonce_ns}"), self._loop)
        try:
            return store.result(_ANSWER.total_seconds())
        except (RedisError, OSError, TimeoutError) as exc:
            raise RedisUnavailable("the nonce could not be checked") from exc

    async def _store(self, key: str) -> bool:
        return bool(await self._redis.set(key, 1, nx=True, ex=RETENTION))


async def authenticate(request: Request, redis: Redis, receiver: Hotkey, writers: Collection[Hotkey]) -> Hotkey:
    """The hotkey that signed this request for `receiver`, if it is one of `writers`.

    Raises PlatformError: NOT_AUTHENTICATED for a signature that is missing, wrong, stale, replayed or meant for somebody else,
    NOT_ALLOWED for a stranger, REDIS_UNAVAILABLE when a replay could not be told.
    """
    claimed = request.headers.getlist(http_auth.HEADER_HOTKEY)
    if any(hotkey not in writers for hotkey in claimed):
        # Hotkeys are public, so this tells nothing; and strangers cost no verification and fill no nonce store.
        raise _not_allowed()
    body = await request.body()
    nonces = RedisNonces(redis, asyncio.get_running_loop())
    try:
        caller = await asyncio.to_thread(
            http_auth.verify,
            request.headers,
            body,
            method=request.method,
            path=_target(request),
            self_hotkey_ss58=receiver,
            max_age=WINDOW.total_seconds(),
            allowed_skew=SKEW.total_seconds(),
            nonce_store=nonces,
        )
    except http_auth.AuthError as exc:
        raise PlatformError(Code.NOT_AUTHENTICATED, str(exc)) from exc
    if caller.hotkey_ss58 not in writers:
        raise _not_allowed()  # who signed decides, whatever the look at the headers above made of them
    return Hotkey(caller.hotkey_ss58)


def _not_allowed() -> PlatformError:
    return PlatformError(Code.NOT_ALLOWED, "this hotkey is not on the allow-list")


def _target(request: Request) -> str:
    """The request target as it was sent: the bytes of path and query, before any decoding."""
    path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope["query_string"]
    return (path + b"?" + query if query else path).decode("latin-1")
