"""Records of a miner's journal, one a line, and the state that they add up to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from neurons.miner.publish_decision import End, Step
from scoring.types import Block, BlockHash, ContentHash, Micro


class TrialVerdict(StrEnum):
    """The verdict on a checkpoint."""

    CHOSEN = "chosen"
    NOT_BETTER = "not_better"
    REJECTED = "rejected"
    """By the validator's own checks, or by its evaluation."""
    DECLINED = "declined"
    """By the person who was asked."""
    SUBMITTED = "submitted"
    """The hotkey submitted it last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRecord:
    """A model was scored."""

    model: str
    """A content hash, or repo@revision."""
    block_hash: BlockHash
    """The prompts were drawn from it."""
    rules: str
    """A competition's hash."""
    groups: tuple[Micro, ...]
    score: Micro
    stderr: Micro
    kind: Literal["scored"] = "scored"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointJudged:
    """A checkpoint got its verdict."""

    look: str
    """The digest of its folder's listing."""
    folder: Path
    content: ContentHash
    """'' where its files could not be read."""
    verdict: TrialVerdict
    against: str
    """The name of the model that it was compared with; '' for none."""
    why: str
    kind: Literal["judged"] = "judged"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepBegun:
    """A step of publishing is about to be taken."""

    step: Step
    content: ContentHash
    repo: str
    block: Block
    """The newest block at that time."""
    kind: Literal["begun"] = "begun"


@dataclass(frozen=True, slots=True)
class StepTaken:
    """A step of publishing happened; `result` is the revision of an upload, the block of a commitment, else ''."""

    step: Step
    content: ContentHash
    result: str
    kind: Literal["taken"] = "taken"


@dataclass(frozen=True, slots=True)
class CommitmentVoid:
    """The chain refused a commitment that was begun: it is in no block."""

    content: ContentHash
    kind: Literal["void"] = "void"


@dataclass(frozen=True, slots=True)
class PublishingEnded:
    """Publishing a chosen model is over."""

    content: ContentHash
    end: End
    kind: Literal["ended"] = "ended"


Record = ScoreRecord | CheckpointJudged | StepBegun | StepTaken | CommitmentVoid | PublishingEnded
_RECORD: TypeAdapter[Record] = TypeAdapter(Annotated[Record, Field(discriminator="kind")])


def encode(record: Record) -> bytes:
    """One line of JSON, without its end."""
    return _RECORD.dump_json(record)


def decode(line: bytes) -> Record:
    """Decode a line; raises ValueError for one that no version wrote."""
    return _RECORD.validate_json(line)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenModel:
    """The model that is to be published, and the progress of that."""

    content: ContentHash
    folder: Path
    begun: bool = False
    """A step was begun."""
    revision: str = ""
    """The uploaded revision, found to be the model; '' while there is none."""
    signed: Block | None = None
    """The newest block when its commitment was first begun, unless the chain refused every one.

    Only `PublishingEnded` tells that the commitment was seen on the chain.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalState:
    """The state that all records add up to."""

    scores: Mapping[tuple[str, BlockHash, str], ScoreRecord] = field(default_factory=dict)
    """By model, block hash and rules."""
    looks: frozenset[str] = frozenset()
    """Listings that have a verdict."""
    contents: frozenset[ContentHash] = frozenset()
    """Models that have a verdict."""
    tested: Mapping[str, int] = field(default_factory=dict)
    """The number of checkpoints that were tried against each submission."""
    chosen: ChosenModel | None = None


def remember(records: Iterable[Record]) -> JournalState:
    """The journal after all records, oldest first."""
    state = JournalState()
    for record in records:
        state = after(state, record)
    return state


def after(state: JournalState, record: Record) -> JournalState:
    """The journal after one more record."""
    match record:
        case ScoreRecord():
            return replace(state, scores={**state.scores, (record.model, record.block_hash, record.rules): record})
        case CheckpointJudged():
            return _judged(state, record)
        case PublishingEnded():
            return replace(state, chosen=None)
        case StepBegun() | StepTaken() | CommitmentVoid():
            return replace(state, chosen=None if state.chosen is None else _further(state.chosen, record))


def _judged(state: JournalState, record: CheckpointJudged) -> JournalState:
    known = state.contents | {record.content} if record.content else state.contents
    tested = state.tested
    if record.against and record.verdict in (TrialVerdict.CHOSEN, TrialVerdict.NOT_BETTER):
        tested = {**tested, record.against: tested.get(record.against, 0) + 1}
    chosen = state.chosen
    if record.verdict is TrialVerdict.CHOSEN:
        chosen = ChosenModel(content=record.content, folder=record.folder)
    elif chosen is not None and record.content == chosen.content:
        chosen = None
    return replace(state, looks=state.looks | {record.look}, contents=known, tested=tested, chosen=chosen)


def _further(chosen: ChosenModel, record: StepBegun | StepTaken | CommitmentVoid) -> ChosenModel:
    match record:
        case StepBegun(step=Step.COMMIT):
            return replace(chosen, begun=True, signed=record.block if chosen.signed is None else chosen.signed)
        case StepBegun():
            return replace(chosen, begun=True)
        case StepTaken(Step.UPLOAD):
            return replace(chosen, revision=record.result)
        case StepTaken():
            return chosen
        case CommitmentVoid():
            return replace(chosen, signed=None)
