"""What a miner is told: one line each, with the facts for machines."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

Fact = str | int | float | bool | None


class MessageKind(StrEnum):
    """What a line is about."""

    WATCHING = "watching"
    WORKING = "working"
    """Something that takes time begins."""
    CHECKPOINT = "checkpoint"
    """A checkpoint is complete, or was judged."""
    SCORED = "scored"
    CONTEST = "contest"
    COST = "cost"
    STEP = "step"
    """A step of publishing begins, or happened."""
    HOLD = "hold"
    """Nothing can be done now, and until when."""
    END = "end"
    """Publishing is over."""
    SUBMISSION = "submission"
    """What became of the last submission."""
    OUTAGE = "outage"


@dataclass(frozen=True, slots=True)
class Message:
    """`text` is one sentence or two for people; `good` says whether it is news that a miner hopes for (None: neither)."""

    kind: MessageKind
    text: str
    facts: Mapping[str, Fact] = field(default_factory=dict)
    good: bool | None = None


Notify = Callable[[Message], None]


def spoken(seconds: float) -> str:
    """A duration in the unit that people would use."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
