"""The errors that routes document, from the codes that each may end with."""

from collections import defaultdict
from http import HTTPStatus
from typing import Any

from scoring.errors import EXPLANATIONS, Code
from voice_api.schemas import Problem
from voice_api.web.problems import STATUS

Responses = dict[int | str, dict[str, Any]]


def refusals(*codes: Code) -> Responses:
    """The OpenAPI responses of requests that may end with these codes, and with those of every request."""
    by_status: defaultdict[int, list[Code]] = defaultdict(list)
    for code in sorted({*codes, *_ALWAYS}):
        by_status[int(STATUS.get(code, HTTPStatus.INTERNAL_SERVER_ERROR))].append(code)
    return {status: _answer(meant) for status, meant in sorted(by_status.items())}


def _answer(codes: list[Code]) -> dict[str, Any]:
    told = " ".join(f"{code.value}: {EXPLANATIONS[code].meaning}" for code in codes)
    return {"model": Problem, "description": told, "x-codes": [code.value for code in codes]}


_ALWAYS = (Code.RATE_LIMITED, Code.INTERNAL)
_READ = (Code.REQUEST_INVALID, Code.DATABASE_UNAVAILABLE)
_SIGNED = (*_READ, Code.NOT_AUTHENTICATED, Code.RECEIVER_MISMATCH, Code.NOT_ALLOWED, Code.REDIS_UNAVAILABLE)
_WRITE = (*_SIGNED, Code.BODY_TOO_LARGE, Code.IDEMPOTENCY_MISMATCH, Code.STATE_CONFLICT)

PLAIN_ERRORS = refusals()
READ_ERRORS = refusals(*_READ)
LOOKUP_ERRORS = refusals(*_READ, Code.NOT_FOUND)
WATCH_ERRORS = refusals(*_SIGNED)
WRITE_ERRORS = refusals(*_WRITE)
ORDER_ERRORS = refusals(*_WRITE, Code.NOT_FOUND)
RECORDING_ERRORS = refusals(*_WRITE, Code.BANNED, Code.REGISTRY_STALE, Code.AUDIO_INVALID, Code.TEXT_INVALID)
"""The errors of a recording, which any registered hotkey may send."""
AUDIO_ERRORS: Responses = {
    **LOOKUP_ERRORS,
    416: {
        "model": Problem,
        "description": f"{Code.REQUEST_INVALID.value}: The range lies outside the file.",
        "x-codes": [Code.REQUEST_INVALID.value],
    },
}
