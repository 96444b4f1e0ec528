"""What an RQ job does: wake up, claim the best due row, and carry it to its verdict. A job carries no evaluation id."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import structlog

from scoring.errors import Code, InfrastructureFault, PlatformError, SubmissionFault, VoiceError
from voice_api.db.evaluations import Claim, Verdict
from voice_api.db.states import EvaluationState, QueueName, VerdictState
from voice_api.errors import DatabaseUnavailable, LeaseLost
from workers.evaluation.evaluate import NotYetPublic, RefusedOnce, Task, evaluate, refuse
from workers.evaluation.progress import Timed
from workers.evaluation.sign import ReceiptSigner
from workers.jobs import db_retry
from workers.jobs.context import WorkerContext, worker_context
from workers.jobs.drain import Drained
from workers.jobs.lease import LeaseKeeper, Renewals
from workers.jobs.lineage import StoredLineage
from workers.jobs.retry import next_retry
from workers.jobs.supervise import Supervisor, attempt
from workers.jobs.unforeseen import cause_of, same_failure_elsewhere, trace_of
from workers.jobs.validate_job import validate_next

log = structlog.get_logger()

_NOTHING, _STOPPING, _UNCERTIFIED = "nothing due", "stopping", "not certified"
IDLE = frozenset({_NOTHING, _STOPPING, _UNCERTIFIED})
"""What a job says that found nothing to do, or may not do it."""
_VERDICTS = frozenset(state.value for state in VerdictState)
_QUICK_SECONDS = 0.5


def evaluate_next(queue: str) -> str:
    """The RQ job: evaluate the next due row of `queue`; returns what happened in a word or two, of several the last."""
    current = worker_context.get()
    rows = while_quick(partial(work_one, current, QueueName(queue)))
    return asyncio.run_coroutine_threadsafe(rows, current.loop).result()


async def while_quick(work: Callable[[], Awaitable[str]], clock: Callable[[], float] = time.monotonic) -> str:
    """One row's `work`, and the next one's while verdicts come quickly: what is refused at once costs less than its wake-up.

    Whatever else happened ends it: a worker that fails must not go through the queue.
    """
    until = clock() + _QUICK_SECONDS
    outcome = await work()
    while outcome in _VERDICTS and clock() < until:
        following = await work()
        if following in IDLE:
            break
        outcome = following
    return outcome


async def work_one(current: WorkerContext, queue: QueueName) -> str:
    """Claim one row and carry it as far as it goes; nothing due is nothing to do.

    Evaluations and recordings take turns where both are due, so that neither waits for the end of the other. Without a valid
    certificate, or once it is asked to stop, a worker claims nothing.
    """
    if current.drain.requested:
        return _STOPPING
    try:
        receipt_signer = current.receipt_signer()
    except PlatformError as error:
        log.error("the worker ends: nobody would count what it judges", code=error.code, detail=error.detail)
        current.retire()
        return _UNCERTIFIED
    for kind in (_validate, _evaluate) if current.current_job.recordings_turn else (_evaluate, _validate):
        outcome = await kind(current, queue, receipt_signer)
        if outcome is not None:
            return outcome
    return _NOTHING


async def _evaluate(current: WorkerContext, queue: QueueName, receipt_signer: ReceiptSigner) -> str | None:
    claim = await current.queue.claim(queue, current.name, current.lease, current.host)
    if claim is None:
        return None
    current.current_job.evaluation, current.current_job.recordings_turn = claim.evaluation_id, True
    try:
        with structlog.contextvars.bound_contextvars(
            evaluation=claim.evaluation_id, submission=claim.submission_id, round=claim.round
        ):
            return await _carry(current, claim, receipt_signer)
    except LeaseLost:
        log.warning("lease lost: another worker has taken over, or the round closed")
        current.metrics.lease_lost()
        return "lease lost"
    finally:
        current.current_job.evaluation = None


async def _validate(current: WorkerContext, queue: QueueName, _receipt_signer: ReceiptSigner) -> str | None:
    current.current_job.recordings_turn = False
    outcome = await validate_next(current, queue)
    if outcome is not None:
        current.metrics.ended(f"recording {outcome}")
    return outcome


async def _carry(current: WorkerContext, claim: Claim, receipt_signer: ReceiptSigner) -> str:
    """To its verdict, or back into the queue; raises LeaseLost when the claim no longer holds, whatever was to be written."""
    try:
        return await _finish(current, claim, await _judge(current, claim, receipt_signer))
    except LeaseLost:
        raise
    except Drained as wish:
        return await _return(current, claim, None, str(wish), timedelta(0), drained=True)
    except NotYetPublic as fault:
        await _return(current, claim, Code.REPO_NOT_PUBLIC, fault.detail, None)
        return "not yet public"
    except RefusedOnce as fault:
        return await _return(current, claim, Code.REPO_NOT_PUBLIC, fault.detail, current.confirm, cause=_refusal(claim))
    except (InfrastructureFault, DatabaseUnavailable) as fault:
        return await _hand_back(current, claim, fault)
    except Exception as error:
        # Any other failure is a bug of ours, unless another host met the same one: it is recorded, and the job fails loudly.
        cause = cause_of(error)
        theirs = None if cause is None else await _theirs(current, claim, cause)
        if theirs is None:
            await _hand_back(current, claim, InfrastructureFault(Code.WORKER_ERROR, f"nobody foresaw {trace_of(error)}"), cause)
        else:
            await _refuse(current, claim, receipt_signer, theirs)
        raise


async def _judge(current: WorkerContext, claim: Claim, receipt_signer: ReceiptSigner) -> Verdict:
    competition = current.schedule.at(claim.round)
    if competition.hash != claim.competition_hash:
        raise InfrastructureFault(Code.COMPETITION_MISMATCH)
    keeper = LeaseKeeper(Renewals(current.queue, current.heartbeat), claim, current.lease, current.loop)
    limits = current.limits.beyond(competition.limits, competition.synthesis)
    lineage = StoredLineage(current.submissions, current.loop, lambda: current.drain.overdue)
    supervisor = Supervisor(keeper, limits, current.drain, current.tools.sandbox.stop, current.give_up)
    with current.metrics.stages() as entered:
        progress = Timed(keeper, entered)
        work = partial(evaluate, _task(claim), competition, current.tools, receipt_signer, lineage, progress)
        return await attempt(
            work, supervisor, lambda verdict: verdict.state is VerdictState.SCORED
        )  # no refusal by an ended guest


def _task(claim: Claim) -> Task:
    return Task(
        claim.hotkey,
        bytes.fromhex(claim.public_key),
        claim.commit_block,
        claim.tiebreak,
        claim.repo,
        claim.revision,
        bytes.fromhex(claim.tag),
        claim.round,
        claim.block_hash,
        any(earlier.cause == _refusal(claim) for earlier in claim.causes),
    )


def _refusal(claim: Claim) -> str:
    """How a first refusal of the hub is remembered; the row is due again only after `confirm`, so a second one is that much later."""
    return f"refused in round {claim.round}"


async def _finish(current: WorkerContext, claim: Claim, verdict: Verdict) -> str:
    await db_retry.through(partial(current.queue.finish, claim, verdict), current.lease, lambda: current.drain.overdue)
    log.info("verdict", state=verdict.state, code=verdict.code, reason=verdict.reason)
    current.metrics.ended(verdict.state.value, verdict.code)
    return verdict.state.value


async def _theirs(current: WorkerContext, claim: Claim, cause: str) -> SubmissionFault | None:
    """By what is known now, not at the claim: meanwhile the same failure may have met another submission, or this one elsewhere."""
    known = await db_retry.through(partial(current.queue.causes, claim), current.lease, lambda: current.drain.overdue)
    return same_failure_elsewhere(known, current.host, cause)


async def _refuse(current: WorkerContext, claim: Claim, receipt_signer: ReceiptSigner, fault: SubmissionFault) -> None:
    """An unforeseen failure's verdict; where it cannot be signed or kept, the row goes back."""
    try:
        verdict = await asyncio.to_thread(refuse, _task(claim), current.schedule.at(claim.round), receipt_signer, fault)
    except InfrastructureFault as ours:
        await _hand_back(current, claim, ours)
    else:
        await _finish(current, claim, verdict)


async def _hand_back(current: WorkerContext, claim: Claim, fault: VoiceError, cause: str | None = None) -> str:
    pause = next_retry(current.retry, claim.failures, random.SystemRandom())
    return await _return(current, claim, fault.code, fault.detail, pause, cause=cause)


async def _return(
    current: WorkerContext,
    claim: Claim,
    code: Code | None,
    detail: str,
    pause: timedelta | None,
    *,
    drained: bool = False,
    cause: str | None = None,
) -> str:
    write = partial(current.queue.hand_back, claim, code, detail, pause, drained=drained, cause=cause)
    state = await db_retry.through(write, current.lease, lambda: current.drain.overdue)
    retry_in = None if pause is None or state is EvaluationState.PARKED else pause.total_seconds()
    log.warning("parked" if retry_in is None else "handed back", code=code, detail=detail, cause=cause, retry_in=retry_in)
    outcome = "parked" if state is EvaluationState.PARKED else "handed back"
    current.metrics.ended(outcome, code)
    if not drained and state is not EvaluationState.PARKED:
        current.metrics.retried()
    return outcome
