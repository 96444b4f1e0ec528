"""The order of models of nearly the same score, and the models that are not clearly better than an earlier one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from scoring.ranking.state import Record
from scoring.types import Entrant

CONFIDENCE = 1.645
"""Standard errors of a one-sided 95 % interval."""
SURE = 2.326
"""Of a one-sided 99 % interval: of many equals hardly one may look better than the others."""


def lower_bound(record: Record) -> float:
    """Lower end of the confidence interval of a record's mean score."""
    return record.mean - CONFIDENCE * record.stderr


@dataclass(frozen=True, slots=True)
class Threshold:
    """The number that a submission had to exceed: `bound`, the most that `entrant`, committed before it, may be worth."""

    entrant: Entrant
    bound: float


def not_clearly_better(records: Sequence[Record], king: Entrant | None) -> Mapping[Entrant, Threshold]:
    """The submissions that are not clearly better than every leader committed before them, each with the threshold that it misses.

    A submission is clearly better if `mean − 2.326 · se > max(mean_i + 2.326 · min(se_i, se))` over the leaders i before it: then it
    is a leader itself. So is the king, which proved itself in a duel. Example: .60 ± .01 after a leader of .50 ± .01 is clearly better,
    as .577 > .523; .54 ± .01 is not, as .517 < .523.

    A leader's interval counts as no wider than the later one's own: else a model that scores now all and now nothing would keep every
    later one out. A copy comes after its original and is no better, however well it hides; nor is one that was made worse on purpose.
    So one model under many hotkeys earns one share. An honest model that came second has to take the top first.
    """
    leaders: list[Record] = []
    missed: dict[Entrant, Threshold] = {}
    for record in sorted(records, key=lambda each: each.seniority):
        thresholds = (Threshold(leader.entrant, leader.mean + SURE * min(leader.stderr, record.stderr)) for leader in leaders)
        highest = max(thresholds, key=lambda threshold: threshold.bound, default=None)
        if highest is None or record.entrant == king or record.mean - SURE * record.stderr > highest.bound:
            leaders.append(record)
        else:
            missed[record.entrant] = highest
    return missed


def by_precedence(records: Sequence[Record], tie_speed: float) -> Callable[[Record], tuple[bool, int, str, str]]:
    """The order within a band, for all `records` in the running.

    First come those that need at most `tie_speed` more time than the fastest of all in the running, then the earlier commit. The
    fastest of the band alone would not do: a model that leaves the band by a better score could then cost another its place.
    """
    known = [record.speed for record in records if record.speed > 0]
    limit = min(known, default=0) * (1.0 + tie_speed)

    def precedence(record: Record) -> tuple[bool, int, str, str]:
        slow = bool(known) and not 0 < record.speed <= limit
        return (slow, *record.seniority)

    return precedence


def ranked(records: Sequence[Record], tie_band: float, tie_speed: float) -> list[Record]:
    """Best first: of those within `tie_band` of the highest lower bound the one with precedence, then the same among the others.

    A higher lower bound never means a later place.
    """
    precedence = by_precedence(records, tie_speed)
    left = sorted(((lower_bound(record), record) for record in records), key=lambda pair: (-pair[0], pair[1].seniority))
    band: list[tuple[tuple[bool, int, str, str], int]] = []
    order: list[Record] = []
    chosen: set[int] = set()
    leader = entered = 0
    while len(order) < len(left):
        while leader in chosen:
            leader += 1
        while entered < len(left) and left[entered][0] >= left[leader][0] - tie_band:
            heappush(band, (precedence(left[entered][1]), entered))
            entered += 1
        _, best = heappop(band)
        chosen.add(best)
        order.append(left[best][1])
    return order
