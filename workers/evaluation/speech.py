"""A checked model's speech in a round: it answers the prompts inside the sandbox, and judges listen."""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from prompts.groups import Group
from scoring.audio.spoken import Spoken
from scoring.competition import Competition
from scoring.errors import Code, InfrastructureFault, SubmissionFault
from scoring.report import EvaluationReport
from scoring.synthesis.render import render
from scoring.synthesis.synthesiser import Request
from scoring.types import BlockHash
from workers.evaluation.obtain import LocalModel
from workers.evaluation.progress import Progress, Stage
from workers.evaluation.tools import Tools
from workers.sandbox import reference_guest
from workers.sandbox.sandbox import GuestTimedOut


@dataclass(frozen=True, slots=True)
class JudgedSpeech:
    """The sounds of a model in a round, by prompt id, and the judges' report on them. Seconds are wall-clock."""

    spoken: Mapping[str, Spoken]
    report: EvaluationReport
    speak_seconds: float
    judge_seconds: float


def judge_model(
    model: LocalModel, block_hash: BlockHash, competition: Competition, tools: Tools, progress: Progress
) -> JudgedSpeech:
    """Let a checked model speak a round's prompts and judge the sounds; a judge that is missing is named before it speaks."""
    groups = competition.groups(block_hash)
    panel = tools.panel(competition.profile, partial(progress, Stage.FETCH))
    began = time.monotonic()
    said = speak(model, requests_of(model.family, groups, block_hash), competition, tools, progress)
    spoken = {item.prompt_id: item for item in said}
    middle = time.monotonic()
    report = panel.judge(groups, spoken, competition, partial(progress, Stage.JUDGE))
    return JudgedSpeech(spoken, report, middle - began, time.monotonic() - middle)


def requests_of(family: str, groups: Sequence[Group], block_hash: BlockHash) -> list[Request]:
    """Every prompt of the groups in a family's words, each with a random stream of its own: 63 bits of sha256(block hash, prompt id)."""
    requests: list[Request] = []
    for prompt in (prompt for group in groups for prompt in group.prompts):
        rendered = render(family, prompt)
        stream = hashlib.sha256(f"{block_hash}/{prompt.id}".encode()).digest()
        requests.append(Request(prompt.id, rendered.text, rendered.description or "", int.from_bytes(stream[:8]) >> 1))
    return requests


def speak(
    model: LocalModel, requests: Sequence[Request], competition: Competition, tools: Tools, progress: Progress
) -> tuple[Spoken, ...]:
    """The raw audio of every request. A time-out is the submission's only if the reference guest passes here and now."""
    limits, rules = competition.limits, competition.synthesis
    parts = tools.parts(model.family, competition, partial(progress, Stage.FETCH))
    on_sample = partial(progress, Stage.SPEAK)
    try:
        return tools.sandbox.speak(model.folder, model.family, requests, limits, rules, parts=parts, on_sample=on_sample)
    except GuestTimedOut as timeout:
        if not reference_guest.passes(tools.sandbox, tools.usual):
            raise InfrastructureFault(Code.HOST_TOO_SLOW) from timeout
        seconds = limits.load_seconds if timeout.code is Code.LOAD_TIMEOUT else limits.sample_seconds
        reason = f"{timeout} ({seconds:g} s); a reference guest on the same host took its usual time"
        raise SubmissionFault(timeout.code, reason) from timeout
