"""The table of codes, as data."""

from fastapi import APIRouter

from scoring.errors import EXPLANATIONS
from voice_api.schemas.errors import CodeRow, CodeTable
from voice_api.web.problems import STATUS
from voice_api.web.retry_rules import rule
from voice_api.web.routes.errors import PLAIN_ERRORS
from voice_api.web.routes.route import Route

router = APIRouter(prefix="/v1/errors", tags=["errors"], route_class=Route)


@router.get("", responses=PLAIN_ERRORS)
async def table() -> CodeTable:
    """Every code: what it means, what to do, whose fault it is, whether it is tried again, and its HTTP status."""
    return CodeTable(
        rows=tuple(
            CodeRow(
                code=code,
                name=code.slug,
                meaning=said.meaning,
                advice=said.advice,
                blame=code.blame,
                retry=rule(code),
                status=STATUS.get(code),
            )
            for code, said in sorted(EXPLANATIONS.items())
        )
    )
