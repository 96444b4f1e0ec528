"""The progress of an evaluation: while it rises the lease is renewed, and none for too long ends the evaluation."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from scoring.competition import SubmissionLimits, SynthesisRules


class Stage(StrEnum):
    """A stage of an evaluation; each has its own unit of progress."""

    CHECK = "check"
    """Files of the repository inspected."""
    FETCH = "fetch"
    """Bytes downloaded, and checked."""
    FINGERPRINT = "fingerprint"
    """Bytes hashed."""
    SPEAK = "speak"
    """Samples spoken."""
    JUDGE = "judge"
    """Samples judged."""


class Progress(Protocol):
    """Called from the evaluating thread with a stage's progress; raises whatever must end the evaluation."""

    def __call__(self, stage: Stage, done: int, total: int) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StageLimits:
    """The longest time that each stage may go without rising progress; the time-outs of a stage's own waits are shorter.

    `check` covers one answer of the hub, `fingerprint` also the search for an earlier owner and making the judges ready, `speak`
    starting a guest and asking the reference guest whether the host is slow, beyond the model's own deadlines (see `beyond`).
    """

    check: timedelta = timedelta(minutes=8)
    fetch: timedelta = timedelta(minutes=8)
    fingerprint: timedelta = timedelta(minutes=8)
    speak: timedelta = timedelta(minutes=8)
    judge: timedelta = timedelta(minutes=12)

    def of(self, stage: Stage) -> timedelta:
        """One stage's limit."""
        limit: timedelta = getattr(self, stage.value)
        return limit

    def beyond(self, limits: SubmissionLimits, rules: SynthesisRules) -> "StageLimits":
        """With the time that a competition gives a model to load and to speak a batch: its deadlines are the model's, this is ours."""
        return replace(self, speak=self.speak + timedelta(seconds=limits.load_seconds + rules.batch * limits.sample_seconds))


class Timed:
    """Progress that is passed on, while the name of its stage is told to a clock of stages."""

    def __init__(self, progress: Progress, entered: Callable[[str], None]) -> None:
        self._progress, self._entered = progress, entered

    def __call__(self, stage: Stage, done: int, total: int) -> None:
        """Pass it on; raises what the other one raises."""
        self._entered(stage.value)
        self._progress(stage, done, total)
