"""The audit of a receipt: the differences of what it claims from what follows, from itself or from its sounds judged again.

Its signature, its prompts and every number that follows from another are checked without a judge. Pure: nothing is read here.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from prompts.groups import Group
from scoring.competition import AuditRules, Competition, HardwareClass, Track
from scoring.receipts.certificate import CertificateInvalid, Trust
from scoring.receipts.receipt import DOMAIN, Signed, Statement, canonical, prompts_hash
from scoring.report import EvaluationReport, Gate, SampleReport
from scoring.scores.aggregate import Anchors, JudgedSample, ProfileIdentity, ScoreRules, gate_of, report
from scoring.synthesis.families import FAMILIES
from scoring.synthesis.load import Device
from scoring.types import MICRO, Micro

SILENT = frozenset({Gate.GENERATION_FAILED, Gate.TIMEOUT, Gate.NOT_FINITE, Gate.EMPTY})
"""Gates that may close without a sound to keep."""
_CPU, _VECTORS, _CARD, _NAME = 1, 2, 6, 7
"""Places in a machine's description, as `workers.evaluation.hardware` writes it."""
SAMPLE_TOLERANCE = Micro(100_000)
"""On hardware of another class the last digits of a sound and of a network's output differ, and a threshold may then fall the other
way: one word of twelve heard otherwise, or one attribute a level off, moves a sample's score by some .02 to .09. Other words or another
voice move it further. Such events are rare, and go either way: a mean of n samples may move by this over the root of n."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: the receipt claims one thing, and the check found another."""

    what: str
    claimed: str
    found: str


def authenticity(signed: Signed, statement: Statement, trust: Trust) -> list[Difference]:
    """The differences of its signature: another key's, or of a key that was not certified when it was judged."""
    rows = []
    certificate = signed.certificate
    try:
        trust.check(certificate, statement.circumstances.judged_at)
    except CertificateInvalid as exc:
        rows.append(Difference("certificate", f"{certificate.serial} of {certificate.host}", str(exc)))
    if not trust.verify(certificate.service, DOMAIN + canonical(signed.receipt), signed.signature):
        found = "it does not hold: receipt or signature were changed"
        rows.append(Difference("signature", f"by the service key {certificate.service}", found))
    return rows


def place(statement: Statement, competition: Competition) -> list[Difference]:
    """The differences of its track from the one that its family competes in, and of its environment from this installation's.

    None for a rejection that names no family. In another environment a model may sound otherwise, and nobody here can repeat that.
    """
    said = statement.placement
    if said is None:
        return []
    if said.family not in competition.families:
        return [Difference("family", said.family, "none of the competition's")]
    found, lock = competition.track_of(said.family).name, FAMILIES[said.family].environment
    rows = [] if said.track == found else [Difference("track", said.track, found)]
    here = lock.hash if lock else None
    if said.environment != here:
        rows.append(Difference("environment", said.environment or "none", f"{here or 'none'} in this installation"))
    return rows


def prompts(statement: Statement, groups: Sequence[Group]) -> list[Difference]:
    """The differences of its prompts from those of the block hash: each prompt and group once, in order. A rejection asked nothing."""
    if statement.placement is None:
        return []
    claimed_hash, found = statement.placement.prompts_hash, prompts_hash(groups)
    rows = [] if claimed_hash == found else [Difference("prompts' hash", claimed_hash, found)]
    claimed = statement.finding.report
    if claimed is not None:
        asked = [f"{prompt.id} of {group.id}" for group in groups for prompt in group.prompts]
        rows += _order("sample", [f"{s.prompt_id} of {s.group_id}" for s in claimed.samples], asked)
        rows += _order("group", [f"{g.id} ({g.kind})" for g in claimed.groups], [f"{g.id} ({g.kind})" for g in groups])
    return rows


def _order(what: str, claimed: Sequence[str], asked: Sequence[str]) -> list[Difference]:
    """The first place where two lists differ."""
    for number in range(max(len(claimed), len(asked))):
        mine = claimed[number] if number < len(claimed) else "none"
        theirs = asked[number] if number < len(asked) else "none"
        if mine != theirs:
            return [Difference(f"{what} {number}", mine, theirs)]
    return []


