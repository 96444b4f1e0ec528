"""The events of a submission on the wire."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from scoring.errors import Code
from scoring.types import EvaluationId
from voice_api.db.states import ActorKind, EvaluationState, EventKind, SubmissionState
from voice_api.schemas.wire import Page, Wire

StateOut = SubmissionState | EvaluationState


class EventOut(Wire):
    """One step of a submission, or of one of its evaluations."""

    id: Annotated[int, Field(examples=[90_211])]
    at: datetime
    kind: Annotated[EventKind, Field(description="Whose states these are.", examples=["evaluation"])]
    evaluation_id: Annotated[EvaluationId | None, Field(description="Which evaluation it had to do with.", examples=[28_113])]
    from_state: Annotated[StateOut | None, Field(description="Absent where a life begins.", examples=["running"])]
    to_state: Annotated[
        StateOut, Field(description="The same again where a verdict left the submission as it was.", examples=["queued"])
    ]
    code: Annotated[Code | None, Field(description="Why; 2xxx is ours and tried again.", examples=[2001])]
    actor: Annotated[ActorKind, Field(description="Who brought it about.", examples=["worker"])]


class EventPage(Page[EventOut]):
    """Events, oldest first; `next` is the next page's `after`, absent on the last page."""

    next: Annotated[int | None, Field(examples=[90_211])]
