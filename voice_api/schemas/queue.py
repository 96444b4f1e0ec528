"""The queue on the wire: running and waiting evaluations."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from scoring.types import EvaluationId, RoundNumber, SubmissionId
from voice_api.db.evaluations import QueueRow
from voice_api.db.states import EvaluationState, QueueName
from voice_api.schemas.eta import EtaRange
from voice_api.schemas.wire import Page, Ss58, Wire

EtaOut = Annotated[
    int | None,
    Field(
        description="Seconds until it starts; 0 once it runs, absent where no worker lives or nothing was measured.",
        examples=[420],
    ),
]


class QueueRowOut(Wire):
    """An evaluation that runs or waits; half of those like it start within `eta_p50_seconds`, nine in ten within `eta_p90_seconds`."""

    position: Annotated[int, Field(description="From 1 over all queues, running ones first.", examples=[7])]
    ahead: Annotated[int, Field(description="How many wait before it in its own queue.", examples=[3])]
    eta_p50_seconds: EtaOut
    eta_p90_seconds: EtaOut
    evaluation_id: EvaluationId
    submission_id: SubmissionId
    hotkey: Ss58
    repo: str
    revision: str
    round: RoundNumber
    queue: QueueName
    state: EvaluationState
    attempt: int
    failures: int
    stage: str | None
    done: int | None
    total: int | None
    due_at: datetime
    claimed_at: datetime | None

    @classmethod
    def of(cls, row: QueueRow, wait: EtaRange | None) -> Self:
        """Build it from the stored row and the estimate of its wait."""
        half, most = (None, None) if wait is None else (wait.p50_seconds, wait.p90_seconds)
        own = {name: getattr(row, name) for name in cls.model_fields if not name.startswith("eta_")}
        return cls(**own, eta_p50_seconds=half, eta_p90_seconds=most)


class QueuePage(Page[QueueRowOut]):
    """The queue in the order in which it is served; `next` is the next page's `after`, absent on the last page."""
