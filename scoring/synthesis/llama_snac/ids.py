"""The ids that these models say, beside those of their text: seven codes a frame, in one order, each slot with ids of its own."""

from typing import Final

BEFORE_TEXT: Final = (128259, 128000)
AFTER_TEXT: Final = (128009, 128260, 128261, 128257)
STOP: Final = 128258
FIRST_CODE: Final = 128266
CODES: Final = 4096
"""Of each slot: code c of slot s has the id FIRST_CODE + CODES · s + c."""
SLOTS: Final = 7
LAST: Final = FIRST_CODE + CODES * SLOTS - 1
LEVELS: Final = ((0,), (1, 4), (2, 3, 5, 6))
"""The slots of each of the codec's levels, from coarse to fine, in the order of time."""
_MARKS = frozenset((*BEFORE_TEXT, *AFTER_TEXT, STOP, 128001, 128008, 128262, 128263))
"""Begin and end of text, speech and turns, and what fills a batch up."""


def is_text(token: int) -> bool:
    """Whether a text may hold this id: a sound's codes and the marks around a turn are the competition's to set."""
    return token not in _MARKS and not FIRST_CODE <= token <= LAST
