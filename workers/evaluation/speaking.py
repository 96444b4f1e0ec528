"""A model speaks a round's prompts, guest after guest: a late answer is the model's only if this host is not the reason.

A guest that was late is ended, since it may hang, and the next one goes on. The late batch is spoken again, once, if the guest had not
had the processor (it slept, or this host stopped it) or if the reference guest is slow too. Late again, or late with the processor,
while the reference guest takes its usual time: its samples close the gate `timeout`. Late again with a slow reference: our fault.
"""

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from functools import partial

from scoring.audio.spoken import Spoken
from scoring.errors import Code, InfrastructureFault, SubmissionFault
from scoring.report import Gate
from scoring.synthesis.families import FAMILIES
from workers.evaluation.obtain import LocalModel
from workers.evaluation.progress import Progress, Stage
from workers.evaluation.requests import TimedRequest
from workers.evaluation.tools import Tools
from workers.sandbox import reference_guest
from workers.sandbox.sandbox import GuestStage, GuestTimedOut

_HOST_IS_WELL = "a reference guest on the same host took its usual time"


Batch = tuple[TimedRequest, ...]


def speak(model: LocalModel, asked: Sequence[TimedRequest], tools: Tools, progress: Progress) -> Generator[Spoken, None, None]:
    """The answer to every request, as it is spoken: in the order of the requests, or by length where batches are of several.

    Raises SubmissionFault for a model that does not load or speak as it must, or of which too much is late; InfrastructureFault.
    """
    return _Speech(model, len(asked), tools, progress).run(batches(asked, model.family, model.track.synthesis.batch))


def batches(asked: Sequence[TimedRequest], family: str, size: int) -> deque[Batch]:
    """The requests in batches of at most `size`, short texts together, where the family's batches are what their rows alone would be."""
    if size == 1 or not FAMILIES[family].capabilities.batch:
        return deque((each,) for each in asked)
    by_length = sorted(asked, key=lambda timed: len(timed.request.text))
    return deque(tuple(by_length[start : start + size]) for start in range(0, len(asked), size))


class _Speech:
    """One model in one evaluation."""

    def __init__(self, model: LocalModel, total: int, tools: Tools, progress: Progress) -> None:
        self._model, self._total, self._limits, self._tools, self._progress = model, total, model.track.limits, tools, progress
        parts = tools.parts(model.family, model.track, partial(progress, Stage.FETCH))
        environment = tools.environments(model.family, partial(progress, Stage.PREPARE))
        task = (model.folder, model.family, model.track.limits, model.track.synthesis)
        self._guest = partial(tools.sandbox.guest, *task, parts=parts, environment=environment)
        self._done, self._late, self._looks = 0, 0, 0

    def run(self, waiting: deque[Batch]) -> Generator[Spoken, None, None]:
        """Every answer; `waiting` is emptied."""
        late_at: GuestStage | None = None  # where the batch at hand was late before
        while waiting:
            try:
                with self._guest(seconds=sum(timed.seconds for batch in waiting for timed in batch)) as talk:
                    while waiting:
                        answers = talk.say([timed.request for timed in waiting[0]], _seconds(waiting[0]))
                        waiting.popleft()
                        late_at = None
                        yield from self._told(answers)
                continue
            except GuestTimedOut as timeout:
                late = timeout
            if self._is_ours(late, is_second=late.stage is late_at):
                late_at = late.stage
            else:
                late_at = None
                yield from self._told(self._lost(late, waiting.popleft()))

    def _told(self, answers: Sequence[Spoken]) -> Iterator[Spoken]:
        for spoken in answers:
            self._done += 1
            self._progress(Stage.SPEAK, self._done, self._total)
            yield spoken

    def _is_ours(self, late: GuestTimedOut, *, is_second: bool) -> bool:
        """Whether the host was the reason, so that it is tried again; raises InfrastructureFault(HOST_TOO_SLOW) the second time."""
        if late.withheld and not is_second:
            return self._looked(is_ours=True)
        is_ours = self._looked(is_ours=not reference_guest.passes(self._tools.sandbox, self._tools.usual))
        if is_ours and is_second:
            raise InfrastructureFault(Code.HOST_TOO_SLOW) from late
        return is_ours

    def _looked(self, *, is_ours: bool) -> bool:
        self._looks += 1
        self._progress(Stage.HOST, self._looks, self._looks)
        return is_ours

    def _lost(self, late: GuestTimedOut, batch: Batch) -> list[Spoken]:
        """The samples of a late batch; raises SubmissionFault where the model did not load, or where too much is late by now."""
        if late.stage is GuestStage.LOAD:
            raise SubmissionFault(late.code, f"{late} ({self._limits.load_seconds:g} s); {_HOST_IS_WELL}")
        self._late += len(batch)
        if self._late > self._limits.late_share * self._total:
            why = f"{self._late} of {self._total} samples are late, the last after {_seconds(batch):g} s; {_HOST_IS_WELL}"
            raise SubmissionFault(late.code, why)
        reason = f"no answer in {_seconds(batch):g} s; {_HOST_IS_WELL}"
        return [
            Spoken(prompt_id=t.request.prompt_id, rate=0, pcm=b"", seconds=t.seconds, failure=Gate.TIMEOUT, reason=reason)
            for t in batch
        ]


def _seconds(batch: Batch) -> float:
    return sum(timed.seconds for timed in batch)
