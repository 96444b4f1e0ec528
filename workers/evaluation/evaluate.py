"""One evaluation, start to verdict: the same code in the worker, in `voice miner score` and in every later audit.

Order: repository metadata → headers → download → content hash → tag → lineage → speak (in the sandbox) → judge → keep and sign.
Nothing untrusted is loaded before the tag holds.
"""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from prompts.generate import digest, generate
from prompts.groups import Group, Prompt
from prompts.render import render
from scoring.audio.spoken import Spoken
from scoring.competition import Competition
from scoring.errors import Code, InfrastructureFault, SubmissionFault
from scoring.model.fingerprint import Fingerprint, fingerprint, tag_of
from scoring.receipts import receipt
from scoring.receipts.receipt import Circumstances, Finding, Subject
from scoring.report import EvaluationReport
from scoring.synthesis.synthesiser import Request
from scoring.types import Block, BlockHash, ContentHash, Hotkey, RoundNumber, SubmissionId, TensorsHash
from voice_api.db.evaluations import Verdict
from voice_api.db.states import VerdictState
from workers.evaluation import hardware
from workers.evaluation.panels import LastPanel
from workers.evaluation.progress import Progress, Stage
from workers.evaluation.sign import ReceiptSigner
from workers.hub.client import Hub
from workers.hub.inspect import inspect
from workers.hub.repository import RepoFile, Repository
from workers.sandbox import reference_guest
from workers.sandbox.sandbox import GuestTimedOut, Sandbox


class NotYetPublic(InfrastructureFault):
    """The repository may still be published until the end of the round after the commit: no verdict, no cost."""

    def __init__(self, detail: str) -> None:
        super().__init__(Code.HUB_UNAVAILABLE, detail)


class RefusedOnce(InfrastructureFault):
    """The hub refuses the repository for the first time in this round: it is asked again later, before that is held against anybody."""

    def __init__(self, detail: str) -> None:
        super().__init__(Code.HUB_UNAVAILABLE, detail)


@dataclass(frozen=True, slots=True)
class Task:
    """A submission, and the round whose prompts it must speak; `refused_before`: the hub refused its repository in this round."""

    hotkey: Hotkey
    public_key: bytes
    commit_block: Block
    tiebreak: str
    repo: str
    revision: str
    tag: bytes
    round: RoundNumber
    block_hash: BlockHash
    refused_before: bool = False


@dataclass(frozen=True, slots=True)
class Tools:
    """The outside world of an evaluation. `usual` is the reference guest's calibrated time on this host."""

    hub: Hub
    sandbox: Sandbox
    usual: timedelta
    panel: LastPanel


@dataclass(frozen=True, slots=True)
class Earlier:
    """A submission that committed the same model before."""

    submission: SubmissionId
    hotkey: Hotkey
    commit_block: Block


class Lineage(Protocol):
    """Who committed a model first, as far as is known."""

    def earlier(self, task: Task, content: ContentHash, tensors: TensorsHash) -> Earlier | None:
        """The earliest submission before the task's with this content or these tensors."""
        ...


@dataclass(frozen=True, slots=True)
class Model:
    """A checked model on disk."""

    folder: Path
    family: str


@dataclass(frozen=True, slots=True)
class Case:
    """What is judged, under which rules, and who answers for it."""

    task: Task
    competition: Competition
    receipt_signer: ReceiptSigner

    def verdict(
        self,
        state: VerdictState,
        finding: Finding,
        copy_of: SubmissionId | None = None,
        timings: Mapping[str, float] | None = None,
    ) -> Verdict:
        """The verdict with its signed receipt; raises InfrastructureFault when it cannot be signed or kept."""
        here = Circumstances(hardware.describe(), datetime.now(UTC), timings or {})
        signed = self.receipt_signer.sign(self._subject(), finding, here, self.competition)
        return Verdict(
            state=state,
            receipt=signed.receipt,
            receipt_hash=receipt.digest(signed.receipt),
            signature=signed.signature,
            certificate=signed.certificate.to_json(),
            code=finding.code,
            reason=finding.reason,
            content_hash=finding.content_hash,
            tensors_hash=finding.tensors_hash,
            copy_of=copy_of,
            report=finding.report,
        )

    def _subject(self) -> Subject:
        task, rules = self.task, self.competition
        prompts = digest(round_groups(task.block_hash, rules))
        return Subject(task.hotkey, task.commit_block, task.repo, task.revision, task.round, task.block_hash, rules.hash, prompts)


