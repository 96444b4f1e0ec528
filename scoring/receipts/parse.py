"""What a receipt says, read back into the types it was built from: `receipt.build(*read(r))` is `r`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from scoring.errors import Blame, Code
from scoring.receipts import receipt
from scoring.receipts.receipt import Circumstances, Finding, ReceiptInvalid, Subject
from scoring.report import EvaluationReport, Factor, Gate, GroupReport, SampleReport
from scoring.types import MICRO, Block, BlockHash, ContentHash, Hotkey, Micro, RoundNumber, TensorsHash

Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_./+-]{1,96}$")]
Line = str
Count = Annotated[int, Field(ge=0, lt=2**63)]
Score = Annotated[int, Field(ge=0, le=MICRO)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


class Statement(NamedTuple):
    """The parts that a receipt is built from, in the order of `receipt.build`."""

    subject: Subject
    prompts_hash: str
    finding: Finding
    circumstances: Circumstances


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Sample(_Part):
    prompt: Word
    group: Word
    score: Score
    gate: Gate | None
    metrics: Mapping[Word, Number]
    utilities: Mapping[Factor, Number]
    pcm_sha256: Hash | Literal[""]
    rate: Count
    seconds: Seconds

    def report(self) -> SampleReport:
        """As it was judged."""
        return SampleReport(
            prompt_id=self.prompt,
            group_id=self.group,
            score=Micro(self.score),
            gate=self.gate,
            metrics=self.metrics,
            utilities=self.utilities,
            pcm_sha256=self.pcm_sha256,
            seconds=self.seconds,
            rate=self.rate,
        )


class _Receipt(_Part):
    version: Literal[2]
    hotkey: Word
    commit_block: Count
    repo: Word
    revision: Annotated[str, Field(pattern="^[0-9a-f]{40}$")]
    round: Count
    block_hash: Annotated[str, Field(pattern="^0x[0-9a-f]{64}$")]
    competition_hash: Hash
    prompts_hash: Hash
    content_hash: Hash | None
    tensors_hash: Hash | None
    code: int | None
    reason: Line | None
    profile: Word | None
    profile_hash: Hash | None
    judges: Mapping[Word, Line]
    score: Score
    stderr: Score
    groups: tuple[tuple[Word, Word, Score], ...]
    samples: tuple[_Sample, ...]
    hardware: Line
    judged_at: datetime
    timings: Mapping[Word, Seconds]

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        """Either a score with all that it stands on, or a refusal with its code."""
        parts = (self.profile, self.profile_hash, self.judges, self.groups, self.samples)
        if self.code is None and not (all(parts) and self.content_hash and self.tensors_hash):
            raise ValueError("it names no code of a refusal, and not all that a score stands on")
        if self.code is not None and (any(parts) or self.score or self.stderr or self.reason is None):
            raise ValueError("it refuses and scores at once, or gives no reason")
        if self.code is not None and (self.code not in set(Code) or Code(self.code).blame is not Blame.SUBMISSION):
            raise ValueError(f"{self.code} is no code of a refusal")
        return self

    def statement(self) -> Statement:
        """In the domain's types."""
        subject = Subject(
            hotkey=Hotkey(self.hotkey),
            commit_block=Block(self.commit_block),
            repo=self.repo,
            revision=self.revision,
            round=RoundNumber(self.round),
            block_hash=BlockHash(self.block_hash),
            competition_hash=self.competition_hash,
        )
        finding = Finding(
            content_hash=None if self.content_hash is None else ContentHash(self.content_hash),
            tensors_hash=None if self.tensors_hash is None else TensorsHash(self.tensors_hash),
            code=None if self.code is None else Code(self.code),
            reason=self.reason,
            report=None if self.code is not None else self._report(),
        )
        return Statement(subject, self.prompts_hash, finding, Circumstances(self.hardware, self.judged_at, self.timings))

    def _report(self) -> EvaluationReport:
        return EvaluationReport(
            profile=self.profile or "",
            profile_hash=self.profile_hash or "",
            judges=self.judges,
            samples=tuple(sample.report() for sample in self.samples),
            groups=tuple(GroupReport(name, kind, Micro(score)) for name, kind, score in self.groups),
            score=Micro(self.score),
            stderr=Micro(self.stderr),
        )


def read(document: Mapping[str, Any]) -> Statement:
    """The statement of a receipt; raises ReceiptInvalid that names the first field that is not as it must be."""
    try:
        statement = _Receipt.model_validate_json(receipt.canonical(document)).statement()
        rebuilt = receipt.build(*statement)
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "as a whole"
        raise ReceiptInvalid(f"{where}: {first['msg']}") from exc
    except OverflowError as exc:
        raise ReceiptInvalid(f"judged_at: {exc}") from exc
    if rebuilt != document:
        raise ReceiptInvalid("it is not written as a receipt is")
    return statement
