"""Level 3 of `voice verify`: the model speaks again inside the sandbox, or is rejected again."""

import hashlib
from dataclasses import replace
from functools import partial
from pathlib import Path

from scoring.audio.spoken import Spoken
from scoring.errors import Code, SubmissionFault
from scoring.model.fingerprint import fingerprint
from scoring.receipts.audit import Difference, ReceiptPart
from scoring.report import Gate, SampleReport
from workers.evaluation.batches import batches_of, batches_with, reordered
from workers.evaluation.obtain import LocalModel, fetch, open_folder
from workers.evaluation.progress import Progress, Stage
from workers.evaluation.speaking import speak
from workers.evaluation.tools import Tools
from workers.verify.audio import choose, is_same_hardware, judge_again
from workers.verify.receipt import Case, VerifyOutcome

NEEDS_OTHERS = frozenset({Code.COPY, Code.TAG_MISMATCH})
"""Rejections that follow from commitments, of which a receipt holds only the hotkey."""
OF_THE_HOST = frozenset({Code.LOAD_TIMEOUT, Code.SAMPLE_TIMEOUT, Code.MEMORY_EXCEEDED, Code.FAILED_ALIKE})
"""Rejections that another host, or this one on another day, need not give: neither one that was claimed nor one that is found now."""
OF_THE_DAY = OF_THE_HOST | {Code.REPO_NOT_PUBLIC}
"""Claimed rejections that nobody can show later: a repository that was not public may be public since."""


def check_model(case: Case, sample: str | None, folder: Path | None, tools: Tools, progress: Progress) -> VerifyOutcome:
    """Whether the model, in a folder or on the hub, is the receipt's, and speaks alike.

    The batches are the round's, their order is not: an answer that depends on what was asked before is another one now. On hardware of
    the same class every PCM must be the same; on other hardware the sounds are judged again. A rejection must be
    given again, unless it depends on the host or the day: such a verdict cannot be compared.

    Raises PlatformError(ARGUMENT_INVALID) for a sample or a folder that is not there, InfrastructureFault.
    """
    subject = case.statement.subject
    try:
        with tools.hub.pin_in_cache(subject.repo, subject.revision):
            return _speak_again(case, sample, folder, tools, progress)
    except SubmissionFault as fault:
        if case.statement.finding.code is fault.code:
            return VerifyOutcome()
        return _other_verdict(case, fault.code, f"rejected, code {fault.code}: {fault.detail}")


def _speak_again(case: Case, sample: str | None, folder: Path | None, tools: Tools, progress: Progress) -> VerifyOutcome:
    model = _model(case, folder, tools, progress)
    found = fingerprint(model.folder, partial(progress, Stage.FINGERPRINT))
    finding, place = case.statement.finding, case.statement.placement
    facts = [
        ("content hash", finding.content_hash, found.content),
        ("tensors' hash", finding.tensors_hash, found.tensors),
        ("family", None if place is None else place.family, model.family),
    ]
    other = tuple(Difference(what, claimed, here) for what, claimed, here in facts if claimed not in {None, here})
    if other:
        return VerifyOutcome(other)
    if finding.code in NEEDS_OTHERS:
        why = f"The rejection {finding.code} follows from commitments on the chain: a receipt alone cannot show it."
        return VerifyOutcome(notes=(why,))
    chosen = None if case.report is None else choose(case.report, case.groups, sample)
    batches = batches_of(model.family, model.track, case.statement.subject.block_hash)
    if chosen is not None:
        batches = batches_with(batches, {sample.prompt_id for sample in chosen.report.samples})
    said = {spoken.prompt_id: spoken for spoken in speak(model, reordered(batches), tools, progress)}
    if chosen is None:
        return _other_verdict(case, None, "it spoke every prompt")
    return _compare(case, chosen, said, tools, progress)


def _model(case: Case, folder: Path | None, tools: Tools, progress: Progress) -> LocalModel:
    if folder is None:
        subject = case.statement.subject
        return fetch(subject.repo, subject.revision, case.competition, tools, progress)
    return open_folder(folder, case.competition, progress)


def _compare(case: Case, chosen: ReceiptPart, said: dict[str, Spoken], tools: Tools, progress: Progress) -> VerifyOutcome:
    late = {sample.prompt_id for sample in chosen.report.samples if Gate.TIMEOUT in {sample.gate, said[sample.prompt_id].failure}}
    if not is_same_hardware(case):
        own = {sample.prompt_id: said[sample.prompt_id] for sample in chosen.report.samples}
        found = judge_again(case, chosen, own, tools.panel, progress)
        return replace(found, differences=(), not_comparable=found.differences, deviation=None) if late else found
    rows = [(sample, row) for sample in chosen.report.samples for row in _other_sound(sample, said[sample.prompt_id])]
    return VerifyOutcome(
        tuple(row for sample, row in rows if sample.prompt_id not in late),
        not_comparable=tuple(row for sample, row in rows if sample.prompt_id in late),
    )


def _other_sound(sample: SampleReport, said: Spoken) -> list[Difference]:
    claimed = (sample.pcm_sha256, sample.rate)
    found = (hashlib.sha256(said.pcm).hexdigest(), said.rate) if said.pcm else ("", 0)
    if claimed == found:
        return []
    return [Difference(f"{sample.prompt_id}: spoken again", _text(*claimed), _text(*found))]


def _text(pcm_sha256: str, rate: int) -> str:
    return f"{pcm_sha256} at {rate} Hz" if pcm_sha256 else "no sound"


def _other_verdict(case: Case, found: Code | None, words: str) -> VerifyOutcome:
    code = case.statement.finding.code
    row = Difference("verdict", "it scored" if code is None else f"rejected, code {code}", words)
    if code in OF_THE_DAY or found in OF_THE_HOST:
        return VerifyOutcome(not_comparable=(row,))
    return VerifyOutcome((row,))
