"""Every code that a request can end with, and its HTTP status."""

from http import HTTPStatus

from scoring.errors import Code

STATUS: dict[Code, HTTPStatus] = {
    Code.REQUEST_INVALID: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.NOT_AUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    Code.RECEIVER_MISMATCH: HTTPStatus.UNAUTHORIZED,
    Code.NOT_ALLOWED: HTTPStatus.FORBIDDEN,
    Code.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.BODY_TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Code.BANNED: HTTPStatus.FORBIDDEN,
    Code.REGISTRY_STALE: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.RATE_LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
    Code.IDEMPOTENCY_MISMATCH: HTTPStatus.CONFLICT,
    Code.STATE_CONFLICT: HTTPStatus.CONFLICT,
    Code.AUDIO_INVALID: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.TEXT_INVALID: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.DATABASE_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.REDIS_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""Every code that a request can end with; any other is a fault of the service itself."""
