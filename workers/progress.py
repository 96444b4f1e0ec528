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
