"""A ledger that parted from the others: what a reset takes from it, and what of that can be folded again."""

from dataclasses import dataclass

from neurons.validator.evidence import Evidence
from scoring.types import Entrant, RoundNumber
from voice_api.db.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Loss:
    """The entries that a reset deletes."""

    rounds: tuple[RoundNumber, ...]
    """Their rounds, oldest first."""
    king: Entrant | None
    """The submission that holds the top after the last of them."""
    missing: tuple[RoundNumber, ...]
    """Those of their rounds whose receipts are not at hand: nobody can fold them again here."""


async def loss(own: Ledger, evidence: Evidence, since: RoundNumber) -> Loss:
    """The loss of a reset from a round on; nothing is deleted."""
    kings = await own.kings(since)
    at_hand = await evidence.closed(since) if kings else frozenset()
    king = kings[max(kings)] if kings else None
    return Loss(tuple(kings), king, tuple(number for number in kings if number not in at_hand))
