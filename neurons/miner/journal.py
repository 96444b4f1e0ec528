"""A miner's journal: its records, the state that they add up to, and the file that only grows, on disk before anything else happens."""

import fcntl
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, BinaryIO, Literal, Self

from pydantic import Field, TypeAdapter

from neurons.miner.publish_decision import End, Step
from scoring.errors import Code, PlatformError
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
    track: str
    """The track that its family competes in."""
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


class Journal:
    """The records of one hotkey on one chain, and the state that they add up to.

    Raises PlatformError(SETTING_INVALID) when it cannot be used, or when another process holds it.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = path.open("a+b")
        except OSError as exc:
            raise _unusable(path, f"cannot be used ({exc.strerror}): name another VOICE_DATA") from exc
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.state: JournalState = remember(self._read(path))
        except BlockingIOError as exc:
            self._file.close()
            raise _unusable(path, "is held by another miner: one a hotkey, or both would commit") from exc
        except ValueError as exc:
            self._file.close()
            raise _unusable(path, "holds a line that no version wrote: move it away to begin anew") from exc

    def write(self, record: Record) -> None:
        """Add a record; it is on disk when this returns."""
        self._file.write(encode(record) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.state = after(self.state, record)

    def __enter__(self) -> Self:
        """Hold it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let another process have it."""
        self._file.close()

    def _read(self, path: Path) -> list[Record]:
        """Read all whole lines. The rest of a line that a kill left was never acted upon: it is cut off."""
        data = path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            self._file.truncate(whole)
        return [decode(line) for line in data[:whole].splitlines()]


def _unusable(path: Path, why: str) -> PlatformError:
    return PlatformError(Code.SETTING_INVALID, f"The journal {path} {why}.")
