"""What runs and what waits, on the wire."""

from datetime import datetime
from typing import Self

from scoring.types import EvaluationId, RoundNumber, SubmissionId
from voice_api.db.states import EvaluationState, QueueName
from voice_api.db.views import QueueRow
from voice_api.schemas.wire import Ss58, Wire


class QueueRowOut(Wire):
    """An evaluation that runs or waits."""

    position: int
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

    @classmethod
    def of(cls, row: QueueRow) -> Self:
        """From the stored row."""
        return cls.model_validate(row)


class QueuePage(Wire):
    """The queue in the order in which it is served; `next` is the next page's `after`, absent on the last page."""

    items: tuple[QueueRowOut, ...]
    next: int | None
