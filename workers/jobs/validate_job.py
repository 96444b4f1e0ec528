"""One recording that a miner asks about, from claim to result: the sandbox, the judges and the sums of a model's samples."""

import random
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog

from prompts.groups import Group, GroupKind, Prompt
from prompts.voices import parse_description
from scoring.audio.spoken import Spoken
from scoring.competition import Track
from scoring.errors import Code, InfrastructureFault, PlatformError, VoiceError
from scoring.language.text import unreadable
from scoring.scores import aggregate
from scoring.scores.aggregate import ScoreRules
from scoring.scores.reasons import explain
from voice_api.db.validations import ValidationClaim, ValidationResult, Validations
from voice_api.errors import DatabaseUnavailable, LeaseLost
from workers.evaluation.progress import Progress, Stage
from workers.evaluation.tools import Tools
from workers.jobs.context import WorkerContext
from workers.jobs.drain import Drained
from workers.jobs.failures import next_retry, retry_while_db_down
from workers.jobs.lease import LeaseKeeper, Renewals
from workers.jobs.supervise import Supervisor

log = structlog.get_logger(__name__)

_ID = "validation"


class Unjudgeable(PlatformError):
    """The recording (AUDIO_INVALID) or its text (TEXT_INVALID) is at fault: it would be so again."""


async def validate_claimed(context: WorkerContext, claim: ValidationClaim) -> str:
    """Carry a claimed recording as far as it goes; returns the outcome in a word or two."""
    with structlog.contextvars.bound_contextvars(validation=str(claim.id)):
        try:
            outcome = await ValidationJob(context, claim).run()
        except LeaseLost:
            log.warning("lease lost: another worker has taken over")
            outcome = "lease lost"
    context.metrics.ended(f"recording {outcome}")
    return outcome


@dataclass(frozen=True, slots=True)
class ValidationJob:
    """One claimed recording on one worker."""

    context: WorkerContext
    claim: ValidationClaim

    async def run(self) -> str:
        """Carry it to its result, its refusal, or back into the queue; raises LeaseLost when the claim no longer holds."""
        validations, patience, drain = self.context.database.validations, self.context.patience, self.context.drain
        try:
            result = await self._judge()
            await retry_while_db_down(partial(validations.finish, self.claim, result), patience.lease, lambda: drain.overdue)
        except LeaseLost:
            raise
        except Drained as wish:
            await validations.hand_back(self.claim, timedelta(0), drained=True)
            log.info("handed back", detail=str(wish))
            return "handed back"
        except Unjudgeable as refusal:
            await validations.fail(self.claim, refusal.code, refusal.detail)
            log.info("recording refused", code=refusal.code, reason=refusal.detail)
            return "refused"
        except (InfrastructureFault, DatabaseUnavailable) as fault:
            return await self._hand_back(fault)
        except Exception:
            # Any other failure is a bug of ours: the recording is tried again, and the job fails loudly.
            await self._hand_back(InfrastructureFault(Code.WORKER_ERROR))
            raise
        log.info("recording judged", score=result.score, gate=result.gate)
        return "validated"

    async def _judge(self) -> ValidationResult:
        context, judging, patience = self.context, self.context.judging, self.context.patience
        rules = judging.schedule.version[-1].track[0]  # as for `voice miner score`: what counts is what comes next
        leases = _Leases(context.database.validations)
        keeper = LeaseKeeper(Renewals(leases, context.heartbeat), self.claim, patience.lease, context.database.loop)
        supervisor = Supervisor(keeper=keeper, limits=patience.limits, drain=context.drain, stop_guest=judging.tools.sandbox.stop)
        return await supervisor.run(partial(validate, self.claim, rules, judging.tools, keeper))

    async def _hand_back(self, fault: VoiceError) -> str:
        """Back into the queue after a pause; failed, with our own code, when it was tried often enough."""
        pause = next_retry(self.context.patience.retry, self.claim.attempt - 1, random.SystemRandom())
        log.warning("recording not judged", code=fault.code, detail=fault.detail, retry_in=pause and pause.total_seconds())
        if pause is None:
            await self.context.database.validations.fail(self.claim, fault.code, fault.detail)
            return "failed"
        await self.context.database.validations.hand_back(self.claim, pause)
        return "handed back"


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


@dataclass(frozen=True, slots=True)
class _Leases:
    """A recording's row keeps no stage."""

    validations: Validations

    async def renew(self, claim: ValidationClaim, lease: timedelta, stage: str, done: int, total: int) -> None:
        """Extend the lease; raises LeaseLost."""
        del stage, done, total
        await self.validations.renew(claim, lease)
