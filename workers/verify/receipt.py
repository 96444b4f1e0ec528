"""`voice verify`: does a receipt hold? What each level needs is read here, and compared in `scoring.receipts.audit`;
this level needs no torch.

1 the receipt in itself · 2 its audio judged again (`workers.verify.audio`) · 3 the model speaks again (`workers.verify.model`)
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from prompts.groups import Group
from scoring import competition
from scoring.competition import Competition
from scoring.errors import Code, PlatformError
from scoring.receipts import audit, receipt
from scoring.receipts.audit import Difference
from scoring.receipts.certificate import Trust
from scoring.receipts.receipt import ReceiptInvalid, Signed, Statement
from scoring.receipts.store import AudioStore
from scoring.report import EvaluationReport
from scoring.scores import scales


@dataclass(frozen=True, slots=True)
class VerifyOutcome:
    """The differences found against a receipt, and notes for its reader."""

    differences: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing was found against it."""
        return not self.differences

    def __add__(self, other: "VerifyOutcome") -> "VerifyOutcome":
        """Both findings."""
        return VerifyOutcome(self.differences + other.differences, self.notes + other.notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A receipt, its statement, and the round's groups and rules: found by their hashes, not taken from its word."""

    signed: Signed
    statement: Statement
    competition: Competition
    groups: tuple[Group, ...]
    known_rules: bool  # False for rules that only the store has: the receipt's author may have written them

    @property
    def report(self) -> EvaluationReport | None:
        """The report that the receipt holds; None for a refusal."""
        return self.statement.finding.report


Check = Callable[[Case], VerifyOutcome]
"""One level."""


def open_case(signed: Signed, store: AudioStore, rules: Sequence[Path]) -> Case:
    """Read a receipt and find its rules, in files (those first) or in the store.

    Raises PlatformError: RECEIPT_INVALID for a receipt that is not formed as one, COMPETITION_INVALID when its rules are not found.
    """
    try:
        said = receipt.read(signed.receipt)
    except ReceiptInvalid as exc:
        raise PlatformError(Code.RECEIPT_INVALID, f"the receipt has not the form of one: {exc}") from exc
    wanted = said.subject.competition_hash
    known = _from_files(wanted, rules)
    found = known or store.competition(wanted)
    if found is None:
        why = (
            f"The receipt's competition {wanted} is neither in the given file nor in the store: name its file with --competition."
        )
        raise PlatformError(Code.COMPETITION_INVALID, why)
    groups = found.groups(said.subject.block_hash)
    return Case(signed=signed, statement=said, competition=found, groups=groups, known_rules=known is not None)


def _from_files(wanted: str, files: Iterable[Path]) -> Competition | None:
    versions = (version for file in files for version in _versions(file))
    return next((version for version in versions if version.hash == wanted), None)


def _versions(file: Path) -> Sequence[Competition]:
    """A competition's own file holds its versions; a store's file (JSON) holds one."""
    if file.suffix != ".json":
        return competition.load(file).version
    try:
        return (Competition.model_validate_json(file.read_bytes()),)
    except (OSError, ValidationError) as exc:
        raise PlatformError(Code.COMPETITION_INVALID, f"{file} holds no competition") from exc


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
    rows = [*_name(name, receipt.digest(signed.receipt)), *audit.authenticity(signed, said, trust)]
    asked = audit.prompts(said, case.groups)
    rows += asked
    if case.report is not None and not asked:
        rows += _numbers(case, case.report)
    return VerifyOutcome(tuple(rows), _notes(case, now))


def _name(name: str, digest: str) -> list[Difference]:
    is_hash = len(name) == len(digest) and set(name) <= set("0123456789abcdef")
    return [Difference("receipt's hash", name, digest)] if is_hash and name != digest else []


def _numbers(case: Case, report: EvaluationReport) -> list[Difference]:
    scale = scales.load_anchors(case.competition.profile)
    unknown = audit.anchored(report, scale)
    return unknown or audit.numbers(report, case.groups, case.competition, scale)


def _notes(case: Case, now: datetime) -> tuple[str, ...]:
    subject, certificate = case.statement.subject, case.signed.certificate
    notes = [f"Prompts are drawn from the block hash that the receipt names: compare {subject.block_hash} with the chain's."]
    if not case.known_rules:
        notes.append(f"Its rules {subject.competition_hash} were found in the store alone: compare them with the validator's.")
    if now > certificate.not_after:
        notes.append(f"The certificate held when it was judged, and expired at {certificate.not_after.isoformat()}.")
    return tuple(notes)
