"""Authentication by `btauth/1`: the adapter on the SDK's verification, with the nonces of all API processes in one Redis."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from bittensor import http_auth
from fastapi import Request
from redis.asyncio import Redis
from redis.exceptions import RedisError

from scoring.errors import Code, PlatformError
from scoring.types import Hotkey
from voice_api.errors import RedisUnavailable

WINDOW = timedelta(seconds=10)
"""The greatest age of a signature."""
SKEW = timedelta(seconds=2)
"""The most that a caller's clock may be ahead of ours."""
RETENTION = timedelta(seconds=60)
"""The time for which a nonce is remembered: longer than the window and the skew together."""
EPOCH = "voice:nonce:epoch"
"""The key that names the run of Redis which remembers nonces, and its beginning."""
_ANSWER = timedelta(seconds=5)
_MICROSECOND = timedelta(microseconds=1)

# A store that was flushed, or lost its last seconds in a restart, cannot tell replays of what was signed before: it starts anew.
_OPEN = """
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') or ''
if redis.call('HGET', KEYS[1], 'run') ~= run then
    local clock = redis.call('TIME')
    redis.call('HSET', KEYS[1], 'run', run, 'since', string.format('%.0f', clock[1] * 1000000 + clock[2]))
end
"""
# A caller's clock may be ahead: what it signed before the store began may bear a time of up to the skew after it.
_STORE = (
    _OPEN
    + """
if tonumber(ARGV[1]) < tonumber(redis.call('HGET', KEYS[1], 'since')) + tonumber(ARGV[2]) then
    return -1
end
return redis.call('SET', KEYS[2], 1, 'NX', 'EX', ARGV[3]) and 1 or 0
"""
)

Permission = Callable[[Hotkey], Awaitable[None]]
"""Raises PlatformError unless this hotkey may do what the route does."""


class RedisNonces:
    """The SDK's NonceStore in Redis, for any number of API processes: set once, or it was a replay.

    The SDK asks it after the signature held, in the thread that verifies; the client lives on the event loop.
    """

    retention = RETENTION.total_seconds()

    def __init__(self, redis: Redis, loop: asyncio.AbstractEventLoop) -> None:
        self._script, self._loop = redis.register_script(_STORE), loop

    def check_and_store(self, hotkey_ss58: str, nonce_ns: int) -> bool:
        """True when this nonce was not seen before; raises RedisUnavailable, so that nothing passes unseen."""
        storing = asyncio.run_coroutine_threadsafe(self._store(hotkey_ss58, nonce_ns), self._loop)
        try:
            stored = storing.result(_ANSWER.total_seconds())
        except (RedisError, OSError) as exc:  # a TimeoutError is an OSError
            raise RedisUnavailable("the nonce could not be checked") from exc
        if stored < 0:
            raise RedisUnavailable("the store of nonces is younger than this signature: sign the request again")
        return bool(stored)

    async def _store(self, hotkey: str, nonce_ns: int) -> int:
        keys = [EPOCH, f"voice:nonce:{hotkey}:{nonce_ns}"]
        return int(await self._script(keys=keys, args=[nonce_ns // 1000, SKEW // _MICROSECOND, int(self.retention)]))


async def open_nonces(redis: Redis) -> None:
    """Begin to remember nonces when the process starts, so that the first request is not the one that finds no store.

    While Redis is away nothing is begun: the first request after it came back does that.
    """
    try:
        await redis.register_script(_OPEN)(keys=[EPOCH])
    except (RedisError, OSError):
        return


async def authenticate(request: Request, redis: Redis, receiver: Hotkey, permission: Permission) -> Hotkey:
    """The hotkey that signed this request for `receiver`, if `permission` lets it.

    Raises PlatformError: NOT_AUTHENTICATED for a signature that is missing, wrong, stale or replayed, RECEIVER_MISMATCH for one that is
    meant for somebody else, REDIS_UNAVAILABLE when a replay could not be told, and whatever `permission` raises.
    """
    claimed = request.headers.getlist(http_auth.HEADER_HOTKEY)
    if len(claimed) > 1:
        raise PlatformError(Code.NOT_AUTHENTICATED, "one hotkey signs a request")
    for hotkey in claimed:
        # Hotkeys are public, so this tells nothing; and strangers cost no verification and fill no nonce store.
        await permission(Hotkey(hotkey))
    body = await request.body()
    nonces = RedisNonces(redis, asyncio.get_running_loop())
    try:
        caller = await asyncio.to_thread(
            http_auth.verify,
            request.headers,
            body,
            method=request.method,
            path=target_of(request),
            self_hotkey_ss58=receiver,
            max_age=WINDOW.total_seconds(),
            allowed_skew=SKEW.total_seconds(),
            nonce_store=nonces,
        )
    except http_auth.WrongReceiver as exc:
        raise PlatformError(
            Code.RECEIVER_MISMATCH, f"this API answers as {receiver}, and the request is not signed for it"
        ) from exc
    except http_auth.AuthError as exc:
        raise PlatformError(Code.NOT_AUTHENTICATED, str(exc)) from exc
    return Hotkey(caller.hotkey_ss58)


def target_of(request: Request) -> str:
    """The request target as it was sent: the bytes of path and query, before any decoding."""
    path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope["query_string"]
    return (path + b"?" + query if query else path).decode("latin-1")
