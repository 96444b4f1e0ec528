"""The table of codes: what each means, whose fault it is, and whether what failed is worth another try."""

from http import HTTPStatus

from fastapi import APIRouter

from scoring.errors import EXPLANATIONS, Blame, Code
from voice_api.db.queue import RETRY_BUDGET
from voice_api.schemas.errors import CodeRow, CodeTable, Retry
from voice_api.web.openapi import PLAIN_ERRORS
from voice_api.web.route import Route
from voice_api.web.statuses import STATUS

router = APIRouter(prefix="/v1/errors", tags=["errors"], route_class=Route)

RULES: dict[Retry, str] = {
    Retry.NEVER: "Final: a verdict is never retried. Publish and commit anew.",
    Retry.BY_ITSELF: (
        f"We try again up to {RETRY_BUDGET.per_evaluation} times, with growing pauses; after that, or after {RETRY_BUDGET.per_day} "
        "failures of one submission in 24 hours, it is parked for the operator."
    ),
    Retry.LATER: "Send the same again after a pause; where there is a Retry-After, it says how long.",
    Retry.CHANGED: "The same again fails the same way: change what the advice names first.",
}
"""Each rule in one sentence."""

_PASSING = {
    Code.DATABASE_UNAVAILABLE,
    Code.DATABASE_BUSY,
    Code.REDIS_UNAVAILABLE,
    Code.CHAIN_UNAVAILABLE,
    Code.API_UNAVAILABLE,
    Code.PUBLISHING_FAILED,
}
_STATUSES = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


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


def rule(code: Code) -> Retry:
    """The rule for another try after a failure with this code."""
    match code.blame:
        case Blame.SUBMISSION:
            return Retry.NEVER
        case Blame.INFRASTRUCTURE:
            return Retry.BY_ITSELF
        case Blame.PLATFORM:
            return Retry.LATER if code in _PASSING or STATUS.get(code) in _STATUSES else Retry.CHANGED