def evaluate(
    task: Task, competition: Competition, tools: Tools, receipt_signer: ReceiptSigner, lineage: Lineage, progress: Progress
) -> Verdict:
    """Judge one submission in one round. A SubmissionFault becomes its verdict; an InfrastructureFault is raised: it is ours."""
    with tools.hub.pin_in_cache(task.repo, task.revision):
        return _evaluate(Case(task, competition, receipt_signer), tools, lineage, progress)


def refuse(task: Task, competition: Competition, receipt_signer: ReceiptSigner, fault: SubmissionFault) -> Verdict:
    """The verdict on a submission of which nothing is known but its fault; raises InfrastructureFault when it cannot be signed."""
    return _refused(Case(task, competition, receipt_signer), None, fault)


def _evaluate(case: Case, tools: Tools, lineage: Lineage, progress: Progress) -> Verdict:
    task, competition = case.task, case.competition
    prints: Fingerprint | None = None
    try:
        model = obtain(task, competition, tools, progress)
        found = fingerprint(model.folder, lambda done, total: progress(Stage.FINGERPRINT, done, total))
        if tag_of(found.content, task.public_key) != task.tag:
            # Its hashes are not kept: who names a repository without having bound its content must not own that model.
            raise SubmissionFault(Code.TAG_MISMATCH, f"The tag does not bind these files, whose content hash is {found.content}.")
        prints = found
        earlier = lineage.earlier(task, prints.content, prints.tensors)
        if earlier is not None:
            return _copy(case, prints, earlier)
        trial = judge_model(model, task.block_hash, competition, tools, progress)
    except SubmissionFault as fault:
        return _refused(case, prints, fault)
    case.receipt_signer.keep(trial.spoken.values())
    finding = Finding(prints.content, prints.tensors, None, None, trial.report)
    return case.verdict(VerdictState.SCORED, finding, timings={"speak": trial.speak_seconds, "judge": trial.judge_seconds})


def round_groups(block_hash: BlockHash, competition: Competition) -> tuple[Group, ...]:
    """The groups of a round, drawn from the hash of its first block."""
    return generate(bytes.fromhex(block_hash.removeprefix("0x")), competition.round.plan)


def obtain(task: Task, competition: Competition, tools: Tools, progress: Progress) -> Model:
    """The submission's model. A hub's refusal is final (SubmissionFault) only late, twice, and from a hub that works.

    Raises NotYetPublic while the repository may still become public, RefusedOnce for the first refusal, InfrastructureFault.
    """
    try:
        return fetch(task.repo, task.revision, competition, tools.hub, progress)
    except SubmissionFault as fault:
        if fault.code is not Code.REPO_NOT_PUBLIC:
            raise
        if task.round <= task.commit_block // competition.round.blocks + 1:
            raise NotYetPublic(f"{task.repo} is not public yet; it is asked for again in the next round") from fault
        if not tools.hub.works():
            raise InfrastructureFault(Code.HUB_UNAVAILABLE, "the hub refuses what it lists as public, too") from fault
        if not task.refused_before:
            raise RefusedOnce(f"the hub refuses {task.repo}; it is asked again before that counts") from fault
        raise


