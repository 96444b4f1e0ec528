"""Progress of long work: a callable that is given the done part and the total."""

from collections.abc import Callable


def _ignore(*_progress: object) -> None:
    """Nobody listens."""


NO_PROGRESS: Callable[..., None] = _ignore
"""For callers that do not want to hear of progress, with or without the name of its stage."""
