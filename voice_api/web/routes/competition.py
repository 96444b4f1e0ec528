"""The rules of the competition, as this API has them."""

from typing import Annotated

from fastapi import APIRouter, Query

from scoring.types import RoundNumber
from voice_api.schemas.competition import CompetitionOut
from voice_api.web.dependencies import ServiceDep
from voice_api.web.openapi import READ_ERRORS
from voice_api.web.route import Route

router = APIRouter(prefix="/v1/competition", tags=["competition"], route_class=Route)

OfRound = Annotated[
    RoundNumber | None,
    Query(
        alias="round", ge=0, lt=2**31, description="Those of a round; without it the newest ones, which may be for a later round."
    ),
]


@router.get("", responses=READ_ERRORS)
async def get(service: ServiceDep, of_round: OfRound = None) -> CompetitionOut:
    """Every constant that decides money: rounds, prompts, judges, factors, duels, pay, limits, by track."""
    return CompetitionOut.of(service.schedule.version[-1] if of_round is None else service.schedule.at(of_round))
