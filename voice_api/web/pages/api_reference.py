"""The API's reference: every route, schema and code, from the application's own OpenAPI description."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from scoring.errors import EXPLANATIONS
from voice_api.web.pages.page import page
from voice_api.web.route import Route

router = APIRouter(include_in_schema=False, route_class=Route)


@router.get("/docs", response_class=HTMLResponse)
async def reference(request: Request) -> HTMLResponse:
    """The whole description on one page."""
    return page("reference.html", path="/docs", title="API", api=request.app.openapi(), codes=EXPLANATIONS)
