"""One submission in one round on the wire."""

from datetime import datetime

from scoring.errors import Code
from scoring.types import EvaluationId, RoundNumber
from voice_api.db.states import EvaluationState, QueueName
from voice_api.schemas.wire import ScoreOut, Wire


class EvaluationOut(Wire):
    """One submission in one round; `code` 2xxx is ours and tried again."""

    id: EvaluationId
    round: RoundNumber
    queue: QueueName
    state: EvaluationState
    attempt: int
    failures: int
    stage: str | None
    done: int | None
    total: int | None
    code: Code | None
    reason: str | None
    score: ScoreOut
    stderr: ScoreOut
    receipt_hash: str | None
    finished_at: datetime | None
