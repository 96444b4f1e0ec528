"""What an RQ job does: wake up, claim the best due row, and carry it to its verdict. A job carries no evaluation id."""

import asyncio
import random
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta

import structlog

from scoring.competition import Schedule
from scoring.errors import Code, InfrastructureFault, PlatformError
from scoring.types import ContentHash, TensorsHash
from voice_api.db.queue import EvaluationQueue
from voice_api.db.records import Claim, Verdict
from voice_api.db.states import QueueName
from voice_api.db.submissions import Submissions
from voice_api.db.validations import Validations
from voice_api.errors import LeaseLost
from workers.evaluate import Earlier, NotYetPublic, Task, Tools, evaluate
from workers.lease import LeaseKeeper, Renewals
from workers.lineage import first_owner
from workers.notary import Notary
from workers.retry import RetryRule, next_retry
from workers.validate import validate_next

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything a worker process keeps warm between jobs.

    `notary` is asked for at each job, so that a renewed certificate is taken up; it raises PlatformError without a valid one.
    `beat` shows Redis that the worker lives, and never raises; `retire` ends the process after the job.
    """

    name: str
    loop: asyncio.AbstractEventLoop
    queue: EvaluationQueue
    submissions: Submissions
    validations: Validations
    schedule: Schedule
    tools: Tools
    notary: Callable[[], Notary]
    lease: timedelta
    retry: RetryRule
    beat: Callable[[], None]
    retire: Callable[[], None]


bench: ContextVar[Bench] = ContextVar("bench")
"""Set once by the worker's entry point: RQ calls jobs by name, so it cannot pass them in."""


def evaluate_next(queue: str) -> str:
    """The RQ job: evaluate the next due row of `queue`; returns what happened in a word or two."""
    current = bench.get()
    return current.loop.run_until_complete(work_one(current, QueueName(queue)))


async def work_one(current: Bench, queue: QueueName) -> str:
    """Claim one row and carry it as far as it goes; nothing due is nothing to do, and without a valid certificate nothing is claimed."""
    try:
        notary = current.notary()
    except PlatformError as error:
        log.error("the worker ends: nobody would count what it judges", code=error.code, detail=error.detail)
        current.retire()
        return "not certified"
    claim = await current.queue.claim(queue, current.name, current.lease)
    if claim is None:
        return await validate_next(current, queue) or "nothing due"
    with structlog.contextvars.bound_contextvars(
        evaluation=claim.evaluation_id, submission=claim.submission_id, round=claim.round
    ):
        try:
            return await _carry(current, claim, notary)
        except LeaseLost:
            log.warning("lease lost: another worker has taken over, or the round closed")
            return "lease lost"


async def _carry(current: Bench, claim: Claim, notary: Notary) -> str:
    """To its verdict, or back into the queue; raises LeaseLost when the claim no longer holds, whatever was to be written."""
    try:
        verdict = await _judge(current, claim, notary)
        await current.queue.finish(claim, verdict)
    except LeaseLost:
        raise
    except NotYetPublic as fault:
        await current.queue.hand_back(claim, fault.code, fault.detail, None)
        return "not yet public"
    except InfrastructureFault as fault:
        return await _hand_back(current, claim, fault)
    except Exception:
        # Any other failure is a bug of ours: the row goes back for another try, and the job fails loudly.
        await _hand_back(current, claim, InfrastructureFault(Code.WORKER_ERROR))
        raise
    log.info("verdict", state=verdict.state, code=verdict.code, reason=verdict.reason)
    return verdict.state.value


async def _judge(current: Bench, claim: Claim, notary: Notary) -> Verdict:
    competition = current.schedule.at(claim.round)
    if competition.hash != claim.competition_hash:
        raise InfrastructureFault(Code.COMPETITION_MISMATCH)
    keeper = LeaseKeeper(Renewals(current.queue, current.beat), claim, current.lease, current.loop)
    lineage = _StoredLineage(current, claim)
    return await asyncio.to_thread(evaluate, _task(claim), competition, current.tools, notary, lineage, keeper)


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
    )


async def _hand_back(current: Bench, claim: Claim, fault: InfrastructureFault) -> str:
    pause = next_retry(current.retry, claim.failures, random.SystemRandom())
    log.warning("handed back", code=fault.code, detail=fault.detail, retry_in=pause and pause.total_seconds())
    await current.queue.hand_back(claim, fault.code, fault.detail, pause)
    return "parked" if pause is None else "handed back"


class _StoredLineage:
    """Lineage as the database knows it, asked from the evaluating thread."""

    def __init__(self, current: Bench, claim: Claim) -> None:
        self._current, self._claim = current, claim

    def earlier(self, task: Task, content: ContentHash, tensors: TensorsHash) -> Earlier | None:
        lookup = self._lookup(task, content, tensors)
        return asyncio.run_coroutine_threadsafe(lookup, self._current.loop).result(timeout=60)

    async def _lookup(self, task: Task, content: ContentHash, tensors: TensorsHash) -> Earlier | None:
        tags = await self._current.submissions.tags()
        same_tensors = await self._current.submissions.by_tensors(tensors)
        return first_owner(task, content, tags, same_tensors)
