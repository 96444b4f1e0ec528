"""How the whole service stands, for everybody: no host names, nothing that only operators may know."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Response

from voice_api.db.pages import ValidatorLine, WorkerCount
from voice_api.db.states import QueueName
from voice_api.errors import DatabaseUnavailable
from voice_api.schemas.status import Incident, IncidentKind, QueueStatus, StatusOut, ValidatorStatus
from voice_api.web.dependencies import Service, ServiceDep
from voice_api.web.openapi import PLAIN_ERRORS
from voice_api.web.route import Route
from voice_api.web.routes.health import ready

router = APIRouter(prefix="/v1/status", tags=["status"], route_class=Route)

_UNKNOWN: Mapping[str, Any] = dict.fromkeys(("queues", "validators", "incidents", "registry_block", "registry_at"))


@router.get("", responses=PLAIN_ERRORS)
async def get(service: ServiceDep, response: Response) -> StatusOut:
    """Each part, the queues, the validators' last steps, and what waits for an operator. It answers while the database is away, too."""
    readiness = await ready(service, Response())
    response.headers["Cache-Control"] = "no-store"
    away = any(part.name == "database" and not part.ready for part in readiness.parts)
    try:
        known = _UNKNOWN if away else await _known(service)
    except DatabaseUnavailable:
        known = _UNKNOWN
    return StatusOut(ready=readiness.ready, hotkey=service.settings.hotkey, parts=readiness.parts, **known)


async def _known(service: Service) -> Mapping[str, Any]:
    age, registry = await service.stores.watch.registry_age(), await service.stores.registry.latest()
    incidents = await service.stores.pages.incidents()
    return {
        "queues": await _queues(service),
        "validators": tuple(_validator(line) for line in await service.stores.pages.validators()),
        "incidents": tuple(Incident(kind=IncidentKind(kind), count=count) for kind, count in incidents.items()),
        "registry_block": None if registry is None else registry.block,
        "registry_at": None if age is None else datetime.now(UTC) - age,
    }


async def _queues(service: Service) -> Sequence[QueueStatus]:
    workers = {count.queue: count for count in await service.stores.pages.workers()}
    running, ages = await service.stores.watch.running(), await service.stores.watch.ages()
    now = datetime.now(UTC)
    none = {queue: WorkerCount(queue=queue, workers=0, draining=0, hosts=0) for queue in QueueName}
    return tuple(
        QueueStatus(
            queue=queue,
            workers=count.workers,
            draining=count.draining,
            hosts=count.hosts,
            running=running[queue],
            due_since=now - ages[queue] if ages[queue] else None,
        )
        for queue, count in (none | workers).items()
    )


def _validator(line: ValidatorLine) -> ValidatorStatus:
    return ValidatorStatus(
        validator=line.validator,
        round=line.round,
        folded_at=line.folded_at,
        refused=line.distrust,
        block=line.block,
        outcome=line.outcome,
        attempted_at=line.attempted_at,
    )
