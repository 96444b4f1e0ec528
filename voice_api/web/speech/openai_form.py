"""The form in which OpenAI's clients understand an error, and the path whose errors have it."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi.responses import JSONResponse

from voice_api.schemas.speech import OpenAiErrorDetail, OpenAiErrorOut
from voice_api.web.openapi import Responses

OPENAI_SPEECH = "/v1/audio/speech"
NO_RETRY = {"X-Should-Retry": "false"}
"""Their clients try again what they take for a passing failure, and spend the address's budget on it."""
_MEANINGS = {
    403: "The operator has not switched this on.",
    404: "There is no such voice.",
    413: "The body is too large.",
    422: "The text, the description or an option cannot be served; the message names it.",
    429: "Too many sentences were asked for; Retry-After says how long to wait.",
    500: "The service failed.",
    502: "The model did not say it, or a worker failed; the message has the reason.",
    503: "PostgreSQL or Redis cannot be reached.",
    504: "It was not spoken in time; Location says where it will be.",
}
OPENAI_ERRORS: Responses = {status: {"model": OpenAiErrorOut, "description": meaning} for status, meaning in _MEANINGS.items()}


def openai_error(status: HTTPStatus, message: str, code: str, headers: Mapping[str, str]) -> JSONResponse:
    """An error as OpenAI's clients read it."""
    match status:
        case HTTPStatus.TOO_MANY_REQUESTS:
            kind = "rate_limit_error"
        case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            kind = "server_error"
        case _:
            kind = "invalid_request_error"
    body = OpenAiErrorOut(error=OpenAiErrorDetail(message=message, type=kind, param=None, code=code))
    return JSONResponse(body.model_dump(), status, dict(headers))
