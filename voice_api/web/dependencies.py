"""What every route works with: the stores, Redis, the settings, made once by the application's lifespan; and who may call it."""

import hashlib
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Header, Request, Response, Security
from fastapi.security import APIKeyHeader
from redis.asyncio import Redis

from scoring.errors import Code, PlatformError
from scoring.types import Hotkey
from voice_api.db.evaluations import Depth
from voice_api.db.idempotency import Idempotency, StoredAnswer
from voice_api.db.operations import Operations
from voice_api.db.pool import Pool
from voice_api.db.queue import EvaluationQueue
from voice_api.db.receipts import Receipts
from voice_api.db.registry import Registry
from voice_api.db.rounds import Rounds
from voice_api.db.samples import Samples
from voice_api.db.submissions import OutcomeCount, Submissions
from voice_api.db.validations import Validations
from voice_api.db.watch import Watch
from voice_api.db.workers import Workers
from voice_api.settings import ApiSettings
from voice_api.web.auth import Permission, authenticate, target_of
from voice_api.web.limits import Limits
from voice_api.web.metrics import Metrics
from voice_api.web.ttl_cache import TtlCache

ATTEMPT = "attempt"
"""Where a request's state holds what it began under its Idempotency-Key."""
CLOSING = "closing"
"""Where it holds what ends with the request, before it is answered."""
TABLE_LASTS = timedelta(seconds=1)
"""How long the public table is given as it was written."""
COUNTS_LAST = timedelta(seconds=10)
"""How long a count of all rows is shown: it takes a part of a second where there are very many."""
_SCHEME = APIKeyHeader(
    name="X-Bittensor-Signature",
    scheme_name="btauth",
    auto_error=False,  # what is missing is said by the verification itself
    description="`btauth/1`: the hotkey's signature over method, target, body hash, time and receiver, with X-Bittensor-Version, "
    "-Hotkey, -Nonce and -Receiver beside it. `bittensor.http_auth.sign` makes all of them.",
)


@dataclass(frozen=True, slots=True)
class Service:
    """One process's dependencies."""

    settings: ApiSettings
    metrics: Metrics
    pool: Pool
    redis: Redis
    limits: Limits
    idempotency: Idempotency
    registry: Registry
    submissions: Submissions
    queue: EvaluationQueue
    rounds: Rounds
    receipts: Receipts
    samples: Samples
    operations: Operations
    validations: Validations
    workers: Workers
    watch: Watch
    table: TtlCache[bytes]
    depths: TtlCache[Sequence[Depth]]
    outcomes: TtlCache[Sequence[OutcomeCount]]

    @classmethod
    def over(cls, settings: ApiSettings, metrics: Metrics, pool: Pool, redis: Redis) -> "Service":
        """All stores over one pool."""
        return cls(
            settings,
            metrics,
            pool,
            redis,
            limits=Limits(redis),
            idempotency=Idempotency(pool),
            registry=Registry(pool),
            submissions=Submissions(pool),
            queue=EvaluationQueue(pool),
            rounds=Rounds(pool),
            receipts=Receipts(pool),
            samples=Samples(pool),
            operations=Operations(pool),
            validations=Validations(pool),
            workers=Workers(pool),
            watch=Watch(pool),
            table=TtlCache(TABLE_LASTS),
            depths=TtlCache(COUNTS_LAST),
            outcomes=TtlCache(COUNTS_LAST),
        )


@dataclass(frozen=True, slots=True)
class Caller:
    """Who signed a request to write something, and what it writes through: under an Idempotency-Key one transaction of its own."""

    hotkey: Hotkey
    service: Service


class IdempotentReplay(Exception):  # no error: it ends a request early, and the route turns it into the answer
    """This request was done under its Idempotency-Key before."""

    def __init__(self, stored: StoredAnswer) -> None:
        super().__init__("answered before")
        self.stored = stored


def service_of(request: Request) -> Service:
    """The service that the lifespan made."""
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(service_of)]
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


async def writer(request: Request, service: ServiceDep, _: _QueueSignature, key: _Key = None) -> Caller:
    """The allow-listed hotkey that signed this request: the model queue's."""
    caller = await _admit(request, service, _listed(service.settings.writers))
    return await _begin(request, service, caller, key)


async def operator(request: Request, service: ServiceDep, _: _OperatorSignature, key: _Key = None) -> Caller:
    """The operator's hotkey that signed this request."""
    caller = await _admit(request, service, _listed(service.settings.operators))
    return await _begin(request, service, caller, key)


async def watching_operator(request: Request, response: Response, service: ServiceDep, _: _OperatorSignature) -> Hotkey:
    """The operator's hotkey that signed this request to read something, which no cache keeps."""
    response.headers["Cache-Control"] = "no-store"
    return await _admit(request, service, _listed(service.settings.operators))


async def miner(request: Request, service: ServiceDep, _: _MinerSignature, key: _Key = None) -> Caller:
    """The registered hotkey that signed this request; nobody is registered while the stored registry is too old."""

    async def registered(hotkey: Hotkey) -> None:
        named = hotkey.isascii() and hotkey.isalnum()  # what no database has is not asked for
        if not named or not await service.registry.has(hotkey, service.settings.registry_lasts):
            raise PlatformError(Code.NOT_ALLOWED, "this hotkey is not registered in the subnet")

    caller = await _admit(request, service, registered)
    return await _begin(request, service, caller, key)


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
    caller = await authenticate(request, service.redis, service.settings.hotkey, permission)
    await service.limits.take(f"hotkey:{caller}", service.settings.rate_per_minute)
    return caller


async def _begin(request: Request, service: Service, caller: Hotkey, key: str | None) -> Caller:
    """Take the key for this request, or end it with the answer that it got before."""
    if key is None:
        return Caller(caller, service)
    sent = f"{request.method} {target_of(request)}\n".encode() + hashlib.sha256(await request.body()).digest()
    closing: AsyncExitStack = getattr(request.state, CLOSING)
    begun = await closing.enter_async_context(service.idempotency.begin(caller, key, hashlib.sha256(sent).hexdigest()))
    if isinstance(begun, StoredAnswer):
        raise IdempotentReplay(begun)
    setattr(request.state, ATTEMPT, begun)
    return Caller(caller, Service.over(service.settings, service.metrics, begun.pool, service.redis))
