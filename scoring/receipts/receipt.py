"""The re-runnable record of an evaluation: built, signed, checked, and read back into the types that it was built from.

It is canonical JSON with its hash and the signature of a service key; `build(*read(r))` is `r`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NamedTuple, Protocol, Self

from pydantic import Field, ValidationError, model_validator

from prompts.groups import Group, Prompt
from prompts.voices import Attribute, centre
from scoring import canonical_json, strict_json
from scoring.competition import Track
from scoring.errors import Blame, Code
from scoring.receipts.certificate import Certificate, CertificateInvalid, Trust, moment
from scoring.receipts.near_copies import MOST_NEAR, NearCopy, NearCopyRead
from scoring.receipts.sample_read import Count, FlagValue, Hash, SampleRead, ScoreField, Seconds, Word
from scoring.report import EvaluationReport, Flag, FlagKind, GroupReport, SampleReport
from scoring.schema import StrictModel, first_fault
from scoring.scores.aggregate import mean
from scoring.synthesis.manifest import Manifest
from scoring.types import MICRO, Block, BlockHash, ContentHash, Hotkey, Micro, RoundNumber, TensorsHash

VERSION = 6
DOMAIN = b"voice-receipt/6\n"
"""Put before the canonical bytes when they are signed."""
MAX_BYTES = 16 << 20
"""The largest file that is read as a receipt."""


class ReceiptInvalid(ValueError):
    """The receipt does not say what it must; the message names the first difference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One submission in one round, and the round's rules: the same record from the claimed row to the signed receipt."""

    hotkey: Hotkey
    commit_block: Block
    repo: str
    revision: str
    round: RoundNumber
    block_hash: BlockHash
    competition_hash: str


