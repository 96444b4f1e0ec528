"""Near-copies: the evidence for which submissions were set aside, and what operators decided."""

from typing import Annotated

from fastapi import APIRouter, Query

from scoring.errors import Code, PlatformError
from scoring.types import SubmissionId
from voice_api.schemas.copies import NearCopyOut, NearCopyPage
from voice_api.web.dependencies import ServiceDep
from voice_api.web.openapi import LOOKUP_ERRORS, READ_ERRORS
from voice_api.web.route import After, Limit, Route, SubmissionKey, cut

router = APIRouter(prefix="/v1/near-copies", tags=["near_copies"], route_class=Route)


@router.get("", responses=READ_ERRORS)
async def page(
    service: ServiceDep,
    after: After = 0,
    limit: Limit = 50,
    undecided: Annotated[bool, Query(description="Only those that wait for an operator.")] = False,
) -> NearCopyPage:
    """Near-copies by the id of the submission, with the measures beside their thresholds."""
    rows = await service.stores.copies.page(SubmissionId(after), limit + 1, undecided=undecided)
    shown, last = cut(rows, limit)
    items = tuple(NearCopyOut.model_validate(row) for row in shown)
    return NearCopyPage(items=items, next=last.submission_id if last else None)


@router.get("/{submission_id}", responses=LOOKUP_ERRORS)
async def get(submission_id: SubmissionKey, service: ServiceDep) -> NearCopyOut:
    """The evidence on one submission that was set aside as a near-copy."""
    found = await service.stores.copies.get(submission_id)
    if found is None:
        raise PlatformError(Code.NOT_FOUND, f"submission {submission_id} was never set aside as a near-copy")
    return NearCopyOut.model_validate(found)
