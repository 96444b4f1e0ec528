"""Evaluations on the wire."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from scoring.errors import Code
from scoring.report import Factor
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


class AnchoredMetricOut(Wire):
    """A metric's mean over an evaluation's samples beside its two anchors, in the metric's own unit."""

    name: Annotated[str, Field(examples=["wer"])]
    bad: Annotated[float, Field(description="What counts as 0.", examples=[0.5])]
    human: Annotated[float, Field(description="What counts as 1.", examples=[0.02])]
    mean: Annotated[float, Field(description="Over the samples whose gates are open.", examples=[0.07])]
    utility: Annotated[float, Field(description="Of the mean, 0 … 1.", examples=[0.9])]


class AnchoredFactorOut(Wire):
    """A factor's mean over an evaluation's samples, and its metrics, the worst first."""

    name: Factor
    weight: Annotated[float, Field(description="In the score, 0 … 1.", examples=[0.35])]
    utility: Annotated[float, Field(description="Mean of the samples', 0 … 1.", examples=[0.87])]
    metrics: tuple[AnchoredMetricOut, ...]


class AnchoredFactorsOut(Wire):
    """The means behind an evaluation; none where every gate was closed, or where its round had other rules than this API."""

    factors: tuple[AnchoredFactorOut, ...]
