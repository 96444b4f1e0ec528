"""One recording that a miner asks about, from claim to result: the sandbox, the judges and the sums of a model's samples."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from prompts.groups import Group, GroupKind, Prompt
from prompts.voices import parse_description
from scoring.audio.spoken import Spoken
from scoring.competition import Track
from scoring.errors import Code, PlatformError, VoiceError
from scoring.language.text import unreadable
from scoring.scores import aggregate
from scoring.scores.aggregate import ScoreRules
from scoring.scores.reasons import explain
from voice_api.db.validations import ValidationClaim, ValidationResult, Validations
from workers.evaluation.progress import Progress, Stage
from workers.evaluation.tools import Tools
from workers.jobs.context import WorkerContext
from workers.jobs.request_job import answer_claimed
from workers.jobs.supervise import StageLimits

_ID = "validation"


class Unjudgeable(PlatformError):
    """The recording (AUDIO_INVALID) or its text (TEXT_INVALID) is at fault: it would be so again."""


async def validate_claimed(context: WorkerContext, claim: ValidationClaim) -> str:
    """Carry a claimed recording as far as it goes; returns the outcome in a word or two."""
    return await answer_claimed(context, RecordingRequest(context, claim))


@dataclass(frozen=True, slots=True)
class RecordingRequest:
    """A claimed recording."""

    context: WorkerContext
    claim: ValidationClaim
    kind = "recording"
    answered = "validated"
    refusal = Unjudgeable

    @property
    def names(self) -> Mapping[str, str]:
        """Its row's."""
        return {"validation": str(self.claim.id)}

    @property
    def rows(self) -> Validations:
        """Where the recording stands."""
        return self.context.database.validations

    @property
    def limits(self) -> StageLimits:
        """The worker's own: no model speaks."""
        return self.context.patience.limits

    def answer(self, progress: Progress) -> ValidationResult:
        """Judge it by the rules of `voice miner score`: what counts is what comes next. Raises Unjudgeable, InfrastructureFault."""
        judging = self.context.judging
        return validate(self.claim, judging.schedule.version[-1].track[0], judging.tools, progress)

    async def finish(self, answer: ValidationResult) -> None:
        """Write the judges' findings; raises LeaseLost."""
        await self.rows.finish(self.claim, answer)

    def facts(self, answer: ValidationResult) -> Mapping[str, object]:
        """Its score, and the gate that closed."""
        return {"score": answer.score, "gate": answer.gate}

    async def hand_back(self, pause: timedelta, fault: VoiceError, *, drained: bool) -> bool:
        """Into the queue: a recording may wait for any time. Raises LeaseLost."""
        del fault
        await self.rows.hand_back(self.claim, pause, drained=drained)
        return True


def validate(claim: ValidationClaim, rules: Track, tools: Tools, progress: Progress) -> ValidationResult:
    """Decode and judge a recording as the answer to one prompt; it is not resampled: a rate that no model may have closes a gate.

    Raises Unjudgeable, and InfrastructureFault for whatever is ours.
    """
    _check(claim.text)
    prompt = Prompt(id=_ID, text=claim.text, description=claim.description, voice=parse_description(claim.description))
    group = Group(_ID, GroupKind.SINGLE, (prompt,))
    spoken = _spoken(claim.upload, rules, tools)
    progress(Stage.CHECK, 1, 1)
    panel = tools.panel(rules.profile, partial(progress, Stage.FETCH))
    report = panel.judge([group], {_ID: spoken}, rules, partial(progress, Stage.JUDGE))
    reasons = explain([group], report, ScoreRules(aggregate.load_anchors(rules.profile), rules.factors))
    (sample,) = report.samples
    utilities = {factor.value: utility for factor, utility in sample.utilities.items()}
    return ValidationResult(
        score=sample.score, gate=sample.gate, metrics=sample.metrics, utilities=utilities, reasons=reasons[_ID]
    )


def _check(text: str) -> None:
    """Refuse a text in which there is nothing to say, or something that nobody can be sure how to say."""
    if why := unreadable(text):
        raise Unjudgeable(Code.TEXT_INVALID, why)


def _spoken(upload: bytes, rules: Track, tools: Tools) -> Spoken:
    try:
        decoded = tools.sandbox.decode(upload, rules.limits.max_audio_seconds)
    except PlatformError as error:
        raise Unjudgeable(error.code, error.detail) from error
    return Spoken(prompt_id=_ID, rate=decoded.rate, pcm=decoded.pcm, seconds=0.0)