def numbers(claimed: EvaluationReport, groups: Sequence[Group], rules: Track, anchors: Anchors) -> list[Difference]:
    """The differences of utilities and scores from those that follow from the metrics; raises nothing for a missing metric."""
    profile = rules.profile.value
    rows = [] if claimed.profile == profile else [Difference("profile", claimed.profile, profile)]
    who = ProfileIdentity.of(profile, claimed.judges, anchors)
    rows += [row for sample in claimed.samples for row in _form(sample)]
    try:
        judged = {sample.prompt_id: _judged(sample, anchors) for sample in claimed.samples}
        found = report(who, groups, judged, ScoreRules(anchors, rules.factors))
    except KeyError as exc:
        return [*rows, Difference(f"metric {exc.args[0]}", "none, in a sample that was heard", "needed for its score")]
    return rows + exact(claimed, found)


def anchored(claimed: EvaluationReport, anchors: Anchors) -> list[Difference]:
    """The difference of its profile's hash from that of the judges it names and these anchors: metrics alone give no score."""
    found = ProfileIdentity.of(claimed.profile, claimed.judges, anchors).hash
    if claimed.profile_hash == found:
        return []
    return [Difference("profile's hash", claimed.profile_hash, f"{found} with this installation's anchors")]


def _form(sample: SampleReport) -> list[Difference]:
    """The differences of a sample's form from any that an honest judge writes."""
    rows = []
    if not sample.pcm_sha256 and sample.gate not in SILENT:
        rows.append(Difference(f"{sample.prompt_id}: audio", "none", f"the gate {sample.gate or 'none'} needs a sound"))
    if sample.gate not in {None, Gate.WRONG_WORDS} and sample.metrics:
        rows.append(Difference(f"{sample.prompt_id}: gate", str(sample.gate), "metrics, as of a sample that was heard"))
    return rows


def _judged(sample: SampleReport, anchors: Anchors) -> JudgedSample:
    """The sample's metrics as a judge's verdict; a gate that follows from metrics is derived from them."""
    gate = gate_of(sample.metrics, anchors) if sample.gate in {None, Gate.WRONG_WORDS} else sample.gate
    return JudgedSample(
        gate=gate,
        metrics=sample.metrics,
        pcm_sha256=sample.pcm_sha256,
        seconds=sample.seconds,
        rate=sample.rate,
        reason=sample.reason,
        heard=sample.heard,
    )


@dataclass(frozen=True, slots=True)
class ReceiptPart:
    """Some groups of an evaluation: a single sample comes with its whole group."""

    groups: tuple[Group, ...]
    report: EvaluationReport


def part(claimed: EvaluationReport, groups: Sequence[Group], wanted: str | None) -> ReceiptPart | None:
    """The group of one sample, by its index or prompt id (all of them for None), or None where there is no such sample.

    Score and standard error of a part are its own: they follow from its groups.
    """
    if wanted is None:
        return ReceiptPart(tuple(groups), claimed)
    ids = [sample.prompt_id for sample in claimed.samples]
    name = ids[int(wanted)] if wanted.isascii() and wanted.isdigit() and int(wanted) < len(ids) else wanted
    chosen = tuple(group for group in groups if any(prompt.id == name for prompt in group.prompts))
    if not chosen:
        return None
    samples = tuple(sample for sample in claimed.samples if sample.group_id == chosen[0].id)
    own = tuple(group for group in claimed.groups if group.id == chosen[0].id)
    return ReceiptPart(chosen, replace(claimed, samples=samples, groups=own, score=own[0].score, stderr=Micro(0), flags=()))


def exact(claimed: EvaluationReport, found: EvaluationReport) -> list[Difference]:
    """Every difference of two reports on the same prompts, metric by metric; seconds and words aside: no score follows from them."""
    rows: list[Difference] = []
    for mine, theirs in zip(claimed.samples, found.samples, strict=True):
        where = mine.prompt_id
        rows += _field(f"{where}: audio", mine.pcm_sha256, theirs.pcm_sha256)
        rows += _field(f"{where}: rate", mine.rate, theirs.rate)
        rows += _field(f"{where}: gate", mine.gate, theirs.gate)
        rows += _table(f"{where}: metric", mine.metrics, theirs.metrics)
        rows += _table(f"{where}: utility", _named(mine), _named(theirs))
        rows += _field(f"{where}: score", mine.score, theirs.score)
    for one, other in zip(claimed.groups, found.groups, strict=True):
        rows += _field(f"{one.id}: score", one.score, other.score)
    rows += _field("score", claimed.score, found.score)
    rows += _field("standard error", claimed.stderr, found.stderr)
    return rows


