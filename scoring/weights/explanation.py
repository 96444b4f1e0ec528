"""In words, for the owner of a hotkey: what is known of its model, whose weights those are, and what it lacks."""

from collections.abc import Mapping
from dataclasses import dataclass

from scoring.ranking.duel import Duel, DuelOutcome, EndedDuel
from scoring.ranking.selection import SURE, Threshold, lower_bound
from scoring.ranking.state import Record, Refusal, State
from scoring.types import MICRO, Entrant, Hotkey
from scoring.weights.snapshot import Snapshot

_LOST = {
    DuelOutcome.FUTILE: "too little evidence was left",
    DuelOutcome.MAX_ROUNDS: "its rounds were over",
}


@dataclass(frozen=True, slots=True)
class Field:
    """Who stands where: places (0 the king's) of who is paid, who is `behind` which bar, and what the tail's last place is held with.

    `entry` is the least lower bound of the tail's paid ones, None while a place is free.
    """

    places: Mapping[Entrant, int]
    behind: Mapping[Entrant, Threshold]
    entry: float | None


def evidence(state: State, record: Record) -> str:
    """The score with its error, and how the duel with the king stands."""
    score = f"{record.mean:.4f} ± {record.stderr:.4f} over {record.groups} groups, lower bound {lower_bound(record):.4f}"
    speed = f", {record.speed} ms of compute for a second of speech" if record.speed else ""
    if record.entrant == state.king:
        return f"{score}{speed}; {state.throne}"
    return f"{score}{speed}; {_duel(state, record.entrant)}"


def _duel(state: State, entrant: Entrant) -> str:
    for duel in state.duels:
        if duel.challenger == entrant:
            return _open(duel)
    for lost in state.lost:
        if lost.entrant == entrant:
            return _over(lost)
    if state.king is None:
        return state.throne
    return "no duel: it has not been scored beside the king, or scored clearly less"


def _open(duel: Duel) -> str:
    if not duel.rounds:
        return f"duel open: its next round with the king counts, evidence 1 of {duel.threshold:.4g} needed"
    lead = duel.total / duel.steps / MICRO
    return (
        f"duel open: evidence {duel.wealth:.4g} of {duel.threshold:.4g} needed, after {duel.groups} groups in {duel.rounds} rounds; "
        f"it leads by {lead:+.4f} beyond the margin of {duel.margin / MICRO:.4f}"
    )


def _over(lost: EndedDuel) -> str:
    why = _LOST.get(lost.outcome, lost.outcome.value)
    return f"duel with {lost.king} lost after {lost.rounds} rounds ({why}): evidence {lost.wealth:.4g} of {lost.threshold:.4g} needed"


def lacks(snapshot: Snapshot, record: Record, field: Field) -> str:
    """Why a submission with a record is not paid, '' if it is."""
    if record.entrant in field.places:
        return ""
    if not snapshot.eligible(record):
        since = snapshot.registered_at[record.hotkey]
        return f"it was committed in block {record.commit_block}, before this registration in block {since}: commit again"
    low = lower_bound(record)
    if low < snapshot.tail_floor:
        return f"lower bound {low:.4f} is below the floor {snapshot.tail_floor:g}"
    bar = field.behind.get(record.entrant)
    if bar is not None:
        return (
            f"the tail is for who was clearly the best when it came: {record.mean - SURE * record.stderr:.4f}, surely reached, is not "
            f"above {bar.bound:.4f}, the most that {bar.entrant} may be worth, which was committed before it"
        )
    if field.entry is None:
        return "another submission of this hotkey is paid"
    return f"lower bound {low:.4f}: all {len(snapshot.shares) - 1} places of the tail are held, by {field.entry:.4f} at least"


def lineage(record: Record) -> str:
    """Whose weights those of a record are."""
    if record.tensors is None:
        return "the hash of its weights is not known"
    return f"weights {record.tensors[:12]}…, of which it is the earliest commit"


def without_record(snapshot: Snapshot, hotkey: Hotkey, refusal: Refusal | None) -> str:
    """Why a hotkey has nothing that could be paid."""
    committed = snapshot.committed.get(hotkey)
    if refusal is not None and (committed is None or refusal.entrant == f"{hotkey}@{committed}"):
        return refusal.reason
    if committed is None:
        return "no submission"
    if committed < snapshot.registered_at.get(hotkey, committed):
        return f"committed in block {committed}, before this registration: commit again"
    return f"not judged yet: committed in block {committed}"
