"""The leaderboard as a page."""

import base64
import hashlib
from datetime import UTC, datetime
from functools import cache
from importlib import resources

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from scoring.types import MICRO, Micro
from voice_api.service import Served

router = APIRouter(include_in_schema=False)


@router.get("/", response_class=HTMLResponse)
async def leaderboard(service: Served) -> HTMLResponse:
    """The public table; it reloads itself and needs nothing from elsewhere."""
    page = _environment().get_template("leaderboard.html")
    html = page.render(
        rows=await service.submissions.leaderboard(),
        round=await service.rounds.latest(),
        registry=await service.registry.latest(),
        pending=await service.queue.pending_page(limit=8),
        style=_style(),
        now=datetime.now(UTC),
    )
    return HTMLResponse(html, headers={"Content-Security-Policy": _policy()})


def _decimal(score: Micro) -> str:
    return f"{score / MICRO:.4f}"


@cache
def _environment() -> Environment:
    environment = Environment(loader=PackageLoader("voice_api", "pages"), autoescape=True, undefined=StrictUndefined)
    environment.filters["decimal"] = _decimal
    return environment


@cache
def _style() -> str:
    return resources.files("voice_api.pages").joinpath("leaderboard.css").read_text(encoding="utf-8")


@cache
def _policy() -> str:
    """Nothing may run or load but our own style sheet, which is named by its hash."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'"
