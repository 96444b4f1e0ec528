"""The table of codes on the wire."""

from typing import Annotated

from pydantic import Field

from scoring.errors import Blame, Code
from voice_api.retry_rules import Retry
from voice_api.schemas.wire import Wire


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
