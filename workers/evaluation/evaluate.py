"""One evaluation, start to verdict: the same code in the worker, in `voice miner score` and in every later audit.

Order: repository metadata → headers → download → content hash → tag → lineage → speak (in the sandbox) → judge → keep and sign.
Nothing untrusted is loaded before the tag holds.
"""

from dataclasses import dataclass
from functools import partial
from typing import Protocol

from scoring.competition import Competition
from scoring.errors import Code, SubmissionFault
from scoring.model.fingerprint import Fingerprint, fingerprint, tag_of
from scoring.receipts.receipt import Finding, Placement
from scoring.synthesis.families import FAMILIES
from scoring.types import Block, ContentHash, Hotkey, SubmissionId, TensorsHash
from voice_api.db.evaluations import Claim, Verdict
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


class Lineage(Protocol):
    """Knows the first submission of a model, as far as it is known."""

    def earlier(self, claim: Claim, content: ContentHash, tensors: TensorsHash) -> EarlierOwner | None:
        """The earliest submission before the claim's with this content or these tensors."""
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
        speech = judge_model(model, claim.block_hash, tools, progress)
    except SubmissionFault as fault:
        return reject(assignment, fault, known)
    signer.keep(speech.spoken.values())
    finding = Finding(content_hash=found.content, tensors_hash=found.tensors, code=None, reason=None, report=speech.report)
    timings = {"speak": speech.speak_seconds, "judge": speech.judge_seconds, "both": speech.seconds}
    return signer.verdict(claim, competition, place, finding, timings=timings)
