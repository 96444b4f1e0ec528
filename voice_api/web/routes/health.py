"""Whether the process lives, and whether it can serve."""

from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus

from fastapi import APIRouter, Response
from redis.exceptions import RedisError

from voice_api.db.migrate import at_head
from voice_api.db.processes import LIVE
from voice_api.db.states import QueueName
from voice_api.errors import DatabaseUnavailable
from voice_api.runtime.redis_state import EPOCH
from voice_api.schemas import Part, Readiness
from voice_api.web.dependencies import Service, ServiceDep

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


@router.get("/readyz", responses={503: {"model": Readiness}})
async def ready(service: ServiceDep, response: Response) -> Readiness:
    """Database, migrations, Redis and its nonces are as they should be; 503 with the part that is not.

    How old the registry is, whether a dispatcher leads and which workers live is told beside it: the API serves without them.
    """
    response.headers["Cache-Control"] = "no-store"
    database = await _database(service)
    network = await _network(service) if database[0].ready else _network_parts(service)  # one that hangs is waited for once
    parts = (*database, *await _redis(service), *network)
    readiness = Readiness(ready=all(part.ready for part in parts if part.needed), parts=parts)
    if not readiness.ready:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return readiness


async def _database(service: Service) -> tuple[Part, Part]:
    try:
        migrated = await at_head(service.stores.pool)
    except DatabaseUnavailable:
        return Part(name="database", ready=False), Part(name="migrations", ready=False)
    return Part(name="database", ready=True), Part(name="migrations", ready=migrated)


async def _redis(service: Service) -> tuple[Part, Part]:
    """Redis, and whether its store of nonces has begun: until then every signed request is refused."""
    try:
        began = await service.redis.exists(EPOCH)
    except (RedisError, OSError):
        return Part(name="redis", ready=False), Part(name="nonces", ready=False)
    return Part(name="redis", ready=True), Part(name="nonces", ready=bool(began))


async def _network(service: Service) -> tuple[Part, Part, Part]:
    """The registry, the dispatcher and the workers."""
    try:
        age, led = await service.stores.watch.registry_age(), await service.stores.watch.led()
        live = [worker.queue for worker in await service.stores.workers.live(LIVE) if not worker.draining]
    except DatabaseUnavailable:
        return _network_parts(service)
    return _network_parts(service, age, led=led, live=live)


def _network_parts(
    service: Service, age: timedelta | None = None, *, led: bool = False, live: Sequence[QueueName] = ()
) -> tuple[Part, Part, Part]:
    """How the registry (its age), the dispatcher and the workers (their queues) stand; nothing is known while the database is away."""
    received = "never received" if age is None else f"received {int(age.total_seconds())} s ago"
    counts = ", ".join(f"{live.count(queue)} {queue}" for queue in QueueName)
    return (
        Part(name="registry", ready=age is not None and age <= service.settings.registry_lasts, needed=False, detail=received),
        Part(name="dispatcher", ready=led, needed=False, detail="leads" if led else "none leads"),
        Part(name="workers", ready=bool(live), needed=False, detail=counts),
    )
