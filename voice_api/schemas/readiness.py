"""Whether requests can be served, on the wire."""

from typing import Literal

from voice_api.schemas.wire import Wire


class Part(Wire):
    """One thing that the API needs."""

    name: Literal["database", "migrations", "redis"]
    ready: bool


class Readiness(Wire):
    """Whether requests can be served, part by part."""

    ready: bool
    parts: tuple[Part, ...]