def flagged(claimed: EvaluationReport, found: EvaluationReport) -> list[Difference]:
    """The differences of what was noticed about the samples of a whole evaluation: a part of it hears no repetitions of the rest."""
    told, heard = ({(flag.prompt_id, flag.kind): flag.other or "noticed" for flag in side.flags} for side in (claimed, found))
    return [
        row
        for prompt, kind in sorted(told.keys() | heard.keys())
        for row in _field(f"{prompt}: {kind}", told.get((prompt, kind), "not noticed"), heard.get((prompt, kind), "not noticed"))
    ]


def class_of(machine: str, rules: AuditRules, device: Device) -> HardwareClass | None:
    """The class in which the rules list a machine, as receipts describe it, for speech on a device; None where none does."""
    parts = machine.split(", ")
    if len(parts) <= _NAME:
        return None
    return rules.class_of(parts[_CPU], parts[_VECTORS], parts[_CARD] if device == "cuda" else None)


def same_class(one: str, other: str, rules: AuditRules, device: Device) -> bool:
    """Whether two machines, as receipts describe them, compute alike to the last digit what was spoken on a device.

    They do where the rules list both in one class, and system, libraries, threads and GPU are the same. A worker's own word
    for its class counts for nothing; what it says of its processor only decides whether it is compared exactly, or for drift.
    """
    listed = class_of(one, rules, device)
    if listed is None or class_of(other, rules, device) != listed:
        return False
    parts = [text.split(", ") for text in (one, other)]
    rest = [part[:_CPU] + part[_VECTORS:_NAME] for part in parts]
    return rest[0] == rest[1]


def why_nearly(there: str, here: str) -> str:
    """Why the scores of two machines, as receipts describe them, are compared within a tolerance: they differ, or no class lists them."""
    if there.split(", ")[:_NAME] == here.split(", ")[:_NAME]:
        why = f"This machine is like the one that judged it ({here}), but the rules list it in no class that computes alike"
    else:
        why = f"It was judged on other hardware or software ({there}; here {here})"
    return f"{why}: scores are compared within a tolerance."


def tolerance(machine: str, rules: AuditRules, device: Device) -> Micro:
    """What is forgiven of a sample's score that a machine found, where one of another class finds another."""
    listed = class_of(machine, rules, device)
    return SAMPLE_TOLERANCE if listed is None else Micro(round(listed.tolerance * MICRO))


def near(claimed: EvaluationReport, found: EvaluationReport, sample: Micro = SAMPLE_TOLERANCE) -> list[Difference]:
    """Scores of samples, and of the evaluation, that lie further apart than the tolerance of a sample: for other hardware."""
    rows = [
        _far(f"{mine.prompt_id}: score", mine.score, theirs.score, sample)
        for mine, theirs in zip(claimed.samples, found.samples, strict=True)
    ]
    rows.append(_far("score", claimed.score, found.score, mean_tolerance(len(rows), sample)))
    return [row for row in rows if row is not None]


def mean_tolerance(samples: int, sample: Micro = SAMPLE_TOLERANCE) -> Micro:
    """The tolerance of a mean over so many samples, by that of one."""
    return Micro(round(sample / math.sqrt(samples)))


def _far(what: str, claimed: Micro, found: Micro, tolerance: Micro) -> Difference | None:
    if abs(claimed - found) <= tolerance:
        return None
    return Difference(what, f"{claimed / MICRO:.6f} ± {tolerance / MICRO:.6f}", f"{found / MICRO:.6f}")


def _table(what: str, claimed: Mapping[str, float], found: Mapping[str, float]) -> Iterator[Difference]:
    for name in sorted({*claimed, *found}):
        yield from _field(f"{what} {name}", claimed.get(name), found.get(name))


def _named(sample: SampleReport) -> dict[str, float]:
    return {factor.value: utility for factor, utility in sample.utilities.items()}


def _field(what: str, claimed: object, found: object) -> list[Difference]:
    return [] if claimed == found else [Difference(what, _text(claimed), _text(found))]


def _text(value: object) -> str:
    match value:
        case None | "":
            return "none"
        case float():
            return repr(value)
        case _:
            return str(value)
