"""Whether the process lives, whether it can serve, and its numbers."""

from http import HTTPStatus

from fastapi import APIRouter, Response
from redis.exceptions import RedisError

from voice_api.db.migrate import at_head
from voice_api.errors import DatabaseUnavailable
from voice_api.schemas import Part, Readiness
from voice_api.service import Served, Service

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


@router.get("/readyz", responses={503: {"model": Readiness}})
async def ready(service: Served, response: Response) -> Readiness:
    """Database, migrations and Redis are as they should be; 503 with the part that is not."""
    parts = (*await _database(service), Part(name="redis", ready=await _redis(service)))
    readiness = Readiness(ready=all(part.ready for part in parts), parts=parts)
    if not readiness.ready:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return readiness


@router.get("/metrics")
async def metrics(service: Served) -> Response:
    """Queue depth, requests, and outcomes by code, as Prometheus reads them."""
    text = service.metrics.render(await service.queue.depths(), await service.submissions.outcomes())
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


async def _database(service: Service) -> tuple[Part, Part]:
    try:
        migrated = await at_head(service.pool)
    except DatabaseUnavailable:
        return Part(name="database", ready=False), Part(name="migrations", ready=False)
    return Part(name="database", ready=True), Part(name="migrations", ready=migrated)


async def _redis(service: Service) -> bool:
    try:
        await service.redis.ping()
    except (RedisError, OSError):
        return False
    return True
