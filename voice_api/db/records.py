"""What the database holds, as frozen values: the only form in which rows cross the border of this package."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from scoring.errors import Code
from scoring.report import EvaluationReport, GroupReport
from scoring.types import (
    Block,
    BlockHash,
    ContentHash,
    EvaluationId,
    Hotkey,
    Micro,
    RoundNumber,
    SubmissionId,
    TensorsHash,
    Uid,
)
from voice_api.db.causes import Cause
from voice_api.db.states import EvaluationState as EvaluationState
from voice_api.db.states import ParkedWhy as ParkedWhy
from voice_api.db.states import QueueName as QueueName
from voice_api.db.states import RoundState as RoundState
from voice_api.db.states import SubmissionState as SubmissionState
from voice_api.db.states import VerdictState as VerdictState

JsonObject = Mapping[str, Any]
"""A JSON object: finite numbers only."""


@dataclass(frozen=True, slots=True)
class Neuron:
    """A registered hotkey; it cannot be pruned before `immune_until_block`."""

    hotkey: Hotkey
    uid: Uid
    coldkey: str
    registered_at_block: Block
    immune_until_block: Block


@dataclass(frozen=True, slots=True)
class RegistrySnapshot:
    """The subnet's neurons at one block, in the order of their uids."""

    netuid: int
    block: Block
    block_hash: BlockHash
    neurons: tuple[Neuron, ...]


@dataclass(frozen=True, slots=True)
class NewSubmission:
    """A commitment as read from the chain.

    `code` and `reason` are set when it is refused on its own; repo, revision and tag may then be None.
    `public_key` is 64 hex digits, `tiebreak` the hex sha256(block hash ‖ public key) that orders commitments of one block.
    """

    hotkey: Hotkey
    public_key: str
    commit_block: Block
    tiebreak: str
    commitment: str
    repo: str | None = None
    revision: str | None = None
    tag: str | None = None
    code: Code | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """A submission as it stands. `score` and `stderr` are of its last verdict, in `scored_round`; None before the first."""

    id: SubmissionId
    hotkey: Hotkey
    public_key: str
    commit_block: Block
    tiebreak: str
    commitment: str
    repo: str | None
    revision: str | None
    tag: str | None
    state: SubmissionState
    code: Code | None
    reason: str | None
    content_hash: ContentHash | None
    tensors_hash: TensorsHash | None
    copy_of: SubmissionId | None
    created_at: datetime
    updated_at: datetime
    score: Micro | None
    stderr: Micro | None
    scored_round: RoundNumber | None


@dataclass(frozen=True, slots=True)
class TagRecord:
    """A tag that some submission carries: who owned which content first is found by trying all of them."""

    submission_id: SubmissionId
    hotkey: Hotkey
    public_key: str
    commit_block: Block
    tiebreak: str
    tag: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """What deciding about a round needs to know of a submission.

    `uid` and `immune_until_block` are None when the hotkey is not registered. `scored_rounds` counts verdicts with a score;
    `last_score` and `last_stderr` are of the latest one. `last_round` is the latest round that asked for it, whatever came of it.
    `recent_failures` counts infrastructure failures of the last 24 hours. `succeeded_at` is set for one whose hotkey committed again,
    while nothing later of it has a verdict: the block of the first such commitment.
    """

    id: SubmissionId
    hotkey: Hotkey
    commit_block: Block
    tiebreak: str
    state: SubmissionState
    uid: Uid | None
    immune_until_block: Block | None
    scored_rounds: int
    last_score: Micro | None
    last_stderr: Micro | None
    last_round: RoundNumber | None
    recent_failures: int
    succeeded_at: Block | None = None


@dataclass(frozen=True, slots=True)
class Fate:
    """Where a submission stands, and why it was refused if it was.

    `superseded` says that its hotkey committed again, `last_round` is the latest round that asked for it.
    """

    hotkey: Hotkey
    commit_block: Block
    state: SubmissionState
    code: Code | None
    superseded: bool
    last_round: RoundNumber | None


@dataclass(frozen=True, slots=True)
class NewRound:
    """A round as the validator opens it."""

    round: RoundNumber
    start_block: Block
    block_hash: BlockHash
    deadline_block: Block
    competition_hash: str


@dataclass(frozen=True, slots=True)
class Round:
    """A round as stored; `pending` counts evaluations that are not terminal."""

    round: RoundNumber
    start_block: Block
    block_hash: BlockHash
    deadline_block: Block
    competition_hash: str
    state: RoundState
    pending: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A submission that a round asks for; a lower `priority` is sooner."""

    submission_id: SubmissionId
    queue: QueueName
    priority: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A leased evaluation with everything that judging it needs. `token` fences out whoever lost the lease.

    `attempt` counts claims from 1, `failures` the infrastructure failures before this one; `causes` are the earlier unforeseen
    failures of the same submission, in any round.
    """

    evaluation_id: EvaluationId
    token: UUID
    worker: str
    queue: QueueName
    attempt: int
    failures: int
    submission_id: SubmissionId
    hotkey: Hotkey
    public_key: str
    commit_block: Block
    tiebreak: str
    repo: str
    revision: str
    tag: str
    round: RoundNumber
    start_block: Block
    block_hash: BlockHash
    competition_hash: str
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an evaluation ends: scored with a report, rejected with a code, or a copy of an earlier submission.

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


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One submission in one round, as people see it; `claimed_at` is of its last claim."""

    id: EvaluationId
    submission_id: SubmissionId
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
    score: Micro | None
    stderr: Micro | None
    receipt_hash: str | None
    finished_at: datetime | None
    created_at: datetime
    claimed_at: datetime | None
    parked_why: ParkedWhy | None


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """What folding a round reads of an evaluation.

    `groups` and `samples` are empty unless it was scored; samples have the form in which a receipt lists them. Without a verdict
    there is no receipt; `signature` and `certificate` are None as well where it was judged before receipts were signed.
    """

    evaluation_id: EvaluationId
    submission_id: SubmissionId
    hotkey: Hotkey
    commit_block: Block
    tiebreak: str
    public_key: str
    tag: str | None
    repo: str | None
    revision: str | None
    state: EvaluationState
    submission_state: SubmissionState
    code: Code | None
    score: Micro | None
    stderr: Micro | None
    groups: tuple[GroupReport, ...]
    samples: tuple[JsonObject, ...]
    receipt: JsonObject | None
    receipt_hash: str | None
    signature: str | None
    certificate: JsonObject | None
    finished_at: datetime | None
