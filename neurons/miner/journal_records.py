"""What a miner's journal holds, one record a line, and what they all say together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from neurons.miner.publish_decision import End, Step
from scoring.types import Block, BlockHash, ContentHash, Micro


class Verdict(StrEnum):
    """What was made of a checkpoint."""

    CHOSEN = "chosen"
    NOT_BETTER = "not_better"
    REFUSED = "refused"
    """By the validator's own checks, or by its evaluation."""
    DECLINED = "declined"
    """By the person who was asked."""
    SUBMITTED = "submitted"
    """It is what the hotkey submitted last."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A model (a content hash, or repo@revision) was scored on the prompts of a block hash, under rules (a competition's hash)."""

    model: str
    block_hash: BlockHash
    rules: str
    groups: tuple[Micro, ...]
    score: Micro
    stderr: Micro
    kind: Literal["scored"] = "scored"


@dataclass(frozen=True, slots=True)
class Judged:
    """A checkpoint's end. `look` is the digest of its folder's listing; `content` is '' where its files could not be read."""

    look: str
    folder: Path
    content: ContentHash
    verdict: Verdict
    against: str
    why: str
    kind: Literal["judged"] = "judged"


@dataclass(frozen=True, slots=True)
class Begun:
    """A step of publishing is about to be taken; `block` was the newest one."""

    step: Step
    content: ContentHash
    repo: str
    block: Block
    kind: Literal["begun"] = "begun"


@dataclass(frozen=True, slots=True)
class Taken:
    """A step of publishing happened; `result` is the revision of an upload, the block of a commitment, else ''."""

    step: Step
    content: ContentHash
    result: str
    kind: Literal["taken"] = "taken"


@dataclass(frozen=True, slots=True)
class Void:
    """The chain refused a commitment that was begun: it is in no block."""

    content: ContentHash
    kind: Literal["void"] = "void"


@dataclass(frozen=True, slots=True)
class Ended:
    """Publishing a chosen model is over."""

    content: ContentHash
    end: End
    kind: Literal["ended"] = "ended"


Record = Scored | Judged | Begun | Taken | Void | Ended
_RECORD: TypeAdapter[Record] = TypeAdapter(Annotated[Record, Field(discriminator="kind")])


def encode(record: Record) -> bytes:
    """One line of JSON, without its end."""
    return _RECORD.dump_json(record)


def decode(line: bytes) -> Record:
    """The inverse; raises ValueError for what no version wrote."""
    return _RECORD.validate_json(line)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The model that is to be published, and how far that is.

    `revision` is what was uploaded and found to be the model. `signed` is the newest block when its commitment was first begun, unless
    the chain refused every one; only `Ended` tells that it was seen on the chain.
    """

    content: ContentHash
    folder: Path
    begun: bool = False
    revision: str = ""
    signed: Block | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """All records together. `tested` counts the checkpoints that were tried against the last submission."""

    scores: Mapping[tuple[str, BlockHash, str], Scored] = field(default_factory=dict)
    looks: frozenset[str] = frozenset()
    contents: frozenset[ContentHash] = frozenset()
    tested: Mapping[str, int] = field(default_factory=dict)
    chosen: Chosen | None = None


def remember(records: Iterable[Record]) -> Memory:
    """The memory after all records, oldest first."""
    memory = Memory()
    for record in records:
        memory = after(memory, record)
    return memory


def after(memory: Memory, record: Record) -> Memory:
    """The memory after one more record."""
    match record:
        case Scored():
            return replace(memory, scores={**memory.scores, (record.model, record.block_hash, record.rules): record})
        case Judged():
            return _judged(memory, record)
        case Ended():
            return replace(memory, chosen=None)
        case Begun() | Taken() | Void():
            return replace(memory, chosen=None if memory.chosen is None else _further(memory.chosen, record))


def _judged(memory: Memory, record: Judged) -> Memory:
    known = memory.contents | {record.content} if record.content else memory.contents
    tested = memory.tested
    if record.against and record.verdict in (Verdict.CHOSEN, Verdict.NOT_BETTER):
        tested = {**tested, record.against: tested.get(record.against, 0) + 1}
    chosen = memory.chosen
    if record.verdict is Verdict.CHOSEN:
        chosen = Chosen(record.content, record.folder)
    elif chosen is not None and record.content == chosen.content:
        chosen = None
    return replace(memory, looks=memory.looks | {record.look}, contents=known, tested=tested, chosen=chosen)


def _further(chosen: Chosen, record: Begun | Taken | Void) -> Chosen:
    match record:
        case Begun(Step.COMMIT):
            return replace(chosen, begun=True, signed=record.block if chosen.signed is None else chosen.signed)
        case Begun():
            return replace(chosen, begun=True)
        case Taken(Step.UPLOAD):
            return replace(chosen, revision=record.result)
        case Taken():
            return chosen
        case Void():
            return replace(chosen, signed=None)
