"""Headers of every answer, the server's own 500 included: browsers guess nothing, frame nothing, run nothing and keep nothing."""

from starlette.datastructures import MutableHeaders

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""For every answer that does not bring its own."""


def complete(headers: MutableHeaders, request_id: str) -> None:
    """Add what the answer does not say itself, and the request's id."""
    headers["X-Request-Id"] = request_id
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
