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
    """Progress of a stage that is told in increments and whose total nobody knows beforehand: `total` is told as `done`."""

    def __init__(self, progress: Progress, stage: Stage) -> None:
        self._progress, self._stage, self._done = progress, stage, 0

    def __call__(self, count: int) -> None:
        """`count` more are done."""
        self._done += count
        self._progress(self._stage, self._done, self._done)
