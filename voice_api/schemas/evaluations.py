"""Evaluations on the wire."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from scoring.errors import Code
from scoring.types import EvaluationId, RoundNumber, SubmissionId
from voice_api.db.states import EvaluationState, ParkedWhy, QueueName
from voice_api.schemas.wire import Page, ScoreOut, Wire


class EvaluationOut(Wire):
    """An evaluation: one submission in one round; `code` 2xxx is ours and tried again."""

    id: Annotated[EvaluationId, Field(examples=[28_113])]
    submission_id: Annotated[SubmissionId, Field(examples=[412])]
    round: Annotated[RoundNumber, Field(examples=[1_204])]
    track: Annotated[str | None, Field(description="Absent until its family, which decides it, is known.", examples=["small"])]
    queue: QueueName
    state: EvaluationState
    attempt: Annotated[int, Field(description="Claims so far.", examples=[1])]
    failures: Annotated[int, Field(description="Of ours, so far.", examples=[0])]
    stage: Annotated[str | None, Field(description="What its worker does.", examples=["speak"])]
    done: Annotated[int | None, Field(description="Of the stage's `total`.", examples=[12])]
    total: Annotated[int | None, Field(examples=[44])]
    code: Annotated[Code | None, Field(examples=[None])]
    reason: Annotated[str | None, Field(examples=[None])]
    score: ScoreOut
    stderr: ScoreOut
    receipt_hash: Annotated[str | None, Field(description="Its receipt is at /v1/receipts/{hash}.", examples=["7e" * 32])]
    finished_at: datetime | None
    created_at: datetime
    claimed_at: Annotated[datetime | None, Field(description="When a worker took it last.")]
    parked_why: Annotated[ParkedWhy | None, Field(description="Why it has no verdict and waits for nobody.", examples=[None])]


class EvaluationPage(Page[EvaluationOut]):
    """Evaluations, oldest first; `next` is the next page's `after`, absent on the last page."""

    next: Annotated[EvaluationId | None, Field(examples=[28_113])]
