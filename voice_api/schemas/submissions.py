"""Commitments on the wire: as they come, as they stand, and with their events."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, model_validator

from scoring.errors import Blame, Code
from scoring.types import Block, ContentHash, EvaluationId, RoundNumber, SubmissionId, TensorsHash
from voice_api.db.evaluations import Evaluation
from voice_api.db.states import ActorKind, EvaluationState, EventKind, SubmissionState
from voice_api.db.submissions import NewSubmission, Submission
from voice_api.schemas.evaluations import EvaluationOut
from voice_api.schemas.wire import NO_NUL, CodeOut, HeightIn, Hex32, Page, Repo, Revision, ScoreOut, Ss58, Tag, Wire

MOST_SUBMISSIONS = 256


class SubmissionIn(Wire):
    """A commitment as read from the chain; with `code` and `reason` when it is refused on its own."""

    hotkey: Ss58
    public_key: Hex32
    commit_block: HeightIn
    tiebreak: Hex32
    commitment: Annotated[
        str,
        Field(max_length=1024, pattern=NO_NUL, examples=[f"v2:miner/clear-voice:{'2c' * 20}:m5ubm5ubm5ubm5ubm5ubmw"]),
    ]
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
        """Convert it to the store's record."""
        return NewSubmission(**self.model_dump())


class SubmissionsIn(Wire):
    """Commitments to record, all or none."""

    submissions: Annotated[tuple[SubmissionIn, ...], Field(min_length=1, max_length=MOST_SUBMISSIONS)]


class SubmissionsOut(Wire):
    """The ids, in the order given; known commitments keep theirs."""

    ids: Annotated[tuple[SubmissionId, ...], Field(examples=[[412]])]


class CommitmentIn(Wire):
    """The name of a commitment."""

    hotkey: Ss58
    commit_block: HeightIn


class CommitmentsIn(Wire):
    """Commitments to look up."""

    commitments: Annotated[tuple[CommitmentIn, ...], Field(min_length=1, max_length=MOST_SUBMISSIONS)]


class CommitmentOut(Wire):
    """The record that the API holds of one commitment, and of its hotkey's cooldown."""

    recorded: Annotated[bool, Field(description="Whether this commitment was sent before.")]
    cooldown_from: Annotated[
        Block | None,
        Field(description="The newest block from which the hotkey's cooldown counts; null without any.", examples=[433_012]),
    ]


class CommitmentsOut(Wire):
    """The records of the commitments, in the order given."""

    commitments: tuple[CommitmentOut, ...]


class SubmissionOut(Wire):
    """A submission as it stands; score and stderr are of its last verdict."""

    id: Annotated[SubmissionId, Field(examples=[412])]
    hotkey: Ss58
    commit_block: Annotated[Block, Field(examples=[433_012])]
    commitment: Annotated[
        str, Field(description="As on chain.", examples=[f"v2:miner/clear-voice:{'2c' * 20}:m5ubm5ubm5ubm5ubm5ubmw"])
    ]
    repo: Annotated[str | None, Field(examples=["miner/clear-voice"])]
    revision: Annotated[str | None, Field(examples=["2c" * 20])]
    family: Annotated[str | None, Field(description="Absent before a worker has read its repository.", examples=["vits"])]
    state: Annotated[SubmissionState, Field(examples=["scored"])]
    code: Annotated[CodeOut, Field(examples=[None])]
    reason: Annotated[str | None, Field(examples=[None])]
    content_hash: Annotated[
        ContentHash | None, Field(description="Tensors, config and all that changes the sound.", examples=["4e" * 32])
    ]
    tensors_hash: Annotated[TensorsHash | None, Field(description="Tensors alone.", examples=["8a" * 32])]
    copy_of: Annotated[SubmissionId | None, Field(description="The earlier submission that it repeats.", examples=[None])]
    created_at: datetime
    updated_at: datetime
    score: ScoreOut
    stderr: Annotated[ScoreOut, Field(description="Standard error of the score, in the same unit.", examples=[9_120])]
    scored_round: Annotated[RoundNumber | None, Field(description="The round of its last verdict.", examples=[1_204])]
    track: Annotated[str | None, Field(description="The track of its last verdict: its family decides it.", examples=["small"])]


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


class SubmissionPage(Page[SubmissionOut]):
    """Submissions, oldest first; `next` is the next page's `after`, absent on the last page."""

    next: Annotated[SubmissionId | None, Field(examples=[412])]


StateOut = SubmissionState | EvaluationState


class EventOut(Wire):
    """One step of a submission, or of one of its evaluations."""

    id: Annotated[int, Field(examples=[90_211])]
    at: datetime
    kind: Annotated[EventKind, Field(description="Whose states these are.", examples=["evaluation"])]
    evaluation_id: Annotated[EvaluationId | None, Field(description="Which evaluation it had to do with.", examples=[28_113])]
    from_state: Annotated[StateOut | None, Field(description="Absent where a life begins.", examples=["running"])]
    to_state: Annotated[
        StateOut, Field(description="The same again where a verdict left the submission as it was.", examples=["queued"])
    ]
    code: Annotated[Code | None, Field(description="Why; 2xxx is ours and tried again.", examples=[2001])]
    actor: Annotated[ActorKind, Field(description="Who brought it about.", examples=["worker"])]


class EventPage(Page[EventOut]):
    """Events, oldest first; `next` is the next page's `after`, absent on the last page."""

    next: Annotated[int | None, Field(examples=[90_211])]
