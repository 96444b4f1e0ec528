"""The pages for people: the leaderboard, a submission, and the API's reference. They need nothing from elsewhere."""

import base64
import hashlib
from datetime import UTC, datetime
from functools import cache
from importlib import resources

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from scoring.errors import EXPLANATIONS
from scoring.types import MICRO, Micro
from voice_api.db.states import EvaluationState
from voice_api.schemas import MOST_ROWS
from voice_api.web.dependencies import ServiceDep
from voice_api.web.openapi import kind_of
from voice_api.web.route import SubmissionKey

router = APIRouter(include_in_schema=False)


@router.get("/", response_class=HTMLResponse)
async def leaderboard(service: ServiceDep) -> HTMLResponse:
    """The public table; it reloads itself."""
    page = _environment().get_template("leaderboard.html")
    html = page.render(
        rows=await service.stores.submissions.leaderboard(validator=service.settings.hotkey),
        round=await service.stores.rounds.latest(),
        registry=await service.stores.registry.latest(),
        pending=await service.stores.queue.pending_page(limit=8),
        style=_style(),
        now=datetime.now(UTC),
    )
    return HTMLResponse(html, headers={"Content-Security-Policy": _policy()})


@router.get("/submissions/{submission_id}", response_class=HTMLResponse)
async def submission(submission_id: SubmissionKey, service: ServiceDep) -> HTMLResponse:
    """How a submission fared: its evaluations, and what was said, heard and refused in the last one that was scored."""
    found = await service.stores.submissions.get(submission_id)
    evaluations = await service.stores.submissions.evaluations(found.id)
    scored = next((each for each in evaluations if each.state is EvaluationState.SCORED), None)
    samples = await service.stores.queue.samples(scored.id, limit=MOST_ROWS) if scored else ()
    page = _environment().get_template("submission.html")
    html = page.render(s=found, evaluations=evaluations, scored=scored, samples=samples, style=_style())
    return HTMLResponse(html, headers={"Content-Security-Policy": _policy()})


@router.get("/docs", response_class=HTMLResponse)
async def reference(request: Request) -> HTMLResponse:
    """Every route, schema and code, from the application's own OpenAPI description."""
    page = _environment().get_template("reference.html")
    html = page.render(api=request.app.openapi(), codes=EXPLANATIONS, style=_style())
    return HTMLResponse(html, headers={"Content-Security-Policy": _policy()})


def _decimal(score: Micro) -> str:
    return f"{score / MICRO:.4f}"


@cache
def _environment() -> Environment:
    environment = Environment(loader=PackageLoader("voice_api.web", "pages"), autoescape=True, undefined=StrictUndefined)
    environment.filters |= {"decimal": _decimal, "kind": kind_of}
    return environment


@cache
def _style() -> str:
    return resources.files("voice_api.web.pages").joinpath("leaderboard.css").read_text(encoding="utf-8")


@cache
def _policy() -> str:
    """Nothing may run or load but our own style sheet, which is named by its hash."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'"
