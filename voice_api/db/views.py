"""What people and metrics read: rows put together from several tables."""

from dataclasses import dataclass
from datetime import datetime

from scoring.errors import Code
from scoring.types import EvaluationId, Hotkey, RoundNumber, SubmissionId, Uid
from voice_api.db.records import Submission
from voice_api.db.states import EvaluationState, ParkedWhy, QueueName, SubmissionState


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
