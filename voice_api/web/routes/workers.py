"""Live workers, for operators only: host names are not public."""

from fastapi import APIRouter, Response

from voice_api.db.processes import LIVE
from voice_api.schemas.operations import WorkerOut, WorkersOut
from voice_api.web.callers import WatchingOperator
from voice_api.web.dependencies import ServiceDep
from voice_api.web.routes.errors import WATCH_ERRORS
from voice_api.web.routes.route import Route

router = APIRouter(prefix="/v1/operator", tags=["operator"], route_class=Route)


@router.get("/workers", responses=WATCH_ERRORS)
async def workers(response: Response, service: ServiceDep, _: WatchingOperator) -> WorkersOut:
    """Workers that were seen in the last minute, and what each works on."""
    response.headers["Cache-Control"] = "no-store"
    return WorkersOut(workers=tuple(WorkerOut.model_validate(row) for row in await service.stores.workers.live(LIVE)))
