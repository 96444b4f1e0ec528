"""The RQ job: it wakes up, claims the best due row and carries it as far as it goes. A job carries no evaluation id."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import wait
from functools import partial
from typing import assert_never

import structlog
from rq import get_current_job

from scoring.errors import PlatformError
from voice_api.db.states import QueueName, VerdictState, WorkerDuty
from workers.evaluation.receipt_signer import ReceiptSigner
from workers.jobs.context import WorkerContext, worker_context
from workers.jobs.evaluate_job import MOVED, evaluate_claimed
from workers.jobs.speech_job import speak_claimed
from workers.jobs.validate_job import validate_claimed

log = structlog.get_logger()

Kind = Callable[[WorkerContext, QueueName, ReceiptSigner], Awaitable[str | None]]
"""Claims one row of a kind and carries it as far as it goes; None where none is due."""
_NOTHING, _STOPPING, _UNCERTIFIED = "nothing due", "stopping", "not certified"
IDLE = frozenset({_NOTHING, _STOPPING, _UNCERTIFIED})
"""The answers of a job that found nothing to do, or may not do it."""
_DONE = frozenset(state.value for state in VerdictState) | {MOVED}
_QUICK_SECONDS = 0.5
_HEARD_SECONDS = 0.5
"""The longest time that a signal may go unheard: one that comes just before a wait, or to another thread, does not end the wait."""


def evaluate_next(queue: str) -> str:
    """The RQ job: evaluate the next due row of `queue`; returns the outcome in a word or two, of several rows the last.

    Every log line of it names the worker and the job.
    """
    context, job = worker_context.get(), get_current_job()
    rows = while_quick(partial(work_one, context, QueueName(queue)))
    with structlog.contextvars.bound_contextvars(worker=context.name, job=None if job is None else job.id):
        outcome = asyncio.run_coroutine_threadsafe(rows, context.database.loop)
    while not outcome.done():
        wait((outcome,), timeout=_HEARD_SECONDS)
    return outcome.result()


async def while_quick(work: Callable[[], Awaitable[str]], clock: Callable[[], float] = time.monotonic) -> str:
    """Do one row's `work`, and the next one's while rows are done quickly: to reject one, or to move it, costs less than its wake-up.

    Any other outcome ends it: a worker that fails must not go through the queue.
    """
    until = clock() + _QUICK_SECONDS
    outcome = await work()
    while outcome in _DONE and clock() < until:
        following = await work()
        if following in IDLE:
            break
        outcome = following
    return outcome


async def work_one(context: WorkerContext, queue: QueueName) -> str:
    """Claim one row and carry it as far as it goes; nothing due is nothing to do.

    Evaluations and requests (recordings, and sentences to speak) take turns where both are due, so that neither waits for the end of
    the other: before an evaluation comes one request at most. So do the two kinds of requests. Without a valid certificate, or once
    it is asked to stop, a worker claims nothing.
    """
    if context.drain.requested:
        return _STOPPING
    try:
        signer = context.judging.receipt_signer()
    except PlatformError as error:
        log.error("the worker ends: nobody would count what it judges", code=error.code, detail=error.detail)
        context.drain.request()
        return _UNCERTIFIED
    for kind in _turns(context):
        outcome = await kind(context, queue, signer)
        if outcome is not None:
            return outcome
    return _NOTHING


def _turns(context: WorkerContext) -> tuple[Kind, ...]:
    """The kinds of work that the worker takes, in the order in which it looks for them now."""
    job = context.current_job
    match context.duty:
        case WorkerDuty.SPEECH:
            return (_speak,)
        case WorkerDuty.JUDGING:
            requests: tuple[Kind, ...] = (_validate,)
        case WorkerDuty.ALL:
            requests = (_validate, _speak) if job.recordings_turn else (_speak, _validate)
        case unreachable:
            assert_never(unreachable)
    return (*requests, _evaluate) if job.requests_turn else (_evaluate, *requests)


async def _evaluate(context: WorkerContext, queue: QueueName, signer: ReceiptSigner) -> str | None:
    claim = await context.database.queue.claim(queue, context.name, context.patience.lease, context.host)
    if claim is None:
        return None
    context.current_job.evaluation, context.current_job.requests_turn = claim.evaluation_id, True
    try:
        return await evaluate_claimed(context, claim, signer)
    finally:
        context.current_job.evaluation = None


async def _validate(context: WorkerContext, queue: QueueName, _signer: ReceiptSigner) -> str | None:
    claim = await context.database.validations.claim(queue, context.name, context.patience.lease, context.host)
    if claim is None:
        return None
    context.current_job.requests_turn = context.current_job.recordings_turn = False
    return await validate_claimed(context, claim)


async def _speak(context: WorkerContext, queue: QueueName, _signer: ReceiptSigner) -> str | None:
    claim = await context.database.speeches.claim(queue, context.name, context.patience.lease, context.host)
    if claim is None:
        return None
    context.current_job.requests_turn, context.current_job.recordings_turn = False, True
    return await speak_claimed(context, claim)
