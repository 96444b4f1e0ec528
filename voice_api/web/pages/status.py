"""How the service stands, part by part, in words; shown while the database is away, too."""

from collections.abc import Mapping

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from voice_api.schemas.status import IncidentKind
from voice_api.web.dependencies import ServiceDep
from voice_api.web.pages.page import page
from voice_api.web.route import Route
from voice_api.web.routes import status as answers

router = APIRouter(include_in_schema=False, route_class=Route)

PARTS: Mapping[str, str] = {
    "database": "PostgreSQL, which holds everything that is decided",
    "migrations": "The database's tables are those of this release",
    "redis": "Redis, which wakes workers and counts requests",
    "nonces": "Signed requests can be told from repeated ones",
    "registry": "The list of registered hotkeys, as the model queue last read it from the chain",
    "dispatcher": "One dispatcher leads: it hands due work to workers",
    "workers": "Workers, which let models speak and judge them",
}
"""Each part in words."""
INCIDENTS: Mapping[IncidentKind, str] = {
    IncidentKind.BUDGET: "evaluations wait for the operator: our side failed too often on them. No miner loses by it",
    IncidentKind.OPERATOR: "evaluations were set aside by the operator",
    IncidentKind.DRAINED: "hosts are drained: they end what runs there and take nothing new",
}
"""Each incident in words, after its number."""


@router.get("/status", response_class=HTMLResponse)
async def status(service: ServiceDep) -> HTMLResponse:
    """What `/v1/status` answers."""
    found = await answers.get(service, Response())
    answer = page("status.html", path="/status", title="Status", found=found, words=PARTS, incidents=INCIDENTS)
    answer.headers["Cache-Control"] = "no-store"
    return answer
