"""Evaluations: one submission in one round each, and what was said in it."""

from typing import Annotated

from fastapi import APIRouter, Query

from scoring.types import RoundNumber, SubmissionId
from voice_api.schemas import MOST_ROWS
from voice_api.schemas.evaluations import AnchoredFactorOut, AnchoredFactorsOut, EvaluationOut, EvaluationPage
from voice_api.schemas.receipts import SamplePage
from voice_api.web.anchored import anchored
from voice_api.web.dependencies import ServiceDep
from voice_api.web.openapi import LOOKUP_ERRORS, READ_ERRORS
from voice_api.web.round_prompts import round_prompts
from voice_api.web.route import After, EvaluationKey, Limit, Position, Route, cut
from voice_api.web.sample_view import sample_page

router = APIRouter(prefix="/v1/evaluations", tags=["evaluations"], route_class=Route)


@router.get("", responses=READ_ERRORS)
async def page(
    service: ServiceDep,
    after: After = 0,
    limit: Limit = 50,
    of_round: Annotated[RoundNumber | None, Query(alias="round", ge=0, lt=2**31, description="Only this round's.")] = None,
    submission: Annotated[SubmissionId | None, Query(ge=1, lt=2**63, description="Only this submission's, by its id.")] = None,
) -> EvaluationPage:
    """Evaluations, oldest first."""
    rows = await service.stores.queue.page(after, limit + 1, of_round, submission)
    shown, last = cut(rows, limit)
    return EvaluationPage(items=tuple(EvaluationOut.model_validate(row) for row in shown), next=last.id if last else None)


@router.get("/{evaluation_id}", responses=LOOKUP_ERRORS)
async def get(evaluation_id: EvaluationKey, service: ServiceDep) -> EvaluationOut:
    """One evaluation."""
    return EvaluationOut.model_validate(await service.stores.queue.get(evaluation_id))


@router.get("/{evaluation_id}/samples", responses=LOOKUP_ERRORS)
async def samples(evaluation_id: EvaluationKey, service: ServiceDep, after: Position = None, limit: Limit = 50) -> SamplePage:
    """The samples of an evaluation in the round's own order, each with what was asked; empty unless it was scored."""
    return await sample_page(service, evaluation_id, after, limit)


@router.get("/{evaluation_id}/factors", responses=LOOKUP_ERRORS)
async def factors(evaluation_id: EvaluationKey, service: ServiceDep) -> AnchoredFactorsOut:
    """The means of an evaluation's samples: each factor, and its metrics between the anchors that count as bad and as human."""
    known = await service.stores.queue.get(evaluation_id)
    rows = await service.stores.queue.samples(known.id, limit=MOST_ROWS)
    asked = round_prompts(service.schedule, await service.stores.rounds.get(known.round), known.track)
    return AnchoredFactorsOut(factors=tuple(AnchoredFactorOut.model_validate(each) for each in anchored(rows, asked.rules)))
