"""The table of codes on the wire."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from scoring.errors import Blame, Code
from voice_api.schemas.wire import Wire


class Retry(StrEnum):
    """The rule for another try after a failure."""

    NEVER = "never"
    """Final: a verdict is never retried. Publish and commit anew."""
    BY_ITSELF = "by_itself"
    """We try again, with growing pauses and a bounded budget; then it is parked for the operator."""
    LATER = "later"
    """Send the same again after a pause (Retry-After says how long)."""
    CHANGED = "changed"
    """The same again fails the same way: change what the advice names first."""


class CodeRow(Wire):
    """A code, which never changes its meaning."""

    code: Annotated[Code, Field(examples=[2001])]
    name: Annotated[str, Field(examples=["hub-unavailable"])]
    meaning: Annotated[str, Field(examples=["The model hub did not answer as it should."])]
    advice: Annotated[str, Field(examples=["Nothing to do: it is tried again."])]
    blame: Annotated[Blame, Field(examples=["infrastructure"])]
    retry: Annotated[Retry, Field(examples=["by_itself"])]
    status: Annotated[
        int | None, Field(description="HTTP status of an answer with this code; none ends a request.", examples=[None])
    ]


class CodeTable(Wire):
    """Every code, in order."""

    rows: tuple[CodeRow, ...]
