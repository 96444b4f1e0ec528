"""The public table, as data."""

from typing import Annotated

from fastapi import APIRouter, Query

from voice_api.routes.errors import READ_ERRORS
from voice_api.routes.route import Route
from voice_api.schemas import MOST_ROWS, LeaderboardOut, LeaderboardRowOut
from voice_api.service import Served

router = APIRouter(prefix="/v1/leaderboard", tags=["leaderboard"], route_class=Route)


@router.get("", responses=READ_ERRORS)
async def leaderboard(service: Served, limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 100) -> LeaderboardOut:
    """The king, then by the last score, then who waits, then copies and rejected ones; superseded ones are left out."""
    return LeaderboardOut(rows=tuple(LeaderboardRowOut.of(row) for row in await service.submissions.leaderboard(limit)))
