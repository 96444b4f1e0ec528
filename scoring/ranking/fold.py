"""The fold: a closed round's result takes the ledger to its next state: records of submissions, duels, king and credits.

Each round adds its scores to the records first. Then a king that left gives up the top, an empty throne goes on with its trial, and
against a king that sits the open duel takes a step, or the next one opens. Leads that took the top are measured on, and decay.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from scoring.competition import Competition, DuelRules, Track
from scoring.ranking import duel as duels
from scoring.ranking import throne
from scoring.ranking.credit import SURE, Credit, settled
from scoring.ranking.duel import Challenger, Duel, DuelOutcome
from scoring.ranking.selection import CONFIDENCE
from scoring.ranking.setbacks import noted
from scoring.ranking.state import BANNED, SUPERSEDED, Record, Rejection, State, TrackState
from scoring.ranking.table import Table, clearly_less
from scoring.types import MICRO, Block, Entrant, Hotkey, Micro, RoundNumber, TensorsHash, parse_entrant


class LedgerVerdict(StrEnum):
    """The end of a submission's evaluation in the ledger's terms."""

    SCORED = "scored"
    REJECTED = "rejected"
    """Final, and the submission's fault; a copy, too."""
    ABSENT = "absent"
    """Ours: no evidence this round, nothing lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One submission's outcome in a round."""

    entrant: Entrant
    hotkey: Hotkey
    commit_block: Block
    tiebreak: str
    tensors: TensorsHash | None
    track: str | None
    """The track that its family competes in; None where it was rejected before its family was known."""
    verdict: LedgerVerdict
    groups: Mapping[str, Micro]
    """Its score by group id, in integers of 1e-6."""
    speed: int = 0
    """Of the whole evaluation, in milliseconds of compute per expected second of speech, 0 where unknown."""
    reason: str = ""
    """The reason for its rejection."""
    scale: str = ""
    """The hash of what its scores are measured by."""

    @property
    def scored(self) -> bool:
        """Say whether there is anything to count."""
        return self.verdict is LedgerVerdict.SCORED and bool(self.groups)


@dataclass(frozen=True, slots=True)
class RoundResult:
    """A closed round: its first block, its judged submissions, and those that left since the last one, each with the reason."""

    number: RoundNumber
    start: Block
    judged: Sequence[Judged]
    gone: Mapping[Entrant, str] = field(default_factory=dict)


def fold(state: State, result: RoundResult, competition: Competition) -> State:
    """`state[r+1]` from `state[r]` and a round's outcomes, in whatever order they come; raises ValueError unless rounds rise.

    Each track folds what was judged in it; an outcome in a track that the rules do not have is a ValueError. A rejection without a
    track is of the track that knows the submission, if one does. Who is judged in another track than before has left the old one: its
    family moved. A track that the rules no longer have ends: nobody is its king any more.
    """
    if state.round is not None and result.number <= state.round:
        raise ValueError(f"round {result.number} cannot be folded after round {state.round}")
    judged = sorted((item for item in result.judged if item.entrant not in result.gone), key=lambda item: item.entrant)
    if len({item.entrant for item in judged}) < len(judged):
        raise ValueError(f"round {result.number} judges a submission twice")
    names = frozenset(track.name for track in competition.track)
    placed = {item.entrant: _track_of(item, state, names) for item in judged}
    tracks = []
    for rules in sorted(competition.track, key=lambda track: track.name):
        own = [item for item in judged if placed[item.entrant] == rules.name]
        moved = {name: f"it competes in the track {there}" for name, there in placed.items() if there not in (rules.name, None)}
        tracks.append(fold_track(state.of(rules.name), replace(result, judged=own, gone={**moved, **result.gone}), rules))
    unplaced = {r.entrant: r for r in state.unplaced if r.entrant not in result.gone and placed.get(r.entrant) is None}
    refused = (item for item in judged if item.verdict is LedgerVerdict.REJECTED)
    unplaced |= {item.entrant: _rejection(item) for item in refused if placed[item.entrant] is None}
    return State(round=result.number, tracks=tuple(tracks), unplaced=tuple(unplaced[name] for name in sorted(unplaced)))


def _track_of(item: Judged, state: State, tracks: frozenset[str]) -> str | None:
    """The track of an outcome; None for one without a score, of a submission that no track knows. Raises ValueError as `fold` says."""
    if item.track is None and not item.scored:
        known = state.where(item.entrant)
        return known.track if known is not None and known.track in tracks else None
    if item.track not in tracks:
        raise ValueError(f"{item.entrant} was judged in the track {item.track}, which the rules do not have")
    return item.track


