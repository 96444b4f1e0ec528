"""The progress of an evaluation, told stage by stage: while it rises the lease is renewed, and none for too long ends it."""

from enum import StrEnum
from typing import Protocol


class Stage(StrEnum):
    """A stage of an evaluation; each has its own unit of progress."""

    CHECK = "check"
    """Files of the repository inspected."""
    FETCH = "fetch"
    """Bytes downloaded, and checked."""
    PREPARE = "prepare"
    """Packages of the family's environment installed, or found as they were installed."""
    FINGERPRINT = "fingerprint"
    """Bytes hashed."""
    SPEAK = "speak"
    """Samples spoken."""
    JUDGE = "judge"
    """Samples judged, while others are still spoken."""
    HOST = "host"
    """Looks at this host, after an answer came late."""


class Progress(Protocol):
    """Called from the evaluating thread with a stage's progress; raises whatever must end the evaluation."""

    def __call__(self, stage: Stage, done: int, total: int) -> None: ...
