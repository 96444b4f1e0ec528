"""Level 2 of `voice verify`: the judges hear the stored audio again."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from prompts.groups import Group
from scoring.audio.spoken import Spoken
from scoring.competition import Profile
from scoring.errors import Code, PlatformError
from scoring.judges.panel import Panel
from scoring.receipts.audit import (
    Difference,
    ReceiptPart,
    exact,
    flagged,
    mean_tolerance,
    near,
    part,
    same_class,
    tolerance,
    why_nearly,
)
from scoring.receipts.store import AudioStore
from scoring.report import EvaluationReport, SampleReport
from scoring.types import Micro
from workers.evaluation.hardware import describe_hardware
from workers.evaluation.progress import Progress, Stage
from workers.verify.receipt import Case, MeanDeviation, VerifyOutcome

PanelOf = Callable[[Profile], Panel]
"""A profile's judges."""


def check_audio(case: Case, sample: str | None, store: AudioStore, panel_of: PanelOf, progress: Progress) -> VerifyOutcome:
    """Whether each sample's audio (of one sample's group, if it is named) is kept unchanged, and judged again gives its numbers.

    Raises PlatformError(ARGUMENT_INVALID) where there is no such sample, InfrastructureFault when a judge fails.
    """
    if case.report is None:
        return VerifyOutcome(notes=("It rejects the model: there is no audio to judge again.",))
    chosen = choose(case.report, case.groups, sample)
    spoken, missing = _kept(chosen.report.samples, store)
    return VerifyOutcome(tuple(missing)) if missing else judge_again(case, chosen, spoken, panel_of, progress)


def choose(report: EvaluationReport, groups: Sequence[Group], sample: str | None) -> ReceiptPart:
    """The part of a report to look at; raises PlatformError(ARGUMENT_INVALID) where there is no such sample."""
    chosen = part(report, groups, sample)
    if chosen is None:
        last = len(report.samples) - 1
        raise PlatformError(
            Code.ARGUMENT_INVALID, f"--sample {sample}: name 0 to {last}, or a prompt, as {report.samples[0].prompt_id}"
        )
    return chosen


def judge_again(
    case: Case, chosen: ReceiptPart, spoken: Mapping[str, Spoken], panel_of: PanelOf, progress: Progress
) -> VerifyOutcome:
    """Judge these sounds by the profile's panel, and compare: to the last digit on hardware of the same class, else scores, nearly."""
    panel = panel_of(case.rules.profile)
    other = _other_judges(chosen.report.judges, panel.identity.judges)
    if other:
        return VerifyOutcome(tuple(other), ("Levels 2 and 3 need the version that judged it.",))
    found = panel.judge(chosen.groups, spoken, case.rules, partial(progress, Stage.JUDGE))
    forgiven = tolerance(case.statement.circumstances.hardware, case.competition.audits, case.rules.synthesis.device)
    deviation = MeanDeviation(Micro(chosen.report.score - found.score), mean_tolerance(len(found.samples), forgiven))
    if is_same_hardware(case):
        is_whole = len(chosen.groups) == len(case.groups)
        rows = [*exact(chosen.report, found), *(flagged(chosen.report, found) if is_whole else ())]
        return VerifyOutcome(tuple(rows), deviation=deviation)
    note = why_nearly(case.statement.circumstances.hardware, describe_hardware())
    return VerifyOutcome(tuple(near(chosen.report, found, forgiven)), (note,), deviation=deviation)


def is_same_hardware(case: Case) -> bool:
    """Whether the rules list this machine and the receipt's in one class, with the same software."""
    there = case.statement.circumstances.hardware
    return same_class(there, describe_hardware(), case.competition.audits, case.rules.synthesis.device)


def _kept(samples: Sequence[SampleReport], store: AudioStore) -> tuple[dict[str, Spoken], list[Difference]]:
    spoken: dict[str, Spoken] = {}
    missing: list[Difference] = []
    for sample in samples:
        pcm, failure = b"", sample.gate
        if sample.pcm_sha256:
            failure = None
            try:
                pcm, _ = store.audio(sample.pcm_sha256)
            except PlatformError as fault:
                missing.append(Difference(f"{sample.prompt_id}: audio", sample.pcm_sha256, fault.detail))
        spoken[sample.prompt_id] = Spoken(
            prompt_id=sample.prompt_id,
            rate=sample.rate,
            pcm=pcm,
            seconds=sample.seconds,
            failure=failure,
            reason=sample.reason,
        )
    return spoken, missing


def _other_judges(claimed: Mapping[str, str], here: Mapping[str, str]) -> list[Difference]:
    names = sorted({*claimed, *here})
    return [
        Difference(f"judge {name}", claimed.get(name, "none"), here.get(name, "none"))
        for name in names
        if claimed.get(name) != here.get(name)
    ]
