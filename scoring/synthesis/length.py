"""How long a text may take, where a model says itself when its speech ends. No repository has a say in it."""

import math

_SLOWEST = 6.0
"""Characters a second of the slowest speech that is waited for; ordinary speech has about 14."""
_SPARE_SECONDS = 2.0
_DIGIT_CHARACTERS = 6
"""A figure is read as a word."""


class DidNotStop(ValueError):
    """The speech had not ended when its text's time was up."""

    def __init__(self, frames: int) -> None:
        super().__init__(f"it did not stop: no end within the {frames} frames that its text may take")


def most_frames(text: str, frame_rate: float) -> int:
    """The frames within which a text is said, at so many a second.

    >>> most_frames("Chapter 7.", 12.5)
    57
    """
    characters = sum(_DIGIT_CHARACTERS if character.isdigit() else 1 for character in text)
    return math.ceil((characters / _SLOWEST + _SPARE_SECONDS) * frame_rate)
