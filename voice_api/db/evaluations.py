"""Evaluations as values: a claim, a verdict, a row of the queue; and as people see them, with their samples and receipts."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from scoring.errors import Code
from scoring.receipts.receipt import Subject
from scoring.report import EvaluationReport, Flag
from scoring.types import Block, ContentHash, EvaluationId, Hotkey, Micro, PublicKey, RoundNumber, SubmissionId, Tag, TensorsHash
from voice_api.db.copies import NearCopyOrder, SketchRecord
from voice_api.db.database import JsonObject
from voice_api.db.states import EvaluationState, ParkedWhy, QueueName, VerdictState


@dataclass(frozen=True, slots=True)
class Cause:
    """One unforeseen failure on one host. Equal `cause` texts are the same failure: seen on another host, it is the submission's."""

    host: str
    code: Code
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim(Subject):
    """A receipt's subject, leased to one worker, with what else judging it needs."""

    evaluation_id: EvaluationId
    token: UUID  # fences out a worker that lost the lease
    worker: str
    queue: QueueName
    attempt: int  # counts claims from 1
    failures: int  # infrastructure failures before this claim
    submission_id: SubmissionId
    public_key: PublicKey
    tiebreak: str  # orders commitments of one block
    tag: Tag  # binds the content to the hotkey, hex
    start_block: Block  # of the round
    moved: bool = False  # by a worker of another queue, to this one
    causes: tuple[Cause, ...] = ()  # earlier unforeseen failures of the same submission, in any round


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The end of an evaluation: scored with a report, rejected with a code, or a copy of an earlier submission.

    `code` and `reason` are set unless scored, `copy_of` only for a copy. Without a report the score is 0. `signature` (hex) is the
    worker's, over the receipt (see `scoring.receipts.receipt`), `certificate` why it counts.
    """

    state: VerdictState
    receipt: JsonObject
    receipt_hash: str
    signature: str
    certificate: JsonObject
    code: Code | None = None
    reason: str | None = None
    content_hash: ContentHash | None = None
    tensors_hash: TensorsHash | None = None
    copy_of: SubmissionId | None = None
    report: EvaluationReport | None = None
    family: str | None = None
    """The family that its repository names, and the track that this decides; None where it was rejected before that was known."""
    track: str | None = None
    sketch: SketchRecord | None = None
    """The sketch of its model; None where it was not taken."""
    near: tuple[NearCopyOrder, ...] = ()
    """Whom it found near another: itself, or later ones of which it is the original."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """An evaluation (one submission in one round) as people see it; `claimed_at` is of its last claim."""

    id: EvaluationId
    submission_id: SubmissionId
    round: RoundNumber
    track: str | None
    """None until its family, which decides the track, is known."""
    queue: QueueName
    state: EvaluationState
    attempt: int
    failures: int
    stage: str | None
    done: int | None
    total: int | None
    code: Code | None
    reason: str | None
    score: Micro | None
    stderr: Micro | None
    receipt_hash: str | None
    finished_at: datetime | None
    created_at: datetime
    claimed_at: datetime | None
    parked_why: ParkedWhy | None


@dataclass(frozen=True, slots=True, kw_only=True)
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
    track: str | None
    """None until its family, which decides the track, is known."""
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
class Depth:
    """The number of evaluations of one queue in one state."""

    queue: QueueName
    state: EvaluationState
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRow:
    """One sample; `position` counts from 0 in the round's own order, `rate` is in Hz, `seconds` of wall-clock to speak it.

    `reason` says why it failed, if it did; `heard` are the words that the judges heard.
    """

    position: int
    prompt_id: str
    group_id: str
    score: Micro
    gate: str | None
    metrics: JsonObject
    utilities: JsonObject
    pcm_sha256: str
    rate: int
    seconds: float
    reason: str
    heard: str
    flags: tuple[Flag, ...]
    """What its receipt says was noticed; a kind that this release does not know is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """`receipt` is the JSON text that was hashed and signed; the last two are None where it was judged before receipts were signed."""

    evaluation_id: EvaluationId
    receipt_hash: str
    receipt: str
    signature: str | None
    certificate: JsonObject | None
