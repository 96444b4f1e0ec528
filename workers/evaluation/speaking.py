"""A model speaks a round's prompts, guest after guest: a late answer is the model's only if this host is not the reason.

A guest that was late is ended, since it may hang, and the next one goes on. The late batch is spoken again, once, if the guest had not
had the processor (it slept, or this host stopped it) or if the reference guest is slow too. Late again, or late with the processor,
while the reference guest takes its usual time: its samples close the gate `timeout`. Late again with a slow reference: our fault.
A card's error ends the guest too; `card_blame` says what follows.
"""

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from functools import partial

from scoring.audio.spoken import Spoken
from scoring.errors import Code, InfrastructureFault, SubmissionFault
from scoring.report import Gate
from workers.evaluation.batches import Batch
from workers.evaluation.card_blame import CardBlame, blame
from workers.evaluation.obtain import LocalModel
from workers.evaluation.progress import Progress, Stage
from workers.evaluation.tools import Tools
from workers.sandbox.sandbox import CardFailed, GuestStage, GuestTimedOut

_HOST_IS_WELL = "a reference guest on the same host took its usual time"
_CARD_IS_WELL = "a reference guest on the same card spoke, and another guest with this model failed the same way"


def speak(model: LocalModel, batches: Sequence[Batch], tools: Tools, progress: Progress) -> Generator[Spoken, None, None]:
    """The answer to every request, as it is spoken. Each batch is asked as it is, by whatever guest, however often.

    Raises SubmissionFault for a model that does not load or speak as it must, or of which too much is late; InfrastructureFault.
    """
    return _Speech(model, sum(map(len, batches)), tools, progress).run(deque(batches))


class _Speech:
    """One model in one evaluation."""

    def __init__(self, model: LocalModel, total: int, tools: Tools, progress: Progress) -> None:
        self._model, self._total, self._limits, self._tools, self._progress = model, total, model.track.limits, tools, progress
        tools.sandbox.hold_card(self._limits)
        parts = tools.parts(model.family, model.track, partial(progress, Stage.FETCH))
        environment = tools.environments(model.family, partial(progress, Stage.PREPARE))
        task = (model.folder, model.family, model.track.limits, model.track.synthesis)
        self._guest = partial(tools.sandbox.guest, *task, parts=parts, environment=environment)
        self._device = model.track.synthesis.device
        self._done, self._lost_samples, self._looks = 0, 0, 0

    def run(self, waiting: deque[Batch]) -> Generator[Spoken, None, None]:
        """Every answer; `waiting` is emptied."""
        self._tools.reference.usual(self._device)  # measured while nothing is wrong
        failed_at: GuestStage | None = None  # where the batch at hand was late before, or the card failed
        while waiting:
            try:
                with self._guest(seconds=sum(timed.seconds for batch in waiting for timed in batch)) as talk:
                    while waiting:
                        answers = talk.say([timed.request for timed in waiting[0]], _seconds(waiting[0]))
                        waiting.popleft()
                        failed_at = None
                        yield from self._told(answers)
                continue
            except (GuestTimedOut, CardFailed) as exc:
                setback = exc
            if self._is_said_again(setback, is_second=setback.stage is failed_at):
                failed_at = setback.stage
            else:
                failed_at = None
                yield from self._told(self._lost(setback, waiting.popleft()))

    def _told(self, answers: Sequence[Spoken]) -> Iterator[Spoken]:
        for spoken in answers:
            self._done += 1
            self._progress(Stage.SPEAK, self._done, self._total)
            yield spoken

    def _is_said_again(self, setback: GuestTimedOut | CardFailed, *, is_second: bool) -> bool:
        """Whether the model is not the reason, as far as can be told; raises InfrastructureFault where this host is."""
        match setback:
            case CardFailed():
                return self._outlives(setback, is_second=is_second)
            case GuestTimedOut():
                return self._is_ours(setback, is_second=is_second)

    def _outlives(self, failed: CardFailed, *, is_second: bool) -> bool:
        """Whether a card's error is nobody's; raises InfrastructureFault(CARD_UNAVAILABLE) for a card that fails by itself."""
        passes = self._tools.reference.passes(self._device)
        self._look()
        match blame(reference_passes=passes, failed_before=is_second):
            case CardBlame.HOST:
                why = f"the card fails the reference model, too, after this: {failed}"
                raise InfrastructureFault(Code.CARD_UNAVAILABLE, why) from failed
            case CardBlame.NOBODY:
                return True
            case CardBlame.MODEL:
                return False

    def _is_ours(self, late: GuestTimedOut, *, is_second: bool) -> bool:
        """Whether the host was the reason, so that it is tried again; raises InfrastructureFault(HOST_TOO_SLOW) the second time."""
        if late.withheld and not is_second:
            self._look()
            return True
        is_ours = not self._tools.reference.passes(self._device)
        self._look()
        if is_ours and is_second:
            raise InfrastructureFault(Code.HOST_TOO_SLOW) from late
        return is_ours

    def _look(self) -> None:
        self._looks += 1
        self._progress(Stage.HOST, self._looks, self._looks)

    def _lost(self, setback: GuestTimedOut | CardFailed, batch: Batch) -> list[Spoken]:
        """The samples of a lost batch; raises SubmissionFault where the model did not load, or where too much is lost by now."""
        why = self._why(setback, batch)
        if setback.stage is GuestStage.LOAD:
            raise SubmissionFault(setback.code, why)
        self._lost_samples += len(batch)
        if self._lost_samples > self._limits.late_share * self._total:
            raise SubmissionFault(setback.code, f"{self._lost_samples} of {self._total} samples are lost, the last so: {why}")
        gate = Gate.TIMEOUT if isinstance(setback, GuestTimedOut) else Gate.GENERATION_FAILED
        return [
            Spoken(prompt_id=t.request.prompt_id, rate=0, pcm=b"", seconds=t.seconds, failure=gate, reason=why) for t in batch
        ]

    def _why(self, setback: GuestTimedOut | CardFailed, batch: Batch) -> str:
        match setback:
            case CardFailed():
                return f"{setback}; {_CARD_IS_WELL}"
            case GuestTimedOut(stage=GuestStage.LOAD):
                return f"{setback} ({self._limits.load_seconds:g} s); {_HOST_IS_WELL}"
            case GuestTimedOut():
                return f"no answer in {_seconds(batch):g} s; {_HOST_IS_WELL}"


def _seconds(batch: Batch) -> float:
    return sum(timed.seconds for timed in batch)
