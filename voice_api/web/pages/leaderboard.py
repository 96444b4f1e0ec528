"""The leaderboard: who leads, who waits, who was refused."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from voice_api.web.dependencies import ServiceDep
from voice_api.web.pages.page import page
from voice_api.web.route import Route

router = APIRouter(include_in_schema=False, route_class=Route)


@router.get("/", response_class=HTMLResponse)
async def leaderboard(service: ServiceDep) -> HTMLResponse:
    """The public table."""
    return page(
        "leaderboard.html",
        path="/",
        title="Leaderboard",
        rows=await service.stores.submissions.leaderboard(validator=service.settings.hotkey),
        round=await service.stores.rounds.latest(),
        registry=await service.stores.registry.latest(),
        pending=await service.stores.queue.pending_page(limit=8),
    )
