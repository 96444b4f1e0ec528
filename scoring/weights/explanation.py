"""A plan in words, for the owner of each hotkey: the model's evidence, the origin of its weights, and what it lacks, by track."""

from collections.abc import Mapping
from dataclasses import dataclass

from scoring.ranking.duel import Challenger, Duel
from scoring.ranking.selection import lower_bound
from scoring.ranking.state import Record, Rejection, TrackState
from scoring.types import MICRO, Entrant, Hotkey, Uid, entrant, parse_entrant
from scoring.weights.plan import Snapshot, TrackShare, UidShare, WeightPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackExplanation:
    """The reasons for a hotkey's share in a track; '' stands where there is nothing to say."""

    track: str
    evidence: str
    """The score with its error, and the state of the duel with the king."""
    lineage: str
    """The origin of the model's weights."""
    lacks: str
    """The reason why it is not paid."""
    reason: str
    """In one sentence: place and evidence of a submission that is paid, what any other lacks."""


@dataclass(frozen=True, slots=True)
class UidExplanation:
    """The reasons for a uid's share: track by track, and together in words, each track by its name."""

    tracks: tuple[TrackExplanation, ...]
    reason: str


def explain(snapshot: Snapshot, plan: WeightPlan, uid: Uid) -> UidExplanation:
    """The reasons for a uid's share in a plan; raises KeyError for a uid that the plan has no line for."""
    return explain_all(snapshot, plan)[uid]


def explain_all(snapshot: Snapshot, plan: WeightPlan) -> Mapping[Uid, UidExplanation]:
    """The explanation of every line of the snapshot's plan."""
    states = {state.track: state for state in snapshot.state.tracks}
    unplaced = {rejection.hotkey: rejection for rejection in snapshot.state.unplaced}
    found = {}
    for line in plan.lines:
        tracks = tuple(_in_track(snapshot, states[share.track], line.hotkey, share) for share in line.tracks)
        reason = "; ".join(f"{each.track}: {each.reason}" for each in tracks)
        found[line.uid] = UidExplanation(tracks, reason or _no_record(snapshot, line, unplaced.get(line.hotkey)))
    return found


def _in_track(snapshot: Snapshot, state: TrackState, hotkey: Hotkey, share: TrackShare) -> TrackExplanation:
    record = state.record(share.entrant)
    if record is not None or share.place is not None:
        return _of_submission(snapshot, state, share, record)
    rejection = next(r for r in state.rejections if r.entrant == share.entrant)
    copied = "" if rejection.original is None else f"the weights of {rejection.original}"
    lacks = _rejected(snapshot, hotkey, rejection) + _set_back(state, hotkey)
    return TrackExplanation(track=state.track, evidence="", lineage=copied, lacks=lacks, reason=lacks)


def _of_submission(snapshot: Snapshot, state: TrackState, share: TrackShare, record: Record | None) -> TrackExplanation:
    evidence = _evidence(state, share, record)
    lacks = _lacks(snapshot, state, record) if share.place is None and record is not None else ""
    place = "king" if share.place == 0 else "former king"
    lineage = "the hash of its weights is not known"
    if record is not None and record.tensors is not None:
        lineage = f"weights {record.tensors[:12]}…, of which it is the earliest commit"
    reason = lacks or f"{place}: {evidence}"
    return TrackExplanation(track=state.track, evidence=evidence, lineage=lineage, lacks=lacks, reason=reason)


def _evidence(state: TrackState, share: TrackShare, record: Record | None) -> str:
    parts = ["no score counts now"] if record is None else [_score(record)]
    if share.credit:
        parts.append(_credit(state, share))
    if share.entrant == state.king:
        parts.append(state.throne)
    elif record is not None:
        parts.append(_duel(state, record.entrant))
    return "; ".join(parts)


def _score(record: Record) -> str:
    score = f"{record.mean:.4f} ± {record.stderr:.4f} over {record.groups} groups, lower bound {lower_bound(record):.4f}"
    return f"{score}, {record.speed} ms of compute for a second of speech" if record.speed else score


def _credit(state: TrackState, share: TrackShare) -> str:
    """The leads of a hotkey, and what is left of them."""
    leads, hotkey = [], parse_entrant(share.entrant)[0]
    for credit in state.leads:
        if credit.hotkey == hotkey and credit.worth:
            over = credit.over or f"the score {credit.level / MICRO:.4f} of an empty throne"
            left = "" if credit.worth == credit.lead else f", of which {credit.worth / credit.lead:.0%} is left"
            leads.append(f"{credit.entrant} led {over} by {credit.lead / MICRO:.4f} at least over {credit.groups} groups{left}")
    return f"credit {share.credit / MICRO:.4f}: {', '.join(leads)}"


def _duel(state: TrackState, entrant: Entrant) -> str:
    if state.duel is not None and state.duel.challenger == entrant:
        return _open(state.duel)
    for challenger in state.challengers:
        if challenger.entrant == entrant:
            return _waits_for_duel(state, challenger)
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


def _waits_for_duel(state: TrackState, challenger: Challenger) -> str:
    """What a challenger promises, what it lost, and who has the duel instead."""
    lost = f"it lost {challenger.lost} to this king; " if challenger.lost else ""
    who = (
        "the most promising challenger above 0 has the next"
        if state.duel is None
        else f"{state.duel.challenger} has the open one"
    )
    return (
        f"no duel: {lost}it promises {challenger.promise / MICRO:+.4f}, the sum of its leads less the margin, after "
        f"{challenger.groups} groups in {challenger.rounds} rounds; {who}"
    )


def _lacks(snapshot: Snapshot, state: TrackState, record: Record) -> str:
    """The reason why a submission with a record is not paid: the first rule that it misses."""
    if not snapshot.eligible(record.entrant):
        since = snapshot.registered_at[record.hotkey]
        return f"it was committed in block {record.commit_block}, before this registration in block {since}: commit again"
    for credit in state.leads:
        if credit.hotkey == record.hotkey and credit.lead == 0:
            where = credit.over or f"the score {credit.level / MICRO:.4f}, from where leads count"
            return f"it took the top, but its lead over {where} is not clear: 0 at least, over {credit.groups} groups"
    return "it has not taken the top: beside the king only leads that took it are paid" + _set_back(state, record.hotkey)


def _set_back(state: TrackState, hotkey: Hotkey) -> str:
    """What a setback means for the hotkey's next submission; '' for a hotkey without one."""
    rounds = [setback.round for setback in state.setbacks if setback.hotkey == hotkey]
    return f"; set back in round {rounds[0]}: its next submission waits with those of all that are" if rounds else ""


def _rejected(snapshot: Snapshot, hotkey: Hotkey, rejection: Rejection) -> str:
    """The reason of a rejection, while its hotkey has not committed again."""
    committed = snapshot.committed.get(hotkey)
    if committed is None or rejection.entrant == entrant(hotkey, committed):
        return rejection.reason
    return _waits(snapshot, hotkey)


def _no_record(snapshot: Snapshot, line: UidShare, rejection: Rejection | None) -> str:
    """The reason why a hotkey has no submission in any track."""
    return _waits(snapshot, line.hotkey) if rejection is None else _rejected(snapshot, line.hotkey, rejection)


def _waits(snapshot: Snapshot, hotkey: Hotkey) -> str:
    """What a hotkey's commitment waits for, if it has one."""
    committed = snapshot.committed.get(hotkey)
    if committed is None:
        return "no submission"
    if committed < snapshot.registered_at.get(hotkey, committed):
        return f"committed in block {committed}, before this registration: commit again"
    return f"not judged yet: committed in block {committed}"
