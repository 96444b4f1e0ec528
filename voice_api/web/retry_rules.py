"""Whether what failed is worth another try, by code."""

from http import HTTPStatus

from scoring.errors import Blame, Code
from voice_api.db.queue import RETRY_BUDGET
from voice_api.schemas.errors import Retry
from voice_api.web.problems import STATUS

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
    Code.REDIS_UNAVAILABLE,
    Code.CHAIN_UNAVAILABLE,
    Code.API_UNAVAILABLE,
    Code.PUBLISHING_FAILED,
}
_STATUSES = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


def rule(code: Code) -> Retry:
    """The rule for another try after a failure with this code."""
    match code.blame:
        case Blame.SUBMISSION:
            return Retry.NEVER
        case Blame.INFRASTRUCTURE:
            return Retry.BY_ITSELF
        case Blame.PLATFORM:
            return Retry.LATER if code in _PASSING or STATUS.get(code) in _STATUSES else Retry.CHANGED
