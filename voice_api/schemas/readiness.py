"""Whether requests can be served, on the wire."""

from typing import Annotated, Literal

from pydantic import Field

from voice_api.schemas.wire import Wire


class Part(Wire):
    """One thing that the API needs, or that its answers depend on."""

    name: Literal["database", "migrations", "redis", "nonces", "registry", "dispatcher", "workers"]
    ready: bool
    needed: Annotated[
        bool, Field(description="Whether the API cannot serve without it; the others are told for the operator.")
    ] = True
    detail: Annotated[str | None, Field(description="What stands in the way, or how many.", examples=["2 cpu, 0 gpu"])] = None


class Readiness(Wire):
    """Whether requests can be served, part by part: all that are needed are ready."""

    ready: bool
    parts: tuple[Part, ...]
