"""One evaluation, start to verdict: the same code in the worker, in `voice miner score` and in every later audit.

Order: repository metadata → headers → download → content hash → tag → lineage → sketch → speak (in the sandbox) → judge → near-copies →
keep and sign. Nothing untrusted is loaded before the tag holds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from scoring.audio.spoken import Spoken
from scoring.competition import Competition
from scoring.errors import Code, SubmissionFault
from scoring.model.fingerprint import Fingerprint, fingerprint, tag_of
from scoring.model.sketch import Sketch, SketchKey, sketch
from scoring.receipts.receipt import Finding, Placement
from scoring.synthesis.families import FAMILIES
from scoring.types import Block, ContentHash, Hotkey, SubmissionId, TensorsHash
from voice_api.db.copies import NearCopyOrder, SketchRecord
from voice_api.db.evaluations import Claim, Verdict
from workers.evaluation.bases import SketchedBase
from workers.evaluation.obtain import obtain
from workers.evaluation.progress import Progress, Stage
from workers.evaluation.receipt_signer import ReceiptSigner
from workers.evaluation.speech import judge_model
from workers.evaluation.tools import Tools


@dataclass(frozen=True, slots=True)
class EarlierOwner:
    """A submission that committed the same model before."""

    submission: SubmissionId
    hotkey: Hotkey
    commit_block: Block


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedModel:
    """A model that was judged in a round, with all by which it is compared with others."""

    claim: Claim
    competition: Competition
    track: str
    folder: Path
    key: SketchKey
    sketch: Sketch
    """Drawn by the key."""
    bases: Sequence[SketchedBase]
    """Those of the rules that are on this host."""
    spoken: Mapping[str, Spoken]
    """By prompt."""


class Lineage(Protocol):
    """Knows the first submission of a model, as far as it is known, and those that are near it."""

    def earlier(self, claim: Claim, content: ContentHash, tensors: TensorsHash) -> EarlierOwner | None:
        """The earliest submission before the claim's with this content or these tensors."""
        ...

    def key(self) -> SketchKey:
        """What draws the projections of sketches."""
        ...

    def near(self, judged: JudgedModel) -> tuple[SketchRecord, tuple[NearCopyOrder, ...]]:
        """The model's sketch as it is kept, and who is near whom, of it and those that it looks or sounds like."""
        ...


@dataclass(frozen=True, slots=True)
class Assignment:
    """A claimed evaluation, the rules that it names, and the signer of its receipt."""

    claim: Claim
    competition: Competition
    signer: ReceiptSigner


def evaluate(assignment: Assignment, tools: Tools, lineage: Lineage, progress: Progress) -> Verdict:
    """Judge one submission in one round. A SubmissionFault becomes its verdict; an InfrastructureFault is raised: it is ours."""
    with tools.hub.pin_in_cache(assignment.claim.repo, assignment.claim.revision):
        return _evaluate(assignment, tools, lineage, progress)


@dataclass(frozen=True, slots=True)
class Known:
    """What an evaluation has found out about a submission so far: its place, and its hashes."""

    placement: Placement | None = None
    prints: Fingerprint | None = None


_NOTHING = Known()


def reject(assignment: Assignment, fault: SubmissionFault, known: Known = _NOTHING) -> Verdict:
    """The verdict on a submission by its fault alone, with what is known of it.

    Raises InfrastructureFault when it cannot be signed or kept.
    """
    content, tensors = (known.prints.content, known.prints.tensors) if known.prints else (None, None)
    finding = Finding(content_hash=content, tensors_hash=tensors, code=fault.code, reason=fault.detail, report=None)
    return assignment.signer.verdict(assignment.claim, assignment.competition, known.placement, finding)


def _evaluate(assignment: Assignment, tools: Tools, lineage: Lineage, progress: Progress) -> Verdict:
    claim, competition, signer = assignment.claim, assignment.competition, assignment.signer
    known = _NOTHING
    try:
        model = obtain(claim, competition, tools, progress)
        place = Placement.of(FAMILIES[model.family], model.track, claim.block_hash)
        known = Known(place)
        found = fingerprint(model.folder, partial(progress, Stage.FINGERPRINT))
        if tag_of(found.content, claim.public_key) != claim.tag:
            # Its hashes are not kept: who names a repository without having bound its content must not own that model.
            raise SubmissionFault(Code.TAG_MISMATCH, f"The tag does not bind these files, whose content hash is {found.content}.")
        known = Known(place, found)
        earlier = lineage.earlier(claim, found.content, found.tensors)
        if earlier is not None:
            reason = (
                f"same model as submission {earlier.submission}, "
                f"committed earlier (block {earlier.commit_block}) by {earlier.hotkey}"
            )
            finding = Finding(content_hash=found.content, tensors_hash=found.tensors, code=Code.COPY, reason=reason, report=None)
            return signer.verdict(claim, competition, place, finding, copy_of=earlier.submission)
        key = lineage.key()
        drawn = sketch(model.folder, key, partial(_go_on, progress))
        bases = tools.bases(competition.copies, key, partial(progress, Stage.FETCH))
        speech = judge_model(model, claim.block_hash, tools, progress)
    except SubmissionFault as fault:
        return reject(assignment, fault, known)
    signer.keep(speech.spoken.values())
    record, near = lineage.near(
        JudgedModel(
            claim=claim,
            competition=competition,
            track=model.track.name,
            folder=model.folder,
            key=key,
            sketch=drawn,
            bases=bases,
            spoken=speech.spoken,
        )
    )
    finding = Finding(
        content_hash=found.content,
        tensors_hash=found.tensors,
        code=None,
        reason=None,
        report=speech.report,
        near=tuple(order.found for order in near),
    )
    timings = {"speak": speech.speak_seconds, "judge": speech.judge_seconds, "both": speech.seconds}
    return replace(signer.verdict(claim, competition, place, finding, timings=timings), sketch=record, near=near)


def _go_on(progress: Progress, done: int, total: int) -> None:
    """Tell of the second reading of the weights as the second half of the same stage."""
    progress(Stage.FINGERPRINT, total + done, 2 * total)
