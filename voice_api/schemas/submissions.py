"""Commitments on the wire, as they come and as they stand."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, model_validator

from scoring.errors import Blame, Code
from scoring.types import Block, ContentHash, RoundNumber, SubmissionId, TensorsHash
from voice_api.db.records import Evaluation, NewSubmission, Submission
from voice_api.db.states import SubmissionState
from voice_api.schemas.evaluations import EvaluationOut
from voice_api.schemas.wire import NO_NUL, CodeOut, HeightIn, Hex32, Repo, Revision, ScoreOut, Ss58, Tag, Wire

MOST_SUBMISSIONS = 256


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
