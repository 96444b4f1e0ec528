"""A plan in words, for the owner of each hotkey: the model's evidence, the origin of its weights, and what it lacks."""

from collections.abc import Mapping
from dataclasses import dataclass

from scoring.ranking.duel import IN_WORDS, Duel
from scoring.ranking.selection import lower_bound
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
    found = {}
    for line in plan.lines:
        record = None if line.entrant is None else records.get(line.entrant)
        if record is not None or line.place is not None:
            found[line.uid] = _of_submission(snapshot, line, record)
        else:
            found[line.uid] = _without_record(snapshot, line.hotkey, rejections.get(line.hotkey))
    return found


def _of_submission(snapshot: Snapshot, line: UidShare, record: Record | None) -> UidExplanation:
    evidence = _evidence(snapshot.state, line, record)
    lacks = _lacks(snapshot, record) if line.place is None and record is not None else ""
    place = "king" if line.place == 0 else "former king"
    lineage = "the hash of its weights is not known"
    if record is not None and record.tensors is not None:
        lineage = f"weights {record.tensors[:12]}…, of which it is the earliest commit"
    return UidExplanation(evidence=evidence, lineage=lineage, lacks=lacks, reason=lacks or f"{place}: {evidence}")


def _without_record(snapshot: Snapshot, hotkey: Hotkey, rejection: Rejection | None) -> UidExplanation:
    copied = "" if rejection is None or rejection.original is None else f"the weights of {rejection.original}"
    lacks = _no_record(snapshot, hotkey, rejection)
    return UidExplanation(evidence="", lineage=copied, lacks=lacks, reason=lacks)


def _evidence(state: State, line: UidShare, record: Record | None) -> str:
    parts = ["no score counts now"] if record is None else [_score(record)]
    if line.credit:
        parts.append(_credit(state, line))
    if line.entrant == state.king:
        parts.append(state.throne)
    elif record is not None:
        parts.append(_duel(state, record.entrant))
    return "; ".join(parts)


def _score(record: Record) -> str:
    score = f"{record.mean:.4f} ± {record.stderr:.4f} over {record.groups} groups, lower bound {lower_bound(record):.4f}"
    return f"{score}, {record.speed} ms of compute for a second of speech" if record.speed else score


def _credit(state: State, line: UidShare) -> str:
    """The leads of a hotkey, and what is left of them."""
    leads = []
    for credit in state.leads:
        if credit.hotkey == line.hotkey and credit.worth:
            over = credit.over or f"the score {credit.level / MICRO:.4f} of an empty throne"
            left = "" if credit.worth == credit.lead else f", of which {credit.worth / credit.lead:.0%} is left"
            leads.append(f"{credit.entrant} led {over} by {credit.lead / MICRO:.4f} at least over {credit.groups} groups{left}")
    return f"credit {line.credit / MICRO:.4f}: {', '.join(leads)}"


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


def _lacks(snapshot: Snapshot, record: Record) -> str:
    """The reason why a submission with a record is not paid: the first rule that it misses."""
    if not snapshot.eligible(record.entrant):
        since = snapshot.registered_at[record.hotkey]
        return f"it was committed in block {record.commit_block}, before this registration in block {since}: commit again"
    for credit in snapshot.state.leads:
        if credit.hotkey == record.hotkey and credit.lead == 0:
            where = credit.over or f"the score {credit.level / MICRO:.4f}, from where leads count"
            return f"it took the top, but its lead over {where} is not clear: 0 at least, over {credit.groups} groups"
    return "it has not taken the top: beside the king only leads that took it are paid"


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
