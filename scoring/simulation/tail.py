"""Who may be paid at all: the competition's rule, and one that would leave nothing to a model split over many hotkeys."""

from collections.abc import Callable

from scoring.ledger import Record, State
from scoring.selection import CONFIDENCE, lower_bound

TailRule = Callable[[State], tuple[Record, ...]]


def as_it_is(state: State) -> tuple[Record, ...]:
    """Every record: of each lineage the earliest, whoever came before with something better."""
    return state.records


def only_leaders(state: State) -> tuple[Record, ...]:
    """The king, and whoever is clearly better than all that were committed before it and still stand.

    A copy comes after its original and is no better, nor is one made worse on purpose; so is, it must be said, an honest model that
    came second.
    """
    kept: list[Record] = []
    best = 0.0
    for record in sorted(state.records, key=lambda each: each.seniority):
        if record.entrant == state.king or lower_bound(record) > best:
            kept.append(record)
            best = max(best, record.mean + CONFIDENCE * record.stderr)
    return tuple(sorted(kept, key=lambda each: each.entrant))
