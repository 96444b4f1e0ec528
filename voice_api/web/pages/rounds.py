"""Rounds: all of them, newest first; and one with its prompts, and who spoke with what end."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from scoring.types import RoundNumber
from voice_api.schemas import MOST_ROWS
from voice_api.web.dependencies import ServiceDep
from voice_api.web.pages.page import page
from voice_api.web.route import RoundKey, Route, cut
from voice_api.web.routes import rounds as answers

router = APIRouter(prefix="/rounds", include_in_schema=False, route_class=Route)

ROWS = 50
Before = Annotated[int | None, Query(ge=0, lt=2**31)]


@router.get("", response_class=HTMLResponse)
async def rounds(service: ServiceDep, before: Before = None) -> HTMLResponse:
    """Every round, newest first."""
    number = None if before is None else RoundNumber(before)
    rows, last = cut(await service.stores.pages.rounds(service.settings.hotkey, number, ROWS + 1), ROWS)
    return page("rounds.html", path="/rounds", title="Rounds", rows=rows, older=last and last.round.round, before=before)


@router.get("/{round_number}", response_class=HTMLResponse)
async def one(round_number: RoundKey, service: ServiceDep) -> HTMLResponse:
    """One round."""
    found = await service.stores.rounds.get(round_number)
    entries = await service.stores.pages.entries(round_number, MOST_ROWS)
    line, *before = await service.stores.pages.rounds(service.settings.hotkey, RoundNumber(round_number + 1), 2)
    return page(
        "round.html",
        path="/rounds",
        title=f"Round {found.round}",
        round=found,
        folded_at=line.folded_at,
        entries=entries,
        asked=(await answers.prompts(round_number, service)).tracks,
        earlier=before[0].round.round if before else None,
    )
