"""A plan in words, for the owner of each hotkey: the model's evidence, the origin of its weights, and what it lacks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scoring.ranking.duel import IN_WORDS, Duel
from scoring.ranking.selection import SURE, Threshold, lower_bound, not_clearly_better
from scoring.ranking.state import Record, Rejection, State
from scoring.types import MICRO, Entrant, Hotkey, Uid, entrant
from scoring.weights.plan import Snapshot, UidShare, WeightPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class UidExplanation:
    """The reasons for one uid's share; '' stands where there is nothing to say."""

    evidence: str
    """The score with its error, and the state of the duel with the king."""
    lineage: str
    """The origin of the model's weights."""
    lacks: str
    """The reason why it is not paid."""
    reason: str
    """In one sentence: place and evidence of a submission that is paid, what any other lacks."""


def explain(snapshot: Snapshot, plan: WeightPlan, uid: Uid) -> UidExplanation:
    """The reasons for a uid's share in a plan; raises KeyError for a uid that the plan has no line for."""
    return explain_all(snapshot, plan)[uid]


def explain_all(snapshot: Snapshot, plan: WeightPlan) -> Mapping[Uid, UidExplanation]:
    """The explanation of every line of the snapshot's plan."""
    records = {record.entrant: record for record in snapshot.state.records}
    rejections = {rejection.hotkey: rejection for rejection in snapshot.state.rejections}
    field = _Field(
        missed=not_clearly_better(snapshot.state.records, snapshot.state.king),
        held=[lower_bound(records[line.entrant]) for line in plan.lines if line.place and line.entrant is not None],
    )
    found = {}
    for line in plan.lines:
        record = None if line.entrant is None else records.get(line.entrant)
        if record is not None:
            found[line.uid] = _of_record(snapshot, line, record, field)
        else:
            found[line.uid] = _without_record(snapshot, line.hotkey, rejections.get(line.hotkey))
    return found


@dataclass(frozen=True, slots=True)
class _Field:
    """The others: which submissions are not clearly better than an earlier one, and the lower bounds that hold the tail's places."""

    missed: Mapping[Entrant, Threshold]
    held: Sequence[float]


def _of_record(snapshot: Snapshot, line: UidShare, record: Record, field: _Field) -> UidExplanation:
    evidence = _evidence(snapshot.state, record)
    lacks = _lacks(snapshot, record, field) if line.place is None else ""
    place = "king" if line.place == 0 else f"place {(line.place or 0) + 1}"
    lineage = "the hash of its weights is not known"
    if record.tensors is not None:
        lineage = f"weights {record.tensors[:12]}…, of which it is the earliest commit"
    return UidExplanation(evidence=evidence, lineage=lineage, lacks=lacks, reason=lacks or f"{place}: {evidence}")


def _without_record(snapshot: Snapshot, hotkey: Hotkey, rejection: Rejection | None) -> UidExplanation:
    copied = "" if rejection is None or rejection.original is None else f"the weights of {rejection.original}"
    lacks = _no_record(snapshot, hotkey, rejection)
    return UidExplanation(evidence="", lineage=copied, lacks=lacks, reason=lacks)


def _evidence(state: State, record: Record) -> str:
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
            why = IN_WORDS[lost.outcome].why
            evidence = f"evidence {lost.wealth:.4g} of {lost.threshold:.4g} needed"
            return f"duel with {lost.king} lost after {lost.rounds} rounds ({why}): {evidence}"
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


def _lacks(snapshot: Snapshot, record: Record, field: _Field) -> str:
    """The reason why a submission with a record and without a place is not paid: the first rule that it misses."""
    if not snapshot.eligible(record):
        since = snapshot.registered_at[record.hotkey]
        return f"it was committed in block {record.commit_block}, before this registration in block {since}: commit again"
    low = lower_bound(record)
    if low < snapshot.tail_floor:
        return f"lower bound {low:.4f} is below the floor {snapshot.tail_floor:g}"
    missed = field.missed.get(record.entrant)
    if missed is not None:
        return (
            f"it is not clearly better than {missed.entrant}, which was committed earlier: {record.mean - SURE * record.stderr:.4f}, "
            f"its least at 99 %, is not above {missed.bound:.4f}, the other's most"
        )
    if not field.held:
        return "these rules pay no tail"
    return f"lower bound {low:.4f}: all {len(field.held)} places of the tail are held, by {min(field.held):.4f} at least"


def _no_record(snapshot: Snapshot, hotkey: Hotkey, rejection: Rejection | None) -> str:
    """The reason why a hotkey has no submission that could be paid."""
    committed = snapshot.committed.get(hotkey)
    if rejection is not None and (committed is None or rejection.entrant == entrant(hotkey, committed)):
        return rejection.reason
    if committed is None:
        return "no submission"
    if committed < snapshot.registered_at.get(hotkey, committed):
        return f"committed in block {committed}, before this registration: commit again"
    return f"not judged yet: committed in block {committed}"
