"""What people and metrics read: rows put together from several tables."""

from dataclasses import dataclass
from datetime import datetime

from scoring.errors import Code
from scoring.types import EvaluationId, Hotkey, RoundNumber, SubmissionId, Uid
from voice_api.db.records import Submission
from voice_api.db.states import ActorKind, EvaluationState, EventKind, ParkedWhy, QueueName, SubmissionState


@dataclass(frozen=True, slots=True)
class LeaderboardRow:
    """One line of the public table; `rank` counts scored submissions of registered hotkeys from 1, the king first."""

    rank: int | None
    king: bool
    uid: Uid | None
    scored_rounds: int
    submission: Submission


@dataclass(frozen=True, slots=True)
class QueueRow:
    """An evaluation that waits or runs; `position` counts from 1 over all queues, running ones first.

    `ahead` counts those that wait before it in its own queue.
    """

    position: int
    evaluation_id: EvaluationId
    submission_id: SubmissionId
    hotkey: Hotkey
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
    ahead: int
    claimed_at: datetime | None


@dataclass(frozen=True, slots=True)
class StuckRow:
    """An evaluation of an open round that waits for an operator."""

    evaluation_id: EvaluationId
    submission_id: SubmissionId
    hotkey: Hotkey
    round: RoundNumber
    queue: QueueName
    parked_why: ParkedWhy
    code: Code | None
    reason: str | None
    attempt: int
    failures: int
    host: str | None
    finished_at: datetime


@dataclass(frozen=True, slots=True)
class EventRow:
    """One step of a submission or of one of its evaluations; `evaluation_id` is None where no evaluation had to do with it.

    `from_state` is None where a life begins, and as `to_state` where a verdict changed nothing.
    """

    id: int
    at: datetime
    kind: EventKind
    evaluation_id: EvaluationId | None
    from_state: str | None
    to_state: str
    code: Code | None
    actor: ActorKind


@dataclass(frozen=True, slots=True)
class Depth:
    """How many evaluations of a queue are in one state."""

    queue: QueueName
    state: EvaluationState
    count: int


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    """How many submissions stand where, and for which reason."""

    state: SubmissionState
    code: Code | None
    count: int
