"""How soon there is something to do again."""

from enum import Enum


class Pace(Enum):
    """After a look at the world."""

    AT_ONCE = "at_once"
    """Something was done: what follows may be possible now."""
    SOON = "soon"
    """What is under way needs some blocks or seconds to pass, and nothing else may begin."""
    IDLE = "idle"
    """There is nothing to do until the world changes."""
