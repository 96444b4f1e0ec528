"""What runs and what waits."""

from typing import Annotated

from fastapi import APIRouter, Query

from voice_api.routes.errors import READ_ERRORS
from voice_api.routes.route import Route
from voice_api.schemas import MOST_ROWS, QueuePage, QueueRowOut
from voice_api.service import Served

router = APIRouter(prefix="/v1/queue", tags=["queue"], route_class=Route)


@router.get("", responses=READ_ERRORS)
async def page(
    service: Served,
    after: Annotated[int, Query(ge=0, lt=2**31, description="The last position of the page before.")] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 50,
) -> QueuePage:
    """Evaluations in the order in which they are served, running ones first."""
    rows = await service.queue.pending_page(after, limit + 1)
    shown = rows[:limit]
    return QueuePage(items=tuple(QueueRowOut.of(row) for row in shown), next=shown[-1].position if len(rows) > limit else None)
