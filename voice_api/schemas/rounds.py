"""Rounds on the wire, and all that folding one reads: a validator that follows this one's evidence folds it for itself."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, Field

from scoring.errors import Code
from scoring.report import GroupReport
from scoring.types import Block, Entrant, EvaluationId, Micro, RoundNumber, SubmissionId
from voice_api.db.rounds import Eligibility, EvaluationResult, Round, RoundEvidence
from voice_api.db.states import EvaluationState, RoundState, SubmissionState
from voice_api.schemas.wire import NO_NUL, HashIn, Hex32, Page, ScoreOut, Wire

_TEXT = Field(pattern=NO_NUL)
_ENTRANT = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY@433012"


class RoundOut(Wire):
    """A round as it stands; its prompts follow from `block_hash` and the competition, so anybody can draw them again."""

    round: Annotated[RoundNumber, Field(examples=[1_204])]
    start_block: Annotated[Block, Field(examples=[433_440])]
    block_hash: HashIn
    deadline_block: Annotated[Block, Field(examples=[434_160])]
    competition_hash: Hex32
    state: RoundState
    pending: Annotated[int, Field(description="Evaluations without an end.", examples=[3])]

    def stored(self) -> Round:
        """Convert it to the store's record."""
        return Round(**self.model_dump())


class RoundPage(Page[RoundOut]):
    """Rounds, oldest first; `next` is the next page's `after`, absent on the last page."""

    next: Annotated[RoundNumber | None, Field(examples=[None])]


class EligibilityOut(Wire):
    """The submissions (hotkey@commit_block) that were eligible when a round closed, by the metagraph of `block`."""

    block: Annotated[Block, Field(examples=[434_160])]
    standing: Annotated[tuple[Entrant, ...], Field(examples=[[_ENTRANT]])]
    gone: Annotated[
        Mapping[Annotated[Entrant, _TEXT], Annotated[str, _TEXT]],
        Field(description="Of known others why they left.", examples=[{_ENTRANT: "deregistered"}]),
    ]

    @classmethod
    def of(cls, found: Eligibility) -> Self:
        """The eligibility as it is published."""
        return cls(block=found.block, standing=found.eligible, gone=found.gone)

    def eligibility(self) -> Eligibility:
        """The published eligibility in the database's type."""
        return Eligibility(self.block, self.standing, self.gone)


class GroupOut(Wire):
    """A group's score, as the database shows it."""

    id: Annotated[str, Field(examples=["single-03"])]
    kind: Annotated[str, Field(examples=["single"])]
    score: Annotated[Micro, Field(description="Integers of 1e-6; more is better.", examples=[713_204])]


class ResultOut(Wire):
    """One evaluation with its receipt, and its submission's commitment. Without a verdict there is no receipt."""

    evaluation_id: Annotated[EvaluationId, Field(examples=[28_113])]
    submission_id: Annotated[SubmissionId, Field(examples=[412])]
    hotkey: Annotated[str, _TEXT, Field(examples=[_ENTRANT.partition("@")[0]])]
    commit_block: Annotated[Block, Field(examples=[433_012])]
    tiebreak: Annotated[str, Field(description="Orders commitments of one block.", examples=["3b" * 32])]
    public_key: Annotated[str, Field(examples=["d4" * 32])]
    tag: Annotated[str | None, Field(description="Binds the committed content.", examples=["9b" * 16])]
    repo: Annotated[str | None, Field(examples=["miner/clear-voice"])]
    revision: Annotated[str | None, Field(examples=["2c" * 20])]
    track: Annotated[str | None, Field(description="Absent until its family, which decides it, is known.", examples=["small"])]
    state: EvaluationState
    submission_state: SubmissionState
    code: Annotated[Code | None, Field(examples=[None])]
    score: ScoreOut
    stderr: ScoreOut
    groups: tuple[GroupOut, ...]
    samples: Annotated[
        tuple[Mapping[str, Any], ...], Field(description="As a receipt lists them.", examples=[[{"score": 713_204}]])
    ]
    receipt: Annotated[Any, Field(description="As it was hashed and signed.", examples=[{"version": 6, "score": 713_204}])]
    receipt_hash: Annotated[str | None, Field(examples=["7e" * 32])]
    signature: Annotated[str | None, Field(description="The service key's, hex.", examples=["5c" * 64])]
    certificate: Annotated[Any, Field(description="Why the service key counts.", examples=[{"host": "worker-1"}])]
    finished_at: AwareDatetime | None

    def result(self) -> EvaluationResult:
        """The published result in the database's type."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        groups = tuple(GroupReport(group.id, group.kind, group.score) for group in self.groups)
        return EvaluationResult(**fields | {"groups": groups, "samples": tuple(dict(sample) for sample in self.samples)})


class EvidenceOut(Wire):
    """A round, its eligibility (null: nobody decided it), and every evaluation; final once the round is closed."""

    round: RoundOut
    roll: EligibilityOut | None
    results: tuple[ResultOut, ...]

    @classmethod
    def of(cls, found: RoundEvidence) -> Self:
        """A round's evidence as it is published."""
        return cls(
            round=RoundOut.model_validate(found.round),
            roll=None if found.eligibility is None else EligibilityOut.of(found.eligibility),
            results=tuple(ResultOut.model_validate(result) for result in found.results),
        )

    def evidence(self) -> RoundEvidence:
        """The published evidence in the database's types."""
        eligibility = None if self.roll is None else self.roll.eligibility()
        return RoundEvidence(self.round.stored(), eligibility, tuple(result.result() for result in self.results))
