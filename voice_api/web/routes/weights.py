"""Attempts to set weights."""

from typing import Annotated

from fastapi import APIRouter, Query

from voice_api.db.weights import Weights, of_snapshot
from voice_api.schemas.weights import MOST_ATTEMPTS, WeightsDetail, WeightsOut, WeightsPage
from voice_api.web.dependencies import ServiceDep
from voice_api.web.openapi import LOOKUP_ERRORS, READ_ERRORS
from voice_api.web.route import Route, cut
from voice_api.web.routes.ledger import Whose
from voice_api.web.routes.receipts import Digest

router = APIRouter(prefix="/v1/weights", tags=["weights"], route_class=Route)

Before = Annotated[int | None, Query(ge=1, lt=2**63, description="`next` of the page before.")]
Few = Annotated[int, Query(ge=1, le=MOST_ATTEMPTS, description="Rows of a page.", examples=[20])]


@router.get("", responses=READ_ERRORS)
async def page(service: ServiceDep, validator: Whose = None, before: Before = None, limit: Few = 20) -> WeightsPage:
    """A validator's attempts to set weights, newest first."""
    weights = Weights(service.stores.pool, validator or service.settings.hotkey)
    shown, last = cut(await weights.page(before, limit + 1), limit)
    return WeightsPage(items=tuple(WeightsOut.of(attempt) for attempt in shown), next=last.id if last else None)


@router.get("/{snapshot_hash}", responses=LOOKUP_ERRORS)
async def get(snapshot_hash: Digest, service: ServiceDep) -> WeightsDetail:
    """The first attempt, of any validator, that was made from a snapshot, with the snapshot and the plan."""
    return WeightsDetail.whole((await of_snapshot(service.stores.pool, snapshot_hash))[0])