def fetch(repo: str, revision: str, competition: Competition, hub: Hub, progress: Progress) -> Model:
    """Fetch a repository at a pinned revision, refusing as early as its names, sizes, config and headers allow."""
    repository = hub.describe(repo, revision)
    source = _HubSource(hub, repository)
    progress(Stage.CHECK, 0, len(repository.files))
    family = inspect(source, competition, lambda done, total: progress(Stage.CHECK, done, total))
    folder = hub.download(repository, lambda done, total: progress(Stage.FETCH, done, total))
    return Model(folder, family)


@dataclass(frozen=True, slots=True)
class _HubSource:
    hub: Hub
    repository: Repository

    @property
    def files(self) -> Sequence[RepoFile]:
        return self.repository.files

    def head(self, path: str, count: int) -> bytes:
        return self.hub.head(self.repository.repo, self.repository.revision, path, count)


@dataclass(frozen=True, slots=True)
class Trial:
    """What a model said in a round, by prompt id, and what the judges made of it. Seconds are wall-clock."""

    spoken: Mapping[str, Spoken]
    report: EvaluationReport
    speak_seconds: float
    judge_seconds: float


def judge_model(model: Model, block_hash: BlockHash, competition: Competition, tools: Tools, progress: Progress) -> Trial:
    """Let a checked model speak a round's prompts inside the sandbox, and judge what came out; judges that are missing are named first."""
    groups = round_groups(block_hash, competition)
    panel = tools.panel(competition.profile, groups, lambda done, total: progress(Stage.FETCH, done, total))
    began = time.monotonic()
    spoken = {item.prompt_id: item for item in speak(model, groups, block_hash, competition, tools, progress)}
    middle = time.monotonic()
    report = panel.judge(groups, spoken, competition, lambda done, total: progress(Stage.JUDGE, done, total))
    return Trial(spoken, report, middle - began, time.monotonic() - middle)


def speak(
    model: Model, groups: Sequence[Group], block_hash: BlockHash, competition: Competition, tools: Tools, progress: Progress
) -> tuple[Spoken, ...]:
    """The raw audio of every prompt. A time-out is the submission's only if the reference guest passes here and now."""
    requests = [_request(model.family, prompt, block_hash) for group in groups for prompt in group.prompts]
    limits, rules = competition.limits, competition.synthesis
    try:
        return tools.sandbox.speak(
            model.folder, model.family, requests, limits, rules, lambda done, total: progress(Stage.SPEAK, done, total)
        )
    except GuestTimedOut as timeout:
        if not reference_guest.passes(tools.sandbox, tools.usual):
            raise InfrastructureFault(Code.HOST_TOO_SLOW) from timeout
        seconds = limits.load_seconds if timeout.code is Code.LOAD_TIMEOUT else limits.sample_seconds
        reason = f"{timeout} ({seconds:g} s); a reference guest on the same host took its usual time"
        raise SubmissionFault(timeout.code, reason) from timeout


def _request(family: str, prompt: Prompt, block_hash: BlockHash) -> Request:
    """The prompt in the family's words, with a random stream of its own: 63 bits of sha256(block hash, prompt id)."""
    rendered = render(family, prompt)
    stream = hashlib.sha256(f"{block_hash}/{prompt.id}".encode()).digest()
    return Request(prompt.id, rendered.text, rendered.description or "", int.from_bytes(stream[:8]) >> 1)


def _copy(case: Case, prints: Fingerprint, earlier: Earlier) -> Verdict:
    reason = (
        f"same model as submission {earlier.submission}, committed earlier (block {earlier.commit_block}) by {earlier.hotkey}"
    )
    finding = Finding(prints.content, prints.tensors, Code.COPY, reason, None)
    return case.verdict(VerdictState.COPY, finding, earlier.submission)


def _refused(case: Case, prints: Fingerprint | None, fault: SubmissionFault) -> Verdict:
    content, tensors = (prints.content, prints.tensors) if prints else (None, None)
    return case.verdict(VerdictState.REJECTED, Finding(content, tensors, fault.code, fault.detail, None))
