"""The leaderboard: by track, who is paid and why, who waits, and who was refused."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from scoring.types import Entrant
from voice_api.db.submissions import Submission
from voice_api.schemas import NO_NUL
from voice_api.web import standings
from voice_api.web.dependencies import Service, ServiceDep
from voice_api.web.ledger_standings import LedgerStandings
from voice_api.web.pages.page import html_page, page, query
from voice_api.web.route import Route
from voice_api.web.routes.duels import OfTrack
from voice_api.web.routes.leaderboard import AfterRow

router = APIRouter(include_in_schema=False, route_class=Route)

ROWS = 30
Search = Annotated[str, Query(max_length=100, pattern=NO_NUL)]


@router.get("/", response_class=HTMLResponse)
async def leaderboard(service: ServiceDep, track: OfTrack = None, search: Search = "", after: AfterRow = None) -> HTMLResponse:
    """The table of `/v1/leaderboard`, and the tracks above it; the first page is written once for whatever it shows."""
    if track or search or after:
        return await _written(service, track, search, after)
    newest = replace(await service.stores.watch.newest(service.settings.hotkey), progress=None)

    async def write() -> bytes:
        return bytes((await _written(service, None, "", None)).body)

    return html_page(await service.caches.front.get(newest, write))


async def _written(service: Service, track: str | None, search: str, after: Entrant | None) -> HTMLResponse:
    ledger = await standings.ledger_standings(service)
    rows, last = await standings.listed(service, ledger, track=track, search=search, after=after, limit=ROWS)
    return page(
        "leaderboard.html",
        path="/",
        title="Leaderboard",
        ledger=ledger,
        rows=rows,
        hub=service.settings.hub,
        models=await _models(service, ledger),
        track=track,
        search=search,
        after=after,
        source=f"/v1/leaderboard?{query({'track': track, 'search': search, 'after': after, 'limit': ROWS})}#",
        next=None if last is None else f"/?{query({'track': track, 'search': search, 'after': last})}",
    )


async def _models(service: Service, ledger: LedgerStandings) -> Mapping[Entrant, Submission]:
    """The submissions of both sides of each track's duel, or of its king alone, by their names."""
    kings = [each.king for each in ledger.tracks if each.king is not None]
    challengers = [each.duel.challenger for each in ledger.tracks if each.duel is not None]
    return {each.entrant: each.submission for each in await service.stores.leaderboard.named([*kings, *challengers])}
