"""How long work tells how far it is: a callable that is given what is done and the total."""

from collections.abc import Callable


def _ignore(*_progress: object) -> None:
    """Nobody listens."""


NO_PROGRESS: Callable[..., None] = _ignore
"""For callers that do not want to hear of progress, with or without the name of its stage."""
