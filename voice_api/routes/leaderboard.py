"""The public table, as data."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response

from voice_api.routes.errors import READ_ERRORS
from voice_api.routes.route import Route
from voice_api.schemas import MOST_ROWS, LeaderboardOut, LeaderboardRowOut
from voice_api.service import TABLE_LASTS, Served, Service

router = APIRouter(prefix="/v1/leaderboard", tags=["leaderboard"], route_class=Route)

USUAL_ROWS = 100
"""Asked for by almost everybody: of this many rows what was written is kept."""
_FRESH = f"max-age={TABLE_LASTS.total_seconds():.0f}"


@router.get("", response_model=LeaderboardOut, responses=READ_ERRORS)
async def leaderboard(service: Served, limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = USUAL_ROWS) -> Response:
    """The king, then by the last score, then who waits, then copies and rejected ones; superseded ones are left out.

    It may be a second old.
    """
    write = partial(_written, service, limit)
    body = await (service.table.get(write) if limit == USUAL_ROWS else write())
    return Response(body, media_type="application/json", headers={"Cache-Control": _FRESH})


async def _written(service: Service, limit: int) -> bytes:
    """Written here, once: the framework would make dictionaries of the rows first."""
    rows = await service.submissions.leaderboard(limit)
    return LeaderboardOut(rows=tuple(LeaderboardRowOut.of(row) for row in rows)).model_dump_json().encode()
