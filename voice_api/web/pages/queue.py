"""The queue: what runs, what waits, and for how long."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from voice_api.web.dependencies import ServiceDep
from voice_api.web.pages.page import page
from voice_api.web.route import Route
from voice_api.web.routes import queue as answers

router = APIRouter(prefix="/queue", include_in_schema=False, route_class=Route)

ROWS = 50


@router.get("", response_class=HTMLResponse)
async def queue(service: ServiceDep, after: Annotated[int, Query(ge=0, lt=2**31)] = 0) -> HTMLResponse:
    """Evaluations in the order in which they are served."""
    found = await answers.page(service, after, ROWS)
    source = f"/v1/queue?after={after}&limit={ROWS}#/items"
    return page("queue.html", path="/queue", title="Queue", rows=found.items, next=found.next, after=after, source=source)
