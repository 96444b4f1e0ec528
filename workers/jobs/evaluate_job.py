"""A claimed evaluation, carried to its one verdict or back into the queue."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TypeVar

import structlog

from scoring.errors import Code, InfrastructureFault, VoiceError
from voice_api.db.evaluations import Claim, Verdict
from voice_api.db.states import EvaluationState, VerdictState
from voice_api.errors import DatabaseUnavailable, LeaseLost
from workers.evaluation.evaluate import Assignment, evaluate, reject
from workers.evaluation.obtain import NotYetPublic, OtherQueue, RefusedOnce
from workers.evaluation.receipt_signer import ReceiptSigner
from workers.hub.transport import HubBusy
from workers.jobs.context import WorkerContext
from workers.jobs.drain import Drained
from workers.jobs.failures import cause_of, next_retry, retry_while_db_down, same_failure_elsewhere, trace_of
from workers.jobs.lease import LeaseKeeper, Renewals, Timed
from workers.jobs.lineage import StoredLineage
from workers.jobs.supervise import Supervisor

log = structlog.get_logger()
T = TypeVar("T")

MOVED = "moved"
"""The answer of a job that only read which queue its evaluation belongs to."""


async def evaluate_claimed(context: WorkerContext, claim: Claim, signer: ReceiptSigner) -> str:
    """Carry a claim as far as it goes; returns the outcome in a word or two. Every log line of it names the evaluation."""
    names = {"evaluation": claim.evaluation_id, "submission": claim.submission_id, "round": claim.round}
    with structlog.contextvars.bound_contextvars(**names):
        try:
            return await EvaluationJob(context, claim, signer).run()
        except LeaseLost:
            log.warning("lease lost: another worker has taken over, or the round closed")
            context.metrics.lease_lost()
            return "lease lost"


@dataclass(frozen=True, slots=True)
class EvaluationJob:
    """One claimed evaluation on one worker."""

    context: WorkerContext
    claim: Claim
    signer: ReceiptSigner

    async def run(self) -> str:
        """Judge it and write the verdict, or give it back; raises LeaseLost when the claim no longer holds."""
        try:
            return await self._finish(await self._judge())
        except LeaseLost:
            raise
        except Drained as wish:
            return await self._return(None, str(wish), timedelta(0), drained=True)
        except OtherQueue as found:
            return await self._move(found)
        except NotYetPublic as fault:
            await self._return(Code.REPO_NOT_PUBLIC, fault.detail, None)
            return "not yet public"
        except RefusedOnce as fault:
            return await self._return(fault.refusal, fault.detail, self.context.patience.confirm, cause=fault.cause)
        except (InfrastructureFault, DatabaseUnavailable) as fault:
            return await self._hand_back(fault)
        except Exception as error:
            # Any other failure is a bug of ours, unless another host met the same one: it is recorded, and the job fails loudly.
            await self._settle_unforeseen(error)
            raise

    @property
    def _assignment(self) -> Assignment:
        return Assignment(self.claim, self.context.judging.schedule.at(self.claim.round), self.signer)

    async def _judge(self) -> Verdict:
        context, assignment = self.context, self._assignment
        competition, tools = assignment.competition, context.judging.tools
        if competition.hash != self.claim.competition_hash:
            raise InfrastructureFault(Code.COMPETITION_MISMATCH)
        database, patience = context.database, context.patience
        keeper = LeaseKeeper(Renewals(database.queue, context.heartbeat), self.claim, patience.lease, database.loop)
        limits = patience.limits.beyond(competition)
        lineage = StoredLineage(
            database.submissions,
            database.copies,
            self.signer.store,
            database.loop,
            lambda: context.drain.overdue,
            hub=tools.hub,
        )
        supervisor = Supervisor(keeper=keeper, limits=limits, drain=context.drain, stop_guest=tools.sandbox.stop)
        with context.metrics.stages() as entered:
            work = partial(evaluate, assignment, tools, lineage, Timed(keeper, entered))
            # Ended before its time, only a score stands: a rejection may be of a guest that was ended.
            return await supervisor.run(work, lambda verdict: verdict.state is VerdictState.SCORED)

    async def _finish(self, verdict: Verdict) -> str:
        await self._outlive_outage(partial(self.context.database.queue.finish, self.claim, verdict))
        log.info("verdict", state=verdict.state, code=verdict.code, reason=verdict.reason)
        self.context.metrics.ended(verdict.state.value, verdict.code)
        return verdict.state.value

    async def _move(self, found: OtherQueue) -> str:
        """To the queue of its track. Two workers that read two families in one revision would send it to and fro: that is ours."""
        if self.claim.moved:
            return await self._hand_back(InfrastructureFault(Code.WORKER_ERROR, f"it was moved to this queue, and {found}"))
        queue, metrics = self.context.database.queue, self.context.metrics
        state = await self._outlive_outage(partial(queue.move, self.claim, found.family, found.track, found.queue))
        log.info("moved to another queue", queue=found.queue.value, track=found.track, family=found.family, state=state.value)
        metrics.ended(MOVED)
        return MOVED

    async def _settle_unforeseen(self, error: Exception) -> None:
        """The submission's rejection where another host met the same failure with it, else one more try of ours."""
        cause = cause_of(error)
        theirs = None
        if cause is not None:
            # The failures known now, not at the claim: the same may have met another submission since, or this one elsewhere.
            known = await self._outlive_outage(partial(self.context.database.queue.causes, self.claim))
            theirs = same_failure_elsewhere(known, self.context.host, cause)
        if theirs is None:
            fault = InfrastructureFault(Code.WORKER_ERROR, f"nobody foresaw {trace_of(error)}")
            await self._hand_back(fault, cause)
            return
        try:
            verdict = await asyncio.to_thread(reject, self._assignment, theirs)
        except InfrastructureFault as ours:  # it cannot be signed or kept
            await self._hand_back(ours)
        else:
            await self._finish(verdict)

    async def _hand_back(self, fault: VoiceError, cause: str | None = None) -> str:
        asked = fault.retry_after if isinstance(fault, HubBusy) else timedelta(0)
        pause = next_retry(self.context.patience.retry, self.claim.failures, random.SystemRandom(), asked)
        return await self._return(fault.code, fault.detail, pause, cause=cause)

    async def _return(
        self, code: Code | None, detail: str, pause: timedelta | None, *, drained: bool = False, cause: str | None = None
    ) -> str:
        queue, metrics = self.context.database.queue, self.context.metrics
        write = partial(queue.hand_back, self.claim, code, detail, pause, drained=drained, cause=cause)
        is_parked = await self._outlive_outage(write) is EvaluationState.PARKED
        retry_in = None if pause is None or is_parked else pause.total_seconds()
        log.warning("parked" if retry_in is None else "handed back", code=code, detail=detail, cause=cause, retry_in=retry_in)
        outcome = "parked" if is_parked else "handed back"
        metrics.ended(outcome, code)
        if not drained and not is_parked:
            metrics.retried()
        return outcome

    async def _outlive_outage(self, write: Callable[[], Awaitable[T]]) -> T:
        return await retry_while_db_down(write, self.context.patience.lease, lambda: self.context.drain.overdue)