def _rejection(item: Judged) -> Rejection:
    return Rejection(item.entrant, item.hotkey, item.reason or "refused")


def fold_track(state: TrackState, result: RoundResult, rules: Track) -> TrackState:
    """A track's next state from the round's outcomes in it, each of another submission, none of which is gone, sorted by entrant."""
    state = replace(state, ended=())
    state, judged = _on_scale(state, list(result.judged))
    scores = Table.of({item.entrant: item.groups for item in judged if item.scored})
    before = state
    state = _known(state, result, judged, scores)
    verdicts = [item.entrant for item in judged if item.verdict is not LedgerVerdict.ABSENT]
    state = replace(state, setbacks=noted(state, result.number, verdicts, scores, rules.queue))
    scores = _of_known(scores, state)
    state = replace(state, leads=_measured(state, result, scores))
    state = _vacated(state, before, result, scores, rules)
    state = _seated(state, result, scores, rules) if state.king is None else _challenged(state, result, scores, rules)
    return replace(state, leads=settled(state.leads, state.king, result.start, rules.pay))


def _on_scale(state: TrackState, judged: list[Judged]) -> tuple[TrackState, list[Judged]]:
    """Scores count on one scale: the ledger's, until a round has none of it; then records begin anew, and a duel ends without a result.

    The king stays, and so do leads, as far as they were measured. Who was scored on another scale is absent.
    """
    scales = Counter(item.scale for item in judged if item.scored)
    if not scales:
        return state, judged
    scale = state.scale if state.scale in scales else min(scales, key=lambda name: (-scales[name], name))
    judged = [item for item in judged if not item.scored or item.scale == scale]
    if state.scale in ("", scale):
        return replace(state, scale=scale), judged
    state = _interrupted(state, DuelOutcome.NEW_SCALE)
    fresh = replace(state, records=(), challengers=(), trial=(), trial_rounds=0, owed=Micro(0), level=None)
    return replace(fresh, scale=scale, leads=tuple(credit.closed() for credit in state.leads)), judged


def _known(state: TrackState, result: RoundResult, judged: Sequence[Judged], scores: Table) -> TrackState:
    """Records and rejections after this round, and the challengers that still have a record."""
    rejected = {r.entrant: r for r in state.rejections if r.entrant not in result.gone}
    records = {r.entrant: r for r in state.records if r.entrant not in result.gone}
    for item in judged:
        if item.verdict is LedgerVerdict.REJECTED:
            records.pop(item.entrant, None)
            rejected[item.entrant] = _rejection(item)
        elif item.scored:
            rejected.pop(item.entrant, None)
            records[item.entrant] = _added(records.get(item.entrant), item, scores)
    originals, copies = _by_lineage(records.values())
    rejected |= {copy.entrant: copy for copy in copies}
    standing = {record.entrant for record in originals}
    if state.duel is not None and state.duel.challenger not in standing:
        state = _interrupted(state, DuelOutcome.CHALLENGER_GONE)
    return replace(
        state,
        records=originals,
        rejections=tuple(rejected[entrant] for entrant in sorted(rejected)),
        challengers=tuple(each for each in state.challengers if each.entrant in standing),
        trial=tuple(trial for trial in state.trial if trial.entrant in standing),
    )


def _added(old: Record | None, item: Judged, scores: Table) -> Record:
    """The record with this round's groups."""
    row = scores.there(item.entrant)
    old = old or Record(
        entrant=item.entrant,
        hotkey=item.hotkey,
        commit_block=item.commit_block,
        tiebreak=item.tiebreak,
        tensors=item.tensors,
        groups=0,
        total=0,
        squares=0,
    )
    return replace(
        old,
        groups=old.groups + int(row.size),
        total=old.total + int(row.sum()),
        squares=old.squares + int((row * row).sum()),
        speed=item.speed,
    )


def _by_lineage(records: Iterable[Record]) -> tuple[tuple[Record, ...], list[Rejection]]:
    """The earliest commit of each lineage, whichever was judged first; the others are its copies."""
    kept: dict[str, Record] = {}
    copies = []
    for record in sorted(records, key=lambda r: r.seniority):
        original = kept.setdefault(record.tensors or f"submission {record.entrant}", record)
        if original is not record:
            reason = f"a copy of {original.entrant}, which was committed earlier"
            copies.append(Rejection(record.entrant, record.hotkey, reason, original.entrant))
    return tuple(sorted(kept.values(), key=lambda record: record.entrant)), copies


def _of_known(scores: Table, state: TrackState) -> Table:
    """The scores without those of copies."""
    names = {record.entrant for record in state.records}
    return Table({entrant: row for entrant, row in scores.rows.items() if entrant in names}, scores.scores)


