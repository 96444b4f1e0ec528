"""What crosses the wire, with examples: the API serves these models and its clients parse them."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from scoring.errors import Blame, Code
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
from voice_api.db.records import Evaluation, Neuron, NewSubmission, RegistrySnapshot, Submission
from voice_api.db.states import EvaluationState, QueueName, SubmissionState
from voice_api.db.views import LeaderboardRow, QueueRow

MOST_SUBMISSIONS = 256
MOST_ROWS = 500

NO_NUL = r"^[^\x00]*$"
"""PostgreSQL's text holds every character but this one."""

Ss58 = Annotated[
    Hotkey, Field(min_length=1, max_length=64, pattern=NO_NUL, examples=["5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"])
]
HeightIn = Annotated[Block, Field(ge=0, lt=2**63, examples=[7_200])]
HashIn = Annotated[BlockHash, Field(pattern="^0x[0-9a-f]{64}$", examples=["0x" + "1f" * 32])]
Repo = Annotated[str, Field(max_length=61, pattern="^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$", examples=["miner/clear-voice"])]
Revision = Annotated[str, Field(pattern="^[0-9a-f]{40}$", examples=["2c" * 20])]
Hex32 = Annotated[str, Field(pattern="^[0-9a-f]{64}$", examples=["d4" * 32])]
Tag = Annotated[str, Field(pattern="^[0-9a-f]{32}$", examples=["9b" * 16])]
CodeOut = Annotated[Code | None, Field(description="Stable code of the reason, 1xxx: the submission's own.", examples=[1103])]
ScoreOut = Annotated[Micro | None, Field(description="Integers of 1e-6, 0 … 1,000,000; more is better.", examples=[713_204])]


class Wire(BaseModel):
    """Frozen, and nothing that is not declared."""

    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)


class Problem(Wire):
    """An error (RFC 9457), with a stable code and what to do about it."""

    type: Annotated[str, Field(examples=["urn:voice:problem:not-found"])]
    title: Annotated[str, Field(examples=["There is no such thing."])]
    status: Annotated[int, Field(examples=[404])]
    detail: Annotated[str, Field(examples=["there is no submission 7"])]
    code: Annotated[Code, Field(examples=[3004])]
    blame: Blame
    advice: Annotated[str, Field(examples=["Check the path and the id."])]
    request_id: Annotated[str, Field(examples=["0b7c2f0e9d1a4c55"])]


class NeuronIn(Wire):
    """A registered hotkey."""

    hotkey: Ss58
    uid: Annotated[Uid, Field(ge=0, le=65_535)]
    coldkey: Annotated[str, Field(max_length=64, pattern=NO_NUL)]
    registered_at_block: HeightIn
    immune_until_block: HeightIn


class RegistryIn(Wire):
    """The whole subnet at one block."""

    netuid: Annotated[int, Field(ge=0, le=65_535)]
    block: HeightIn
    block_hash: HashIn
    neurons: Annotated[tuple[NeuronIn, ...], Field(max_length=65_536)]

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        for values in ([neuron.uid for neuron in self.neurons], [neuron.hotkey for neuron in self.neurons]):
            if len(set(values)) != len(values):
                raise ValueError("a uid or a hotkey appears twice")
        return self

    def snapshot(self) -> RegistrySnapshot:
        """As the store takes it."""
        neurons = tuple(Neuron(**neuron.model_dump()) for neuron in sorted(self.neurons, key=lambda neuron: neuron.uid))
        return RegistrySnapshot(self.netuid, self.block, self.block_hash, neurons)


class RegistryOut(Wire):
    """Whether the snapshot was newer than the stored one."""

    stored: bool


class SubmissionIn(Wire):
    """A commitment as read from the chain; with `code` and `reason` when it is refused on its own."""

    hotkey: Ss58
    public_key: Hex32
    commit_block: HeightIn
    tiebreak: Hex32
    commitment: Annotated[str, Field(max_length=1024, pattern=NO_NUL)]
    repo: Repo | None = None
    revision: Revision | None = None
    tag: Tag | None = None
    code: Annotated[Code | None, Field(examples=[None])] = None
    reason: Annotated[str | None, Field(max_length=500, pattern=NO_NUL, examples=[None])] = None

    @model_validator(mode="after")
    def _is_whole_or_refused(self) -> Self:
        if self.code is None and None in (self.repo, self.revision, self.tag):
            raise ValueError("repo, revision and tag belong to every submission that is not refused")
        if self.code is not None and (self.code.blame is not Blame.SUBMISSION or not self.reason):
            raise ValueError("a refusal has a code of the submission's and a reason")
        return self

    def submission(self) -> NewSubmission:
        """As the store takes it."""
        return NewSubmission(**self.model_dump())


class SubmissionsIn(Wire):
    """Commitments to record, all or none."""

    submissions: Annotated[tuple[SubmissionIn, ...], Field(min_length=1, max_length=MOST_SUBMISSIONS)]


class SubmissionsOut(Wire):
    """The ids, in the order given; known commitments keep theirs."""

    ids: tuple[SubmissionId, ...]


class SubmissionOut(Wire):
    """A submission as it stands; score and stderr are of its last verdict."""

    id: SubmissionId
    hotkey: Ss58
    commit_block: Block
    commitment: str
    repo: str | None
    revision: str | None
    state: SubmissionState
    code: CodeOut
    reason: str | None
    content_hash: ContentHash | None
    tensors_hash: TensorsHash | None
    copy_of: SubmissionId | None
    created_at: datetime
    updated_at: datetime
    score: ScoreOut
    stderr: ScoreOut
    scored_round: RoundNumber | None


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


class SubmissionDetail(SubmissionOut):
    """A submission with its evaluations, newest round first."""

    evaluations: tuple[EvaluationOut, ...]

    @classmethod
    def of(cls, submission: Submission, evaluations: tuple[Evaluation, ...]) -> Self:
        """Put both together."""
        return cls(
            **SubmissionOut.model_validate(submission).model_dump(),
            evaluations=tuple(EvaluationOut.model_validate(evaluation) for evaluation in evaluations),
        )


class SubmissionPage(Wire):
    """Submissions, oldest first; `next` is the next page's `after`, absent on the last page."""

    items: tuple[SubmissionOut, ...]
    next: SubmissionId | None


class LeaderboardRowOut(Wire):
    """One line of the table; rank 1 is the best."""

    rank: int | None
    king: bool
    uid: Uid | None
    scored_rounds: int
    submission: SubmissionOut

    @classmethod
    def of(cls, row: LeaderboardRow) -> Self:
        """From the stored row."""
        return cls.model_validate(row)


class LeaderboardOut(Wire):
    """The public table."""

    rows: tuple[LeaderboardRowOut, ...]


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


class Part(Wire):
    """One thing that the API needs."""

    name: Literal["database", "migrations", "redis"]
    ready: bool


class Readiness(Wire):
    """Whether requests can be served, part by part."""

    ready: bool
    parts: tuple[Part, ...]
