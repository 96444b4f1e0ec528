"""Whose fault is a card's error? It is the host's until the reference model passes on the same card, and the model's the second time.

A model's code is ours and its indices are held to their tables before they are used, so an error of the card itself is a rare thing: one
that does not come again when another guest says the same costs nobody anything.
"""

from enum import StrEnum


class CardBlame(StrEnum):
    """What follows from a card's error."""

    HOST = "host"
    """The card does not even compute the reference model: the evaluation goes to another host."""
    NOBODY = "nobody"
    """The same is said again by a fresh guest."""
    MODEL = "model"
    """The batch is lost."""


def blame(*, reference_passes: bool, failed_before: bool) -> CardBlame:
    """Whom an error is put down to; `failed_before` says whether the same step of the same batch had failed already."""
    if not reference_passes:
        return CardBlame.HOST
    return CardBlame.MODEL if failed_before else CardBlame.NOBODY
