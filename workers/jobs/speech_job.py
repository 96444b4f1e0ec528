"""One sentence that somebody asked for, in a model's voice: what the model did wrong is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from scoring.competition import Competition
from scoring.errors import SubmissionFault, VoiceError
from voice_api.db.speeches import SpeechClaim, Speeches, SpeechSound
from voice_api.db.states import SpeechState
from workers.evaluation.progress import Progress
from workers.evaluation.say import say
from workers.jobs.context import WorkerContext
from workers.jobs.request_job import answer_claimed
from workers.jobs.supervise import StageLimits


async def speak_claimed(context: WorkerContext, claim: SpeechClaim) -> str:
    """Carry a claimed sentence as far as it goes; returns the outcome in a word or two."""
    return await answer_claimed(context, SpeechRequest(context, claim))


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """A claimed sentence."""

    context: WorkerContext
    claim: SpeechClaim
    kind = "speech"
    answered = "spoken"
    refusal = SubmissionFault

    @property
    def names(self) -> Mapping[str, str]:
        """The model's: what is asked stands in no log."""
        return {"speech_of": f"{self.claim.repo}@{self.claim.revision}"}

    @property
    def rows(self) -> Speeches:
        """Where the sentence stands."""
        return self.context.database.speeches

    @property
    def limits(self) -> StageLimits:
        """The worker's, with the time that the rules give a model."""
        return self.context.patience.limits.beyond(self._competition)

    def answer(self, progress: Progress) -> SpeechSound:
        """Let the model say it; raises SubmissionFault, InfrastructureFault."""
        return say(self.claim, self._competition, self.context.judging.tools, progress)

    async def finish(self, answer: SpeechSound) -> None:
        """Write what the model said; raises LeaseLost."""
        await self.rows.finish(self.claim, answer)

    def facts(self, answer: SpeechSound) -> Mapping[str, object]:
        """Its lengths, of sound and of speaking."""
        return {"seconds": answer.seconds, "speak_seconds": answer.speak_seconds}

    async def hand_back(self, pause: timedelta, fault: VoiceError, *, drained: bool) -> bool:
        """Into the queue, unless its time is over by then: failed with the fault. Raises LeaseLost."""
        state = await self.rows.hand_back(self.claim, pause, fault.code, fault.detail, drained=drained)
        return state is SpeechState.QUEUED

    @property
    def _competition(self) -> Competition:
        return self.context.judging.schedule.at(self.claim.round)
