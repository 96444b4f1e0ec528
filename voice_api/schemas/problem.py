"""An error on the wire."""

from typing import Annotated

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