@dataclass(frozen=True, slots=True)
class Placement:
    """The family that a repository names, the track in which that competes, and the hash of the prompts that the round has for it."""

    family: str
    track: str
    prompts_hash: str
    environment: str | None  # the hash of the packages that it speaks with; None for the worker's own

    @classmethod
    def of(cls, family: Manifest, track: Track, block_hash: BlockHash) -> Self:
        """The place of a family in a round."""
        lock = family.environment
        return cls(family.name, track.name, prompts_hash(track.groups(block_hash)), lock.hash if lock else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The outcome of an evaluation: a report, or the code and reason of a rejection."""

    content_hash: ContentHash | None
    tensors_hash: TensorsHash | None
    code: Code | None
    reason: str | None
    report: EvaluationReport | None
    near: tuple[NearCopy, ...] = ()


@dataclass(frozen=True, slots=True)
class Circumstances:
    """The circumstances of an evaluation: hardware and software in words, an aware time, wall-clock seconds by stage."""

    hardware: str
    judged_at: datetime
    timings: Mapping[str, float]


class Statement(NamedTuple):
    """The parts that a receipt is built from, in the order of `build`."""

    subject: Subject
    placement: Placement | None
    """None where it was rejected before its family was known."""
    finding: Finding
    circumstances: Circumstances


class Signer(Protocol):
    """A service key and its certificate."""

    @property
    def certificate(self) -> Certificate:
        """The certificate by which its signature counts."""
        ...

    def sign(self, message: bytes) -> str:
        """The signature, as hex."""
        ...


@dataclass(frozen=True, slots=True)
class Signed:
    """A receipt, its service key's signature (hex) over `DOMAIN` and its canonical bytes, and the key's certificate."""

    receipt: Mapping[str, Any]
    signature: str
    certificate: Certificate

    def to_json(self) -> dict[str, Any]:
        """The content of a receipt's file as plain JSON data."""
        return {"receipt": self.receipt, "signature": self.signature, "certificate": self.certificate.to_json()}

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """A receipt's file; raises ReceiptInvalid for anything but JSON with one reading, of the form that `to_json` wrote."""
        try:
            return cls.from_json(strict_json.read_object(raw, MAX_BYTES))
        except ReceiptInvalid:
            raise
        except ValueError as exc:
            raise ReceiptInvalid(f"this is not a signed receipt: {exc}") from exc

    @classmethod
    def from_json(cls, data: object) -> Self:
        """The receipt that `to_json` wrote; raises ReceiptInvalid for anything else."""
        match data:
            case {"receipt": dict(receipt), "signature": str(signature), "certificate": certificate} if (
                isinstance(data, dict) and len(data) == 3
            ):
                try:
                    return cls(receipt, signature, Certificate.from_json(certificate))
                except CertificateInvalid as exc:
                    raise ReceiptInvalid(str(exc)) from exc
            case _:
                raise ReceiptInvalid("this is not a signed receipt: it has no receipt, signature and certificate")


def sign(receipt: Mapping[str, Any], signer: Signer) -> Signed:
    """Sign a receipt."""
    return Signed(receipt, signer.sign(DOMAIN + canonical(receipt)), signer.certificate)


def authenticate(signed: Signed, trust: Trust, at: datetime) -> None:
    """Raise ReceiptInvalid unless a key that was certified both then (an aware time) and when it was judged signed this receipt."""
    try:
        trust.check(signed.certificate, at)
        trust.check(signed.certificate, judged_at(signed.receipt))
    except CertificateInvalid as exc:
        raise ReceiptInvalid(str(exc)) from exc
    if not trust.verify(signed.certificate.service, DOMAIN + canonical(signed.receipt), signed.signature):
        raise ReceiptInvalid("the receipt's signature does not hold")


def judged_at(receipt: Mapping[str, Any]) -> datetime:
    """When a receipt says that it was judged; raises ReceiptInvalid."""
    try:
        return moment(str(receipt.get("judged_at")))
    except CertificateInvalid as exc:
        raise ReceiptInvalid(f"the receipt does not say when it was judged: {exc}") from exc


def build(subject: Subject, placement: Placement | None, finding: Finding, circumstances: Circumstances) -> dict[str, Any]:
    """The receipt as plain JSON data; score and standard error are integers of 1e-6."""
    report = finding.report
    return {
        "version": VERSION,
        "hotkey": subject.hotkey,
        "commit_block": subject.commit_block,
        "repo": subject.repo,
        "revision": subject.revision,
        "round": subject.round,
        "block_hash": subject.block_hash,
        "competition_hash": subject.competition_hash,
        "family": placement.family if placement else None,
        "track": placement.track if placement else None,
        "prompts_hash": placement.prompts_hash if placement else None,
        "environment": placement.environment if placement else None,
        "content_hash": finding.content_hash,
        "tensors_hash": finding.tensors_hash,
        "code": None if finding.code is None else int(finding.code),
        "reason": finding.reason,
        "near": [each.to_json() for each in finding.near],
        "profile": report.profile if report else None,
        "profile_hash": report.profile_hash if report else None,
        "judges": dict(report.judges) if report else {},
        "score": report.score if report else 0,
        "stderr": report.stderr if report else 0,
        "groups": [[group.id, group.kind, group.score] for group in report.groups] if report else [],
        "samples": listed(report.samples) if report else [],
        "flags": [[flag.prompt_id, flag.kind, flag.value, flag.other] for flag in report.flags] if report else [],
        "hardware": circumstances.hardware,
        "judged_at": circumstances.judged_at.astimezone(UTC).isoformat(timespec="seconds"),
        "timings": dict(circumstances.timings),
    }


def listed(samples: Sequence[SampleReport]) -> list[dict[str, Any]]:
    """The samples of a report in a receipt's form."""
    return [
        {
            "prompt": sample.prompt_id,
            "group": sample.group_id,
            "score": sample.score,
            "gate": sample.gate,
            "metrics": {name: value + 0.0 for name, value in sample.metrics.items()},
            "utilities": {name.value: value + 0.0 for name, value in sample.utilities.items()},
            "pcm_sha256": sample.pcm_sha256,
            "rate": sample.rate,
            "seconds": sample.seconds,
            "reason": sample.reason,
            "heard": sample.heard,
        }
        for sample in samples
    ]


def canonical(receipt: Mapping[str, Any]) -> bytes:
    """The canonical JSON that is hashed and signed; raises ReceiptInvalid where there is none."""
    try:
        return canonical_json.encode(receipt)
    except ValueError as exc:
        raise ReceiptInvalid(f"the receipt is not JSON: {exc}") from exc


def digest(receipt: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of the canonical bytes; raises ReceiptInvalid where there are none."""
    return hashlib.sha256(canonical(receipt)).hexdigest()


def prompts_hash(groups: Sequence[Group]) -> str:
    """SHA-256 (hex) of the canonical JSON of a round's groups: the prompts that a receipt says it was asked."""
    return canonical_json.digest([asdict(group) for group in groups])


def expected_seconds(prompt: Prompt) -> float:
    """About how long a prompt takes to say: its letters (English has nearly one for each phoneme) at the middle of the asked rate's bin.

    Whoever compares two models needs no dictionary for it: both are measured by the same letters.
    """
    letters = sum(character.isalnum() for character in prompt.text)
    return letters / centre(Attribute.RATE, prompt.voice.rate)


def speed(timings: Mapping[str, float], asked: Sequence[Group]) -> int:
    """Milliseconds of computing for each expected second of speech, over a whole evaluation; less is better, 0 where unknown.

    `timings` are the receipt's, in wall-clock seconds; what counts is "speak".
    """
    expected = sum(expected_seconds(prompt) for group in asked for prompt in group.prompts)
    spoken = timings.get("speak", 0.0)
    return max(1, round(1000.0 * spoken / expected)) if spoken > 0.0 and expected > 0.0 else 0


def check(receipt: Mapping[str, Any], receipt_hash: str, score: Micro, claims: Mapping[str, object]) -> dict[str, Micro]:
    """The receipt's group scores by group id.

    Raises ReceiptInvalid unless the receipt hashes to `receipt_hash`, says of each field what `claims` says, and adds up: its samples
    to its groups, its groups to `score`.
    """
    if digest(receipt) != receipt_hash:
        raise ReceiptInvalid("the receipt does not hash to what was recorded")
    for name, claim in {"version": VERSION, **claims}.items():
        if name not in receipt or not _is_same(receipt[name], claim):
            raise ReceiptInvalid(f"the receipt is of another {name}: {receipt.get(name)!r:.80}, not {claim!r}")
    groups = _groups(receipt)
    if {name: mean(scores) for name, scores in _samples(receipt).items()} != groups:
        raise ReceiptInvalid("the samples do not add up to the groups")
    expected = mean(list(groups.values())) if groups else Micro(0)
    if not _is_same(receipt.get("score"), score) or score != expected:
        raise ReceiptInvalid(f"the groups' mean is {expected}, the receipt says {receipt.get('score')!r:.80}, the row {score}")
    return groups


def _is_same(one: object, other: object) -> bool:
    """Say whether two values are equal as JSON: 3 is neither 3.0 nor true."""
    return canonical({"": one}) == canonical({"": other})


def _groups(receipt: Mapping[str, Any]) -> dict[str, Micro]:
    """The score of each group, each listed once."""
    try:
        pairs = [(str(name), _score(score)) for name, _kind, score in receipt["groups"]]
    except (KeyError, TypeError, ValueError) as exc:
        raise ReceiptInvalid("the receipt lists no groups with their scores") from exc
    if len(dict(pairs)) != len(pairs):
        raise ReceiptInvalid("the receipt lists a group twice")
    return dict(pairs)


def _samples(receipt: Mapping[str, Any]) -> dict[str, list[Micro]]:
    """The scores of each group's samples."""
    scores: dict[str, list[Micro]] = {}
    prompts = set()
    try:
        for sample in receipt["samples"]:
            scores.setdefault(sample["group"], []).append(_score(sample["score"]))
            prompts.add(sample["prompt"])
        count = len(receipt["samples"])
    except (KeyError, TypeError, ValueError) as exc:
        raise ReceiptInvalid("the receipt lists no samples with their scores") from exc
    if len(prompts) != count:
        raise ReceiptInvalid("the receipt lists a sample twice")
    return scores


def _score(value: object) -> Micro:
    if type(value) is not int or not 0 <= value <= MICRO:
        raise ValueError(f"{value!r} is no score in integers of 1e-6")
    return Micro(value)


class _Receipt(StrictModel):
    version: Literal[6]
    hotkey: Word
    commit_block: Count
    repo: Word
    revision: Annotated[str, Field(pattern="^[0-9a-f]{40}$")]
    round: Count
    block_hash: Annotated[str, Field(pattern="^0x[0-9a-f]{64}$")]
    competition_hash: Hash
    family: Word | None
    track: Word | None
    prompts_hash: Hash | None
    environment: Hash | None
    content_hash: Hash | None
    tensors_hash: Hash | None
    code: int | None
    reason: str | None
    near: Annotated[tuple[NearCopyRead, ...], Field(max_length=MOST_NEAR)]
    profile: Word | None
    profile_hash: Hash | None
    judges: Mapping[Word, str]
    score: ScoreField
    stderr: ScoreField
    groups: tuple[tuple[Word, Word, ScoreField], ...]
    samples: tuple[SampleRead, ...]
    flags: tuple[tuple[Word, FlagKind, FlagValue, Word | Literal[""]], ...]
    hardware: str
    judged_at: datetime
    timings: Mapping[Word, Seconds]

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        """Either a score with all that it stands on, or a rejection with its code; a family has a track and prompts."""
        place = (self.family, self.track, self.prompts_hash)
        if not all(place) and (any(place) or self.environment or self.code is None):
            raise ValueError("family, track and prompts_hash come together, and a score has them; an environment is a family's")
        parts = (self.profile, self.profile_hash, self.judges, self.groups, self.samples)
        if self.code is None and not (all(parts) and self.content_hash and self.tensors_hash):
            raise ValueError("it names no code of a rejection, and not all that a score stands on")
        if self.code is not None and (any(parts) or self.score or self.stderr or self.reason is None):
            raise ValueError("it rejects and scores at once, or gives no reason")
        if self.code is not None and (self.code not in set(Code) or Code(self.code).blame is not Blame.SUBMISSION):
            raise ValueError(f"{self.code} is no code of a rejection")
        return self

    @model_validator(mode="after")
    def _flags_its_own(self) -> Self:
        """What was noticed is noticed of its samples, beside others of them, once."""
        names = {sample.prompt for sample in self.samples} | {""}
        if any(not prompt or {prompt, other} - names for prompt, _, _, other in self.flags):
            raise ValueError("it flags samples that it does not have")
        if len({(prompt, kind) for prompt, kind, _, _ in self.flags}) < len(self.flags):
            raise ValueError("it flags a sample twice for the same")
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
        report = EvaluationReport(
            profile=self.profile or "",
            profile_hash=self.profile_hash or "",
            judges=self.judges,
            samples=tuple(sample.report() for sample in self.samples),
            groups=tuple(GroupReport(name, kind, Micro(score)) for name, kind, score in self.groups),
            score=Micro(self.score),
            stderr=Micro(self.stderr),
            flags=tuple(Flag(*flag) for flag in self.flags),
        )
        finding = Finding(
            content_hash=None if self.content_hash is None else ContentHash(self.content_hash),
            tensors_hash=None if self.tensors_hash is None else TensorsHash(self.tensors_hash),
            code=None if self.code is None else Code(self.code),
            reason=self.reason,
            report=None if self.code is not None else report,
            near=tuple(each.near_copy() for each in self.near),
        )
        place = None
        if self.family is not None and self.track is not None and self.prompts_hash is not None:
            place = Placement(self.family, self.track, self.prompts_hash, self.environment)
        return Statement(subject, place, finding, Circumstances(self.hardware, self.judged_at, self.timings))


def read(document: Mapping[str, Any]) -> Statement:
    """The statement of a receipt; raises ReceiptInvalid that names the first field that is not as it must be."""
    try:
        statement = _Receipt.model_validate_json(canonical(document)).statement()
        rebuilt = build(*statement)
    except ValidationError as exc:
        raise ReceiptInvalid(first_fault(exc, "as a whole")) from exc
    except OverflowError as exc:
        raise ReceiptInvalid(f"judged_at: {exc}") from exc
    if rebuilt != document:
        raise ReceiptInvalid("it is not written as a receipt is")
    return statement
