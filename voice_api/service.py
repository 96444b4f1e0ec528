"""What every route works with: the stores, Redis, and the settings, made once by the application's lifespan."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from redis.asyncio import Redis

from scoring.types import Hotkey
from voice_api.auth import authenticate
from voice_api.db.pool import Pool
from voice_api.db.queue import EvaluationQueue
from voice_api.db.registry import Registry
from voice_api.db.rounds import Rounds
from voice_api.db.submissions import Submissions
from voice_api.metrics import Metrics
from voice_api.settings import ApiSettings


@dataclass(frozen=True, slots=True)
class Service:
    """One process's dependencies."""

    settings: ApiSettings
    metrics: Metrics
    pool: Pool
    redis: Redis
    registry: Registry
    submissions: Submissions
    queue: EvaluationQueue
    rounds: Rounds

    @classmethod
    def over(cls, settings: ApiSettings, metrics: Metrics, pool: Pool, redis: Redis) -> "Service":
        """All stores over one pool."""
        return cls(settings, metrics, pool, redis, Registry(pool), Submissions(pool), EvaluationQueue(pool), Rounds(pool))


def service_of(request: Request) -> Service:
    """The service that the lifespan made."""
    service: Service = request.app.state.service
    return service


Served = Annotated[Service, Depends(service_of)]


async def writer(request: Request, service: Served) -> Hotkey:
    """The allow-listed hotkey that signed this request."""
    return await authenticate(request, service.redis, service.settings.hotkey, frozenset(service.settings.writers))


Writer = Annotated[Hotkey, Depends(writer)]
