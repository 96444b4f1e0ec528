"""Steps of the miner's daemon report here: messages for people and machines, and how soon there is more to do."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum

Fact = str | int | float | bool | None


class MessageKind(StrEnum):
    """The subject of a message."""

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
    """News of the last submission."""
    OUTAGE = "outage"


@dataclass(frozen=True, slots=True)
class Message:
    """A message to the miner. `text` is one sentence or two for people; `good` says whether it is good news (None: neither)."""

    kind: MessageKind
    text: str
    facts: Mapping[str, Fact] = field(default_factory=dict)
    good: bool | None = None


Notify = Callable[[Message], None]


class Notifier:
    """Hands messages on; one that would only repeat itself, once."""

    def __init__(self, notify: Notify) -> None:
        self._notify = notify
        self._told: set[Hashable] = set()

    def __call__(self, message: Message) -> None:
        """Hand a message on."""
        self._notify(message)

    def once(self, message: Message, key: Hashable = None) -> None:
        """Hand a message on, unless one with this key (default: its text) was told before."""
        what = message.text if key is None else key
        if what not in self._told:
            self._told.add(what)
            self._notify(message)


class Pace(Enum):
    """The wait until there is something to do again, after one step."""

    AT_ONCE = "at_once"
    """Something was done: what follows may be possible now."""
    SOON = "soon"
    """Work under way needs some blocks or seconds to pass, and nothing else may begin."""
    IDLE = "idle"
    """There is nothing to do until the world changes."""


def spoken(seconds: float) -> str:
    """A duration in the unit that people would use."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
