"""What an evaluation reports while it runs; every report renews its lease."""

from enum import StrEnum
from typing import Protocol


class Stage(StrEnum):
    """Where an evaluation is; each stage has its own unit of progress."""

    CHECK = "check"
    """Files of the repository inspected."""
    FETCH = "fetch"
    """Bytes downloaded."""
    FINGERPRINT = "fingerprint"
    """Bytes hashed."""
    SPEAK = "speak"
    """Samples spoken."""
    JUDGE = "judge"
    """Samples judged."""


class Progress(Protocol):
    """Called from the evaluating thread with a stage's progress; raises whatever must end the evaluation."""

    def __call__(self, stage: Stage, done: int, total: int) -> None: ...


class Meter:
    """Progress of a stage that is told in increments; a total of 0 is not known beforehand."""

    def __init__(self, progress: Progress, stage: Stage, total: int) -> None:
        self._progress, self._stage, self._total, self._done = progress, stage, total, 0

    def __call__(self, count: int) -> None:
        """`count` more are done."""
        self._done += count
        self._progress(self._stage, self._done, max(self._total, self._done))
