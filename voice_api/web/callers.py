"""Callers of signed operations: which hotkey signed, whether its role may do this, and the stores that it works through."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request, Response, Security
from fastapi.security import APIKeyHeader

from scoring.errors import Code, PlatformError
from scoring.types import Hotkey
from voice_api.settings import ApiSettings
from voice_api.web import write_once
from voice_api.web.auth import Permission, authenticate
from voice_api.web.dependencies import Service, ServiceDep, Stores

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
    pool = await write_once.begin(request, service.idempotency, hotkey, key)
    return Caller(hotkey, service.settings, Stores.over(pool))
