"""Callers of signed operations: the hotkey that signed by `btauth/1`, and whether its role may do this.

The adapter on the SDK's verification stands here, with the nonces of all API processes in one Redis.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from bittensor import http_auth
from fastapi import Depends, Header, Request, Response, Security
from fastapi.security import APIKeyHeader
from redis.asyncio import Redis
from redis.exceptions import RedisError

from scoring.errors import Code, PlatformError
from scoring.types import Hotkey
from voice_api.errors import RedisUnavailable
from voice_api.runtime.redis_state import EPOCH
from voice_api.settings import ApiSettings
from voice_api.web import route
from voice_api.web.dependencies import Service, ServiceDep, Stores

WINDOW = timedelta(seconds=10)
"""The greatest age of a signature."""
SKEW = timedelta(seconds=2)
"""The most that a caller's clock may be ahead of ours."""
RETENTION = timedelta(seconds=60)
"""The time for which a nonce is remembered: longer than the window and the skew together."""
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
            path=route.target_of(request),
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


_SCHEME = APIKeyHeader(
    name="X-Bittensor-Signature",
    scheme_name="btauth",
    auto_error=False,  # what is missing is said by the verification itself
    description="`btauth/1`: the hotkey's signature over method, target, body hash, time and receiver, with X-Bittensor-Version, "
    "-Hotkey, -Nonce and -Receiver beside it. `bittensor.http_auth.sign` makes all of them.",
)
_QueueSignature = Annotated[str | None, Security(_SCHEME, scopes=["queue"])]
_OperatorSignature = Annotated[str | None, Security(_SCHEME, scopes=["operator"])]
_MinerSignature = Annotated[str | None, Security(_SCHEME, scopes=["miner"])]
_Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=128,
        pattern="^[!-~]+$",
        description="Any name for this one write: sent again with it within 24 hours, the write is not done again, and answered as "
        "it was.",
    ),
]


@dataclass(frozen=True, slots=True)
class Caller:
    """A hotkey that may write, and the stores that it writes through: under an Idempotency-Key those of one transaction of its own."""

    hotkey: Hotkey
    settings: ApiSettings
    stores: Stores


async def writer(request: Request, service: ServiceDep, _: _QueueSignature, key: _Key = None) -> Caller:
    """Admit an allow-listed hotkey: the model queue's."""
    hotkey = await _admit(request, service, _listed(service.settings.writers))
    return await _caller(request, service, hotkey, key)


async def operator(request: Request, service: ServiceDep, _: _OperatorSignature, key: _Key = None) -> Caller:
    """Admit an operator's hotkey."""
    hotkey = await _admit(request, service, _listed(service.settings.operators))
    return await _caller(request, service, hotkey, key)


async def watching_operator(request: Request, response: Response, service: ServiceDep, _: _OperatorSignature) -> Hotkey:
    """Admit an operator's hotkey to read something, which no cache keeps."""
    response.headers["Cache-Control"] = "no-store"
    return await _admit(request, service, _listed(service.settings.operators))


async def miner(request: Request, service: ServiceDep, _: _MinerSignature, key: _Key = None) -> Caller:
    """Admit a registered hotkey; nobody is registered while the stored registry is too old."""

    async def registered(hotkey: Hotkey) -> None:
        named = hotkey.isascii() and hotkey.isalnum()  # what no database has is not asked for
        if not named or not await service.stores.registry.has(hotkey, service.settings.registry_lasts):
            raise PlatformError(Code.NOT_ALLOWED, "this hotkey is not registered in the subnet")

    hotkey = await _admit(request, service, registered)
    return await _caller(request, service, hotkey, key)


Writer = Annotated[Caller, Depends(writer)]
Operator = Annotated[Caller, Depends(operator)]
WatchingOperator = Annotated[Hotkey, Depends(watching_operator)]
Miner = Annotated[Caller, Depends(miner)]


def _listed(hotkeys: tuple[Hotkey, ...]) -> Permission:
    async def permission(hotkey: Hotkey) -> None:
        if hotkey not in hotkeys:
            raise PlatformError(Code.NOT_ALLOWED, "this hotkey is not on the allow-list")

    return permission


async def _admit(request: Request, service: Service, permission: Permission) -> Hotkey:
    hotkey = await authenticate(request, service.redis, service.settings.hotkey, permission)
    await service.limits.take(f"hotkey:{hotkey}", service.settings.rate_per_minute)
    return hotkey


async def _caller(request: Request, service: Service, hotkey: Hotkey, key: str | None) -> Caller:
    """The caller over the service's own stores, or with a key over the transaction that belongs to it."""
    if key is None:
        return Caller(hotkey, service.settings, service.stores)
    pool = await route.begin_write(request, service.idempotency, hotkey, key)
    return Caller(hotkey, service.settings, Stores.over(pool))
