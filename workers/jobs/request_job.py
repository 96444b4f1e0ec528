"""One thing that a person asked for, from claim to answer: what the asked-for is to blame for ends it, what we did wrong is tried again."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

import structlog

from scoring.errors import Code, InfrastructureFault, VoiceError
from voice_api.db.requests import ClaimedRequest, LeasedRequests
from voice_api.errors import DatabaseUnavailable, LeaseLost
from workers.evaluation.progress import Progress
from workers.jobs.context import WorkerContext
from workers.jobs.drain import Drained
from workers.jobs.failures import next_retry, retry_while_db_down
from workers.jobs.lease import LeaseKeeper, Renewals, Timed
from workers.jobs.supervise import StageLimits, Supervisor

log = structlog.get_logger(__name__)

Answer = TypeVar("Answer")


class Request(Protocol[Answer]):
    """A claimed request of a kind: its row, how it is answered, and the words for it."""

    @property
    def kind(self) -> str:
        """The kind's name in logs and metrics."""
        ...

    @property
    def answered(self) -> str:
        """The outcome's name once there is an answer."""
        ...

    @property
    def names(self) -> Mapping[str, str]:
        """What every log line about it carries."""
        ...

    @property
    def refusal(self) -> type[VoiceError]:
        """The errors that end it for good: they would come again."""
        ...

    @property
    def claim(self) -> ClaimedRequest: ...

    @property
    def rows(self) -> LeasedRequests[Any]: ...

    @property
    def limits(self) -> StageLimits: ...

    def answer(self, progress: Progress) -> Answer:
        """Find the answer; runs in a thread of its own. Raises `refusal`, and InfrastructureFault for whatever is ours."""
        ...

    async def finish(self, answer: Answer) -> None:
        """Write it into the row; raises LeaseLost."""
        ...

    def facts(self, answer: Answer) -> Mapping[str, object]:
        """What the log says of it."""
        ...

    async def hand_back(self, pause: timedelta, fault: VoiceError, *, drained: bool) -> bool:
        """Let it be claimed again after a pause; returns whether it waits: one whose time is over by then has failed. Raises LeaseLost."""
        ...


async def answer_claimed(context: WorkerContext, request: Request[Any]) -> str:
    """Carry a claimed request as far as it goes; returns the outcome in a word or two."""
    with structlog.contextvars.bound_contextvars(**request.names):
        try:
            outcome = await RequestJob(context, request).run()
        except LeaseLost:
            log.warning("lease lost: another worker has taken over, or its time is over")
            outcome = "lease lost"
    context.metrics.ended(f"{request.kind} {outcome}")
    return outcome


@dataclass(frozen=True, slots=True)
class RequestJob(Generic[Answer]):
    """One claimed request on one worker."""

    context: WorkerContext
    request: Request[Answer]

    async def run(self) -> str:
        """Carry it to its answer, its refusal, or back into the queue; raises LeaseLost when the claim no longer holds."""
        request, patience, drain = self.request, self.context.patience, self.context.drain
        try:
            answer = await self._answer()
            await retry_while_db_down(partial(request.finish, answer), patience.lease, lambda: drain.overdue)
        except LeaseLost:
            raise
        except Drained as wish:
            return await self._return(timedelta(0), InfrastructureFault(Code.WORKER_ERROR, str(wish)), drained=True)
        except request.refusal as fault:
            await request.rows.fail(request.claim, fault.code, fault.detail)
            log.info(f"{request.kind} refused", code=fault.code, reason=fault.detail)
            return "refused"
        except (InfrastructureFault, DatabaseUnavailable) as fault:
            return await self._hand_back(fault)
        except Exception:
            # Any other failure is a bug of ours: the request is tried again, and the job fails loudly.
            await self._hand_back(InfrastructureFault(Code.WORKER_ERROR))
            raise
        log.info(f"{request.kind} {request.answered}", **request.facts(answer))
        return request.answered

    async def _answer(self) -> Answer:
        context, request = self.context, self.request
        renewals = Renewals(_Leases(request.rows), context.heartbeat)
        keeper = LeaseKeeper(renewals, request.claim, context.patience.lease, context.database.loop)
        stop_guest = context.judging.tools.sandbox.stop
        supervisor = Supervisor(keeper=keeper, limits=request.limits, drain=context.drain, stop_guest=stop_guest)
        with context.metrics.stages() as entered:
            return await supervisor.run(partial(request.answer, Timed(keeper, entered)))

    async def _hand_back(self, fault: VoiceError) -> str:
        """Back into the queue after a pause; failed, with our own code, when it was tried often enough."""
        request = self.request
        pause = next_retry(self.context.patience.retry, request.claim.attempt - 1, random.SystemRandom())
        retry_in = pause and pause.total_seconds()
        log.warning(f"{request.kind} not {request.answered}", code=fault.code, detail=fault.detail, retry_in=retry_in)
        if pause is None:
            await request.rows.fail(request.claim, fault.code, fault.detail)
            return "failed"
        return await self._return(pause, fault)

    async def _return(self, pause: timedelta, fault: VoiceError, *, drained: bool = False) -> str:
        return "handed back" if await self.request.hand_back(pause, fault, drained=drained) else "failed"


@dataclass(frozen=True, slots=True)
class _Leases:
    """A request's row keeps no stage."""

    rows: LeasedRequests[Any]

    async def renew(self, claim: ClaimedRequest, lease: timedelta, stage: str, done: int, total: int) -> None:
        """Extend the lease; raises LeaseLost."""
        del stage, done, total
        await self.rows.renew(claim, lease)
