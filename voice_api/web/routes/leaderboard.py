"""The public table, as data."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import TypeAdapter

from voice_api.db.submissions import LeaderboardRow
from voice_api.schemas import MOST_ROWS, LeaderboardOut, LeaderboardRowOut, SubmissionOut
from voice_api.web.dependencies import TABLE_LASTS, Service, ServiceDep
from voice_api.web.openapi import READ_ERRORS
from voice_api.web.route import Route

router = APIRouter(prefix="/v1/leaderboard", tags=["leaderboard"], route_class=Route)

Rows = Annotated[int, Query(ge=1, le=MOST_ROWS, description="Rows of the table.")]
USUAL_ROWS = 100
"""Asked for by almost everybody: of this many rows what was written is kept."""
_TABLE = TypeAdapter(dict[str, tuple[LeaderboardRow, ...]])
_ROW: dict[str, object] = {name: True for name in LeaderboardRowOut.model_fields}
_SHOWN: Any = {"rows": {"__all__": _ROW | {"submission": set(SubmissionOut.model_fields)}}}
"""The fields of a stored row that the schema has."""
_FRESH = f"max-age={TABLE_LASTS.total_seconds():.0f}"


@router.get("", response_model=LeaderboardOut, responses=READ_ERRORS)
async def leaderboard(service: ServiceDep, limit: Rows = USUAL_ROWS) -> Response:
    """The king, then by the last score, then who waits, then copies and rejected ones; superseded ones are left out.

    It may be a second old.
    """
    write = partial(_written, service, limit)
    body = await (service.caches.table.get(write) if limit == USUAL_ROWS else write())
    return Response(body, media_type="application/json", headers={"Cache-Control": _FRESH})


async def _written(service: Service, limit: int) -> bytes:
    """Written here from what the store gave: the framework would look at every field of every row twice more."""
    return _TABLE.dump_json(
        {"rows": await service.stores.submissions.leaderboard(limit, service.settings.hotkey)}, include=_SHOWN
    )
