"""One sentence that somebody asked for, from claim to sound: what the model did wrong is told, what we did wrong is tried again."""

import random
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog

from scoring.errors import Code, InfrastructureFault, SubmissionFault, VoiceError
from voice_api.db.speeches import SpeechClaim, Speeches, SpeechSound
from voice_api.db.states import SpeechState
from voice_api.errors import DatabaseUnavailable, LeaseLost
from workers.evaluation.say import say
from workers.jobs.context import WorkerContext
from workers.jobs.drain import Drained
from workers.jobs.failures import next_retry, retry_while_db_down
from workers.jobs.lease import LeaseKeeper, Renewals, Timed
from workers.jobs.supervise import Supervisor

log = structlog.get_logger(__name__)


async def speak_claimed(context: WorkerContext, claim: SpeechClaim) -> str:
    """Carry a claimed sentence as far as it goes; returns the outcome in a word or two. What is asked stands in no log."""
    with structlog.contextvars.bound_contextvars(speech_of=f"{claim.repo}@{claim.revision}"):
        try:
            outcome = await SpeechJob(context, claim).run()
        except LeaseLost:
            log.warning("lease lost: another worker has taken over, or the sentence's time is over")
            outcome = "lease lost"
    context.metrics.ended(f"speech {outcome}")
    return outcome


@dataclass(frozen=True, slots=True)
class SpeechJob:
    """One claimed sentence on one worker."""

    context: WorkerContext
    claim: SpeechClaim

    async def run(self) -> str:
        """Carry it to its sound, its failure, or back into the queue; raises LeaseLost when the claim no longer holds."""
        speeches, patience, drain = self.context.database.speeches, self.context.patience, self.context.drain
        try:
            sound = await self._speak()
            await retry_while_db_down(partial(speeches.finish, self.claim, sound), patience.lease, lambda: drain.overdue)
        except LeaseLost:
            raise
        except Drained as wish:
            return await self._return(timedelta(0), InfrastructureFault(Code.WORKER_ERROR, str(wish)), drained=True)
        except SubmissionFault as fault:
            await speeches.fail(self.claim, fault.code, fault.detail)
            log.info("the model did not say a sentence", code=fault.code, reason=fault.detail)
            return "refused"
        except (InfrastructureFault, DatabaseUnavailable) as fault:
            return await self._hand_back(fault)
        except Exception:
            # Any other failure is a bug of ours: the sentence is tried again, and the job fails loudly.
            await self._hand_back(InfrastructureFault(Code.WORKER_ERROR))
            raise
        log.info("sentence spoken", seconds=sound.seconds, speak_seconds=sound.speak_seconds)
        return "spoken"

    async def _speak(self) -> SpeechSound:
        context, tools, patience = self.context, self.context.judging.tools, self.context.patience
        competition = context.judging.schedule.at(self.claim.round)
        leases = _Leases(context.database.speeches)
        keeper = LeaseKeeper(Renewals(leases, context.heartbeat), self.claim, patience.lease, context.database.loop)
        limits = patience.limits.beyond(competition)
        supervisor = Supervisor(keeper=keeper, limits=limits, drain=context.drain, stop_guest=tools.sandbox.stop)
        with context.metrics.stages() as entered:
            return await supervisor.run(partial(say, self.claim, competition, tools, Timed(keeper, entered)))

    async def _hand_back(self, fault: VoiceError) -> str:
        """Back into the queue after a pause; failed, with our own code, when it was tried often enough or its time is over by then."""
        pause = next_retry(self.context.patience.retry, self.claim.attempt - 1, random.SystemRandom())
        log.warning("sentence not spoken", code=fault.code, detail=fault.detail, retry_in=pause and pause.total_seconds())
        if pause is None:
            await self.context.database.speeches.fail(self.claim, fault.code, fault.detail)
            return "failed"
        return await self._return(pause, fault)

    async def _return(self, pause: timedelta, fault: VoiceError, *, drained: bool = False) -> str:
        speeches = self.context.database.speeches
        state = await speeches.hand_back(self.claim, pause, fault.code, fault.detail, drained=drained)
        return "handed back" if state is SpeechState.QUEUED else "failed"


@dataclass(frozen=True, slots=True)
class _Leases:
    """A sentence's row keeps no stage."""

    speeches: Speeches

    async def renew(self, claim: SpeechClaim, lease: timedelta, stage: str, done: int, total: int) -> None:
        """Extend the lease; raises LeaseLost."""
        del stage, done, total
        await self.speeches.renew(claim, lease)