def _measured(state: TrackState, result: RoundResult, scores: Table) -> tuple[Credit, ...]:
    """The credits with this round's groups, of those that both were scored on.

    Lost is the credit of a submission that was rejected or left, but for a newer commit, and of a hotkey that was banned.
    """
    lost = {rejection.entrant for rejection in state.rejections} | {
        name for name, why in result.gone.items() if why != SUPERSEDED
    }
    banned = {parse_entrant(name)[0] for name, why in result.gone.items() if why == BANNED}
    found = []
    for credit in state.leads:
        if credit.entrant in lost or credit.hotkey in banned:
            continue
        if credit.open and credit.entrant in scores.rows:
            if credit.over is None:
                credit = credit.with_groups(scores.there(credit.entrant) - credit.level)
            elif credit.over in scores.rows:
                credit = credit.with_groups(scores.differences(credit.entrant, credit.over))
        found.append(credit)
    return tuple(found)


def _vacated(state: TrackState, before: TrackState, result: RoundResult, scores: Table, rules: Track) -> TrackState:
    """The state after the king's absences of this round: a king that left, was rejected or was absent too long holds nothing.

    One that stood long enough beside its hotkey's newer commit hands the top over to it, if that is not clearly worse.
    """
    king = state.king
    if king is None:
        return state
    why = result.gone.get(king) or next((r.reason for r in state.rejections if r.entrant == king), "")
    if why:
        record, heir = before.record(king), _heir(state, king)
        if why == SUPERSEDED and record is not None and heir is not None and not _falls_short(heir, record):
            return _inherited(state, record, heir)
        return _emptied(state, before, f"vacant: {king} is gone in round {result.number}: {why}")
    absent = 0 if king in scores.rows else state.king_absent + bool(scores.rows)
    if absent < rules.duel.absent_rounds:
        return replace(state, king_absent=absent)
    why = f"vacant: {king} was not scored in {absent} rounds in which others were, to round {result.number}"
    return _emptied(state, before, why)


def _heir(state: TrackState, king: Entrant) -> Record | None:
    """The newest scored submission of the king's hotkey."""
    hotkey = parse_entrant(king)[0]
    return max((r for r in state.records if r.hotkey == hotkey), key=lambda record: record.seniority, default=None)


def _falls_short(heir: Record, old: Record) -> bool:
    """Whether an heir's mean is clearly below that of its own hotkey's earlier model: their 99 % intervals do not meet."""
    return heir.mean + SURE * heir.stderr < old.mean - SURE * old.stderr


def _inherited(state: TrackState, old: Record, heir: Record) -> TrackState:
    """The heir holds the top since the old king did; its age, and what it lacks of the old one's score, go on."""
    owed = Micro(state.owed + max(0, old.micro - heir.micro))
    why = f"king since block {state.king_since}: its hotkey committed again, and it stands in the place of {old.entrant}"
    return replace(_dethroned(state, why), king=heir.entrant, owed=owed)


def _emptied(state: TrackState, before: TrackState, why: str) -> TrackState:
    """Nobody holds the top. The next king's lead counts from what this one scored; without a score there is none to count from."""
    record = None if before.king is None else before.record(before.king)
    level = None if record is None else Micro(record.micro + state.owed)
    return replace(_dethroned(state, why), level=level, owed=Micro(0))


def _interrupted(state: TrackState, outcome: DuelOutcome) -> TrackState:
    """The open duel, if there is one, is over without a result."""
    over = () if state.duel is None else (duels.ended(state.duel, outcome),)
    return replace(state, duel=None, ended=(*state.ended, *over))


def _dethroned(state: TrackState, why: str) -> TrackState:
    """The old king's time is over; what challengers won or lost against it is, too."""
    state = _interrupted(state, DuelOutcome.KING_GONE)
    return replace(state, king=None, king_absent=0, throne=why, challengers_met=0, challengers=())


def _crowned(state: TrackState, king: Entrant, start: Block, why: str) -> TrackState:
    """A new king, who starts anew: no challenger was met, none has lost."""
    new = replace(_dethroned(state, f"king since block {start}: {why}"), king=king, king_since=start)
    return replace(new, trial=(), trial_rounds=0)


