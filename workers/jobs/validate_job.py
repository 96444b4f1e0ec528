"""One recording that a miner asks about, from claim to result: the sandbox, the judges and the sums of a model's samples."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog

from prompts.groups import Group, GroupKind, Prompt
from prompts.voices import understand
from scoring.audio.spoken import Spoken
from scoring.competition import Competition
from scoring.errors import Code, InfrastructureFault, PlatformError, VoiceError
from scoring.judges.recognition.dictionary import unknown
from scoring.language.text import normalise, spell
from scoring.scores import anchors
from scoring.scores.aggregate import ScoreRules
from scoring.scores.reasons import explain
from scoring.types import BlockHash
from voice_api.db.states import QueueName
from voice_api.db.validations import ValidationClaim, ValidationResult, Validations
from voice_api.errors import DatabaseUnavailable, LeaseLost
from workers.evaluation.evaluate import Tools, round_groups
from workers.evaluation.progress import Progress, Stage
from workers.jobs import db_retry
from workers.jobs.context import WorkerContext
from workers.jobs.drain import Drained
from workers.jobs.lease import LeaseKeeper, Renewals
from workers.jobs.retry import next_retry
from workers.jobs.supervise import Supervisor, attempt

log = structlog.get_logger(__name__)

_ID = "validation"
_COMPANY = BlockHash(f"0x{0:064x}")
"""Its round's texts are in the recogniser's vocabulary beside the recording's own: with that alone it could hear no other words."""
_MOST_NAMED = 10
"""Unknown words that an error names."""


class Unjudgeable(PlatformError):
    """The recording (AUDIO_INVALID) or its text (TEXT_INVALID) is at fault: it would be so again."""


async def validate_next(current: WorkerContext, queue: QueueName) -> str | None:
    """Claim the next due recording of a queue and carry it as far as it goes: what happened in a word or two, None if none is due."""
    claim = await current.validations.claim(queue, current.name, current.lease, current.host)
    if claim is None:
        return None
    with structlog.contextvars.bound_contextvars(validation=str(claim.id)):
        try:
            return await _carry(current, claim)
        except LeaseLost:
            log.warning("lease lost: another worker has taken over")
            return "lease lost"


async def _carry(current: WorkerContext, claim: ValidationClaim) -> str:
    """To its result, its refusal, or back into the queue; raises LeaseLost when the claim no longer holds."""
    try:
        result = await _judge(current, claim)
        await db_retry.through(partial(current.validations.finish, claim, result), current.lease, lambda: current.drain.overdue)
    except LeaseLost:
        raise
    except Drained as wish:
        await current.validations.hand_back(claim, timedelta(0), drained=True)
        log.info("handed back", detail=str(wish))
        return "handed back"
    except Unjudgeable as refusal:
        await current.validations.fail(claim, refusal.code, refusal.detail)
        log.info("recording refused", code=refusal.code, reason=refusal.detail)
        return "refused"
    except (InfrastructureFault, DatabaseUnavailable) as fault:
        return await _again(current, claim, fault)
    except Exception:
        # Any other failure is a bug of ours: the recording is tried again, and the job fails loudly.
        await _again(current, claim, InfrastructureFault(Code.WORKER_ERROR))
        raise
    log.info("recording judged", score=result.score, gate=result.gate)
    return "validated"


async def _judge(current: WorkerContext, claim: ValidationClaim) -> ValidationResult:
    rules = current.schedule.version[-1]  # as for `voice miner score`: what counts is what comes next
    keeper = LeaseKeeper(Renewals(_Leases(current.validations), current.heartbeat), claim, current.lease, current.loop)
    supervisor = Supervisor(keeper, current.limits, current.drain, current.tools.sandbox.stop, current.give_up)
    return await attempt(partial(validate, claim, rules, current.tools, keeper), supervisor)


async def _again(current: WorkerContext, claim: ValidationClaim, fault: VoiceError) -> str:
    """Back into the queue after a pause; failed, with our own code, when it was tried often enough."""
    pause = next_retry(current.retry, claim.attempt - 1, random.SystemRandom())
    log.warning("recording not judged", code=fault.code, detail=fault.detail, retry_in=pause and pause.total_seconds())
    if pause is None:
        await current.validations.fail(claim, fault.code, fault.detail)
        return "failed"
    await current.validations.hand_back(claim, pause)
    return "handed back"


def validate(claim: ValidationClaim, rules: Competition, tools: Tools, progress: Progress) -> ValidationResult:
    """Decode and judge a recording as the answer to one prompt; it is not resampled: a rate that no model may have closes a gate.

    Raises Unjudgeable, and InfrastructureFault for whatever is ours.
    """
    _check(claim.text)
    prompt = Prompt(_ID, claim.text, claim.description, understand(claim.description))
    group = Group(_ID, GroupKind.SINGLE, (prompt,))
    spoken = _spoken(claim.upload, rules, tools)
    progress(Stage.CHECK, 1, 1)
    company = round_groups(_COMPANY, rules)
    panel = tools.panel(rules.profile, (*company, group), lambda done, total: progress(Stage.FETCH, done, total))
    report = panel.judge([group], {_ID: spoken}, rules, lambda done, total: progress(Stage.JUDGE, done, total))
    reasons = explain([group], report, ScoreRules(anchors.load(rules.profile), rules.factors))
    (sample,) = report.samples
    utilities = {factor.value: utility for factor, utility in sample.utilities.items()}
    return ValidationResult(sample.score, sample.gate, sample.metrics, utilities, reasons[_ID])


def _check(text: str) -> None:
    """What the recogniser cannot read, it cannot hear; both readings of a number are in its vocabulary."""
    words = normalise(text)
    if not words:
        raise Unjudgeable(Code.TEXT_INVALID, "the text holds no word that can be read")
    if missing := unknown((*words, *spell(text))):
        raise Unjudgeable(Code.TEXT_INVALID, f"not in the recogniser's dictionary: {_named(missing)}")


def _named(words: Sequence[str]) -> str:
    more = " …" if len(words) > _MOST_NAMED else ""
    return ", ".join(words[:_MOST_NAMED]) + more


def _spoken(upload: bytes, rules: Competition, tools: Tools) -> Spoken:
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
