"""Why a uid gets what it gets."""

from typing import Annotated

from fastapi import APIRouter, Path

from scoring.types import Uid
from voice_api.schemas.leaderboard import UidExplanationOut
from voice_api.web import standings
from voice_api.web.dependencies import ServiceDep
from voice_api.web.openapi import LOOKUP_ERRORS
from voice_api.web.route import Route

router = APIRouter(prefix="/v1/explain", tags=["explain"], route_class=Route)

UidKey = Annotated[Uid, Path(ge=0, le=65_535, examples=[17])]


@router.get("/{uid}", responses=LOOKUP_ERRORS)
async def get(uid: UidKey, service: ServiceDep) -> UidExplanationOut:
    """Share, place, evidence, lineage and duels of a uid, by track, and what it lacks; by the ledger's head and the registry."""
    return UidExplanationOut.model_validate(await standings.explained(service, uid))
