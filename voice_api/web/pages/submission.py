"""A submission: its evaluations, and what was said, heard and refused in the last one that was scored."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from voice_api.db.states import EvaluationState
from voice_api.schemas import MOST_ROWS
from voice_api.web.dependencies import ServiceDep
from voice_api.web.pages.page import page
from voice_api.web.route import Route, SubmissionKey

router = APIRouter(include_in_schema=False, route_class=Route)


@router.get("/submissions/{submission_id}", response_class=HTMLResponse)
async def submission(submission_id: SubmissionKey, service: ServiceDep) -> HTMLResponse:
    """How a submission fared."""
    found = await service.stores.submissions.get(submission_id)
    evaluations = await service.stores.submissions.evaluations(found.id)
    scored = next((each for each in evaluations if each.state is EvaluationState.SCORED), None)
    samples = await service.stores.queue.samples(scored.id, limit=MOST_ROWS) if scored else ()
    return page(
        "submission.html",
        path="/",
        title=f"Submission {found.id}",
        s=found,
        evaluations=evaluations,
        scored=scored,
        samples=samples,
    )
