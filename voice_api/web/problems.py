"""Errors as problem+json, or as a page where a browser asks for one: never a stack, never a secret."""

import math
from http import HTTPStatus

import structlog
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from scoring.errors import EXPLANATIONS, Code, VoiceError, with_advice
from scoring.foreign_words import printable
from voice_api.errors import TooManyRequests
from voice_api.schemas import Problem
from voice_api.web.middleware import complete_headers
from voice_api.web.pages.error import error_page, wants_page
from voice_api.web.speech.openai_form import OPENAI_SPEECH, openai_error
from voice_api.web.statuses import STATUS

log = structlog.get_logger()

_BY_STATUS = {
    HTTPStatus.NOT_FOUND: Code.NOT_FOUND,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Code.BODY_TOO_LARGE,
    HTTPStatus.TOO_MANY_REQUESTS: Code.RATE_LIMITED,
}
_HEADERS: dict[HTTPStatus, dict[str, str]] = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "btauth"},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": "5"},
}


def problem(request: Request, code: Code, detail: str, status: HTTPStatus | None = None) -> Response:
    """The response for a code, in the form that the caller reads; `status` only where HTTP itself asks for another one."""
    chosen = status or STATUS.get(code, HTTPStatus.INTERNAL_SERVER_ERROR)
    detail = printable(detail, lines=True)  # it may name what was sent
    body = Problem.of(code, chosen, detail, getattr(request.state, "request_id", ""))
    if request.url.path == OPENAI_SPEECH:
        return openai_error(chosen, with_advice(detail, code), code.slug, _HEADERS.get(chosen, {}))
    headers = {"Vary": "Accept", **_HEADERS.get(chosen, {})}
    if wants_page(request):
        return error_page(body, headers)
    return JSONResponse(body.model_dump(mode="json"), chosen, headers, media_type="application/problem+json")


async def on_voice_error(request: Request, exc: Exception) -> Response:
    """An error of this project: its code and detail are safe to show when it is a request's, and only logged when it is not."""
    if not isinstance(exc, VoiceError):
        raise exc
    if exc.code is Code.STORE_UNAVAILABLE:
        log.error("the store does not answer", detail=exc.detail)  # which names folders and addresses: for the operator alone
        return problem(request, exc.code, EXPLANATIONS[exc.code].meaning)
    if exc.code is Code.AUDIO_DAMAGED:
        log.error("a kept sound is damaged", detail=exc.detail)
    if exc.code in STATUS:
        answer = problem(request, exc.code, exc.detail)
        if isinstance(exc, TooManyRequests):
            answer.headers["Retry-After"] = str(math.ceil(exc.retry_after.total_seconds()))
        return answer
    log.error("request failed", code=exc.code, detail=exc.detail, path=request.url.path)
    return problem(request, Code.INTERNAL, EXPLANATIONS[Code.INTERNAL].meaning)


async def on_invalid_request(request: Request, exc: Exception) -> Response:
    """A body, path or query that does not fit: where, and why, but not what was sent."""
    if not isinstance(exc, RequestValidationError):
        raise exc
    faults = "; ".join(f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}" for error in exc.errors()[:10])
    return problem(request, Code.REQUEST_INVALID, faults)


async def on_http_error(request: Request, exc: Exception) -> Response:
    """A refusal of the framework: unknown paths, wrong methods, bodies that are too large."""
    if not isinstance(exc, HTTPException):
        raise exc
    status = HTTPStatus(exc.status_code)
    code = _BY_STATUS.get(status, Code.REQUEST_INVALID if status < HTTPStatus.INTERNAL_SERVER_ERROR else Code.INTERNAL)
    answer = problem(request, code, str(exc.detail), status)
    answer.headers.update(exc.headers or {})
    return answer


async def on_disconnect(request: Request, exc: Exception) -> Response:
    """The caller left in the middle of its body: no fault of ours, and nobody reads the answer."""
    if not isinstance(exc, ClientDisconnect):
        raise exc
    return problem(request, Code.REQUEST_INVALID, "the body broke off", HTTPStatus.BAD_REQUEST)


async def on_bug(request: Request, exc: Exception) -> Response:
    """Anything else is a bug: its stack goes to the log, and nothing of it to the caller."""
    request_id = getattr(request.state, "request_id", "")  # told here: this runs outside of what names the request's log lines
    log.error("request failed", request=request_id, path=request.url.path, exc_info=exc)
    answer = problem(request, Code.INTERNAL, EXPLANATIONS[Code.INTERNAL].meaning)
    complete_headers(answer.headers, getattr(request.state, "request_id", ""))  # it is sent outside of every middleware
    return answer