def _seated(state: TrackState, result: RoundResult, scores: Table, rules: Track) -> TrackState:
    """The empty throne's trial goes on by this round, and ends when there was evidence enough."""
    state = throne.tried(state, scores, rules)
    found = throne.seat(state, rules)
    if found is None:
        return state
    name = found.king.entrant
    why = (
        f"of {found.contenders} on the empty throne's trial of {found.rounds} rounds the earliest that no later one clearly beat"
    )
    king = _crowned(state, name, result.start, why)
    if state.level is None:
        return replace(king, level=Micro(0))
    level = Micro(max(state.level, round(rules.pay.base * MICRO)))
    owed = Micro(max(0, level - int(found.scores.sum()) // found.scores.size))
    credit = Credit(entrant=name, over=None, level=level).with_groups(found.scores - level)
    return replace(king, level=Micro(0), owed=owed, leads=(*king.leads, credit))


def _challenged(state: TrackState, result: RoundResult, scores: Table, rules: Track) -> TrackState:
    """The state after this round beside the king; without the king's own scores there is no evidence in it.

    One duel is open at a time: with several at once the luckiest of equals would win, and whoever holds many of them would win sooner
    than whoever holds one.
    """
    record = None if state.king is None else state.record(state.king)
    if record is None or record.entrant not in scores.rows:
        return state
    least = duels.margin(rules.duel, result.start - state.king_since, record.micro)
    state = replace(state, challengers=_challengers(state, record.entrant, least, scores, rules.duel))
    state, won = _fought(state, record.entrant, scores, rules.duel)
    if won is not None:
        return _succeeded(state, won, result.start)
    return _opened(state, result.number, least, rules.duel)


def _challengers(state: TrackState, king: Entrant, least: Micro, scores: Table, rules: DuelRules) -> tuple[Challenger, ...]:
    """Whoever challenged the king before, and each newcomer that this round does not show to be worse, with what they promise now."""
    found = {each.entrant: each for each in state.challengers}
    for name in (record.entrant for record in state.records if record.entrant in scores.rows and record.entrant != king):
        old, differences = found.get(name), scores.differences(name, king)
        if not differences.size or (old is None and clearly_less(differences, CONFIDENCE)):
            continue
        old = old or Challenger(entrant=name)
        promise = old.promise + int(duels.gains_of(differences, least, rules).sum())
        found[name] = replace(old, promise=promise, groups=old.groups + differences.size, rounds=old.rounds + 1)
    return tuple(found[name] for name in sorted(found))


def _fought(state: TrackState, king: Entrant, scores: Table, rules: DuelRules) -> tuple[TrackState, Duel | None]:
    """The open duel takes a step if both sides were scored; beside the state the duel if it was won."""
    if state.duel is None:
        return state, None
    name = state.duel.challenger
    duel = duels.step(state.duel, scores.differences(name, king) if name in scores.rows else (), rules)
    outcome = duels.read(duel, rules)
    if outcome is DuelOutcome.OPEN:
        return replace(state, duel=duel), None
    state = replace(state, duel=None, ended=(*state.ended, duels.ended(duel, outcome)))
    if outcome is DuelOutcome.CROWNED:
        return state, duel
    rest = (
        replace(each, promise=min(each.promise, 0), lost=each.lost + 1) if each.entrant == name else each
        for each in state.challengers
    )
    return replace(state, challengers=tuple(rest)), None


def _succeeded(state: TrackState, duel: Duel, start: Block) -> TrackState:
    """The challenger that won is king, and its lead is credited."""
    new = duel.challenger
    credit = Credit(entrant=new, over=duel.king, owed=state.owed, groups=duel.groups, total=duel.lead, squares=duel.lead_squares)
    owed = Micro(max(0, state.owed - max(0, duel.lead // duel.groups)))
    why = (
        f"evidence {duel.wealth:.4g} of {duel.threshold:.4g} needed against {duel.king}, "
        f"over {duel.groups} groups of {duel.rounds} rounds"
    )
    return replace(_crowned(state, new, start, why), owed=owed, leads=(*state.leads, credit))


def _opened(state: TrackState, number: RoundNumber, least: Micro, rules: DuelRules) -> TrackState:
    """A duel opens, unless one is open, for the earliest challenger that promises about as much as the most promising one.

    What it scored so far is no evidence in it. Nobody has a duel who promises nothing.
    """
    promises = {each.entrant: each.promise for each in state.challengers if each.promise > 0}
    if state.king is None or state.duel is not None or not promises:
        return state
    enough = rules.seniority * max(promises.values())
    records = (record for record in state.records if promises.get(record.entrant, -1) >= enough)
    name = min(records, key=lambda record: record.seniority).entrant
    met = state.challengers_met + 1
    duel = Duel(challenger=name, king=state.king, opened=number, margin=least, threshold=duels.threshold(rules, met))
    return replace(state, challengers_met=met, duel=duel)
