"""`voice verify`: does a receipt hold? What each level needs is read here, and compared in `scoring.receipts.audit`;
this level needs no torch.

1 the receipt in itself · 2 its audio judged again (`workers.verify.audio`) · 3 the model speaks again (`workers.verify.model`)
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from prompts.groups import Group
from scoring import competition
from scoring.competition import DEFAULT_PATH, Competition, Track
from scoring.errors import Code, PlatformError
from scoring.receipts import audit, receipt
from scoring.receipts.audit import Difference
from scoring.receipts.certificate import Trust
from scoring.receipts.receipt import ReceiptInvalid, Signed, Statement
from scoring.receipts.store import AudioStore
from scoring.report import EvaluationReport
from scoring.scores import aggregate
from scoring.types import Micro, RoundNumber


@dataclass(frozen=True, slots=True)
class MeanDeviation:
    """By how much a score was claimed above what was found, signed, and how much of it is forgiven; both in integers of 1e-6."""

    by: Micro
    tolerance: Micro


@dataclass(frozen=True, slots=True)
class VerifyOutcome:
    """The differences found against a receipt, and notes for its reader."""

    differences: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = ()
    not_comparable: tuple[
        Difference, ...
    ] = ()  # what depends on the host, its load or the day: it says nothing against the receipt
    deviation: MeanDeviation | None = None  # of what was judged again, where something was

    @property
    def holds(self) -> bool:
        """Whether nothing was found against it."""
        return not self.differences

    def __add__(self, other: "VerifyOutcome") -> "VerifyOutcome":
        """Both findings."""
        return VerifyOutcome(
            self.differences + other.differences,
            self.notes + other.notes,
            self.not_comparable + other.not_comparable,
            other.deviation or self.deviation,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A receipt, its statement, and the round's groups and rules: found by their hashes, not taken from its word."""

    signed: Signed
    statement: Statement
    competition: Competition
    track: Track | None  # None for a rejection before its family was known, or for one that the rules do not have
    groups: tuple[Group, ...]
    known_rules: (
        bool  # a file's rules, not the receipt's own; False where the store alone has them: its author may have written them
    )

    @property
    def report(self) -> EvaluationReport | None:
        """The report that the receipt holds; None for a rejection."""
        return self.statement.finding.report

    @property
    def rules(self) -> Track:
        """The rules of its track; raises PlatformError(COMPETITION_INVALID) where the competition has no track for its family."""
        if self.track is None:
            raise PlatformError(Code.COMPETITION_INVALID, "The receipt's family competes in no track of these rules.")
        return self.track


Check = Callable[[Case], VerifyOutcome]
"""One level."""


def open_case(signed: Signed, store: AudioStore, rules: Path = DEFAULT_PATH, *, pinned: bool = False) -> Case:
    """Read a receipt and find its rules: in a file, as its schedule has them for the receipt's round, or in the store.

    The store's copy counts only for a competition of which the file holds no version, and never where the file is `pinned`. Raises
    PlatformError: RECEIPT_INVALID for a receipt that is not formed as one, COMPETITION_INVALID when its rules are not found.
    """
    try:
        said = receipt.read(signed.receipt)
    except ReceiptInvalid as exc:
        raise PlatformError(Code.RECEIPT_INVALID, f"the receipt has not the form of one: {exc}") from exc
    wanted = said.subject.competition_hash
    known, versions = _from_file(rules, said.subject.round)
    is_known = pinned or wanted in versions
    found = known if is_known else store.competition(wanted)
    if found is None:
        why = f"The receipt's competition {wanted} is neither in {rules.name} nor in the store: name its file with --competition."
        raise PlatformError(Code.COMPETITION_INVALID, why)
    place = said.placement
    track = found.track_of(place.family) if place is not None and place.family in found.families else None
    groups = () if track is None else track.groups(said.subject.block_hash)
    return Case(signed=signed, statement=said, competition=found, track=track, groups=groups, known_rules=is_known)


def _from_file(file: Path, number: RoundNumber) -> tuple[Competition, frozenset[str]]:
    """The version in force in a round, and the hashes of all; a store's file (JSON) holds one version, for any round."""
    if file.suffix != ".json":
        schedule = competition.load(file)
        return schedule.at(number), frozenset(version.hash for version in schedule.version)
    try:
        kept = Competition.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as exc:
        raise PlatformError(Code.COMPETITION_INVALID, f"{file} holds no competition") from exc
    return kept, frozenset({kept.hash})


def verify(case: Case, levels: Iterable[Check]) -> VerifyOutcome:
    """Level after level, until one finds something: each stands on those before it."""
    found = VerifyOutcome()
    for check in levels:
        found += check(case)
        if not found.holds:
            break
    return found


def check_itself(case: Case, trust: Trust, name: str, now: datetime) -> VerifyOutcome:
    """Level 1. `name` is the receipt's file without its ending: if it is a hash, it must be the receipt's."""
    said, signed = case.statement, case.signed
    if said.subject.competition_hash != case.competition.hash:
        rules = Difference(f"rules of round {said.subject.round}", said.subject.competition_hash, case.competition.hash)
        return VerifyOutcome((rules,), _notes(case, now))
    digest = receipt.digest(signed.receipt)
    is_hash = len(name) == len(digest) and set(name) <= set("0123456789abcdef")
    rows = [Difference("receipt's hash", name, digest)] if is_hash and name != digest else []
    rows += audit.authenticity(signed, said, trust)
    asked = audit.place(said, case.competition) or audit.prompts(said, case.groups)
    rows += asked
    if case.report is not None and case.track is not None and not asked:
        scale = aggregate.load_anchors(case.track.profile)
        rows += audit.anchored(case.report, scale) or audit.numbers(case.report, case.groups, case.track, scale)
    return VerifyOutcome(tuple(rows), _notes(case, now))


def _notes(case: Case, now: datetime) -> tuple[str, ...]:
    subject, certificate = case.statement.subject, case.signed.certificate
    notes = [f"Prompts are drawn from the block hash that the receipt names: compare {subject.block_hash} with the chain's."]
    if not case.known_rules:
        notes.append(f"Its rules {subject.competition_hash} were found in the store alone: compare them with the validator's.")
    if now > certificate.not_after:
        notes.append(f"The certificate held when it was judged, and expired at {certificate.not_after.isoformat()}.")
    return tuple(notes)
