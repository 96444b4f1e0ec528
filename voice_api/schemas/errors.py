"""Errors on the wire: the problem that a request ends with, and the table of every code."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field

from scoring.errors import EXPLANATIONS, Blame, Code
from voice_api.schemas.wire import Wire


class Problem(Wire):
    """An error (RFC 9457), with a stable code and what to do about it."""

    type: Annotated[str, Field(examples=["urn:voice:problem:not-found"])]
    title: Annotated[str, Field(examples=[EXPLANATIONS[Code.NOT_FOUND].meaning])]
    status: Annotated[int, Field(examples=[404])]
    detail: Annotated[str, Field(examples=["there is no submission 7"])]
    code: Annotated[Code, Field(examples=[3004])]
    blame: Blame
    advice: Annotated[str, Field(examples=[EXPLANATIONS[Code.NOT_FOUND].advice])]
    request_id: Annotated[str, Field(examples=["0b7c2f0e9d1a4c55"])]

    @classmethod
    def of(cls, code: Code, status: int, detail: str, request_id: str = "") -> Self:
        """The problem of a code, with all that the code itself says."""
        return cls(
            type=f"urn:voice:problem:{code.slug}",
            title=EXPLANATIONS[code].meaning,
            status=status,
            detail=detail,
            code=code,
            blame=code.blame,
            advice=EXPLANATIONS[code].advice,
            request_id=request_id,
        )


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
