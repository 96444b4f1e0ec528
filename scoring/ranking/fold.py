"""The fold that takes the ledger from round to round: the records of submissions, the king, the duels."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from scoring.competition import Competition
from scoring.ranking.challenges import challenged
from scoring.ranking.duel import DuelOutcome, ended
from scoring.ranking.round_result import MISSING, Judged, LedgerVerdict, RoundResult, Table, table
from scoring.ranking.state import Record, Rejection, State
from scoring.ranking.throne import seated, vacated


def fold(state: State, result: RoundResult, competition: Competition) -> State:
    """`state[r+1]` from `state[r]` and a round's outcomes, in whatever order they come; raises ValueError unless rounds rise."""
    if state.round is not None and result.number <= state.round:
        raise ValueError(f"round {result.number} cannot be folded after round {state.round}")
    judged = sorted((item for item in result.judged if item.entrant not in result.gone), key=lambda item: item.entrant)
    if len({item.entrant for item in judged}) < len(judged):
        raise ValueError(f"round {result.number} judges a submission twice")
    scored = [item for item in judged if item.scored]
    scores = table(scored)
    state = _known(replace(state, round=result.number, ended=()), result, judged, scores)
    scores = _of_known(scores, state)
    state = vacated(state, result, [item for item in scored if item.entrant in scores.rows], competition)
    if state.king is None:
        return seated(state, result.start, scores, competition)
    return challenged(state, result, scores, competition)


def _known(state: State, result: RoundResult, judged: Sequence[Judged], scores: Table) -> State:
    """Records and rejections after this round, and the duels whose challengers still have a record."""
    rejected = {r.entrant: r for r in state.rejections if r.entrant not in result.gone}
    records = {r.entrant: r for r in state.records if r.entrant not in result.gone}
    for item in judged:
        if item.verdict is LedgerVerdict.REJECTED:
            records.pop(item.entrant, None)
            rejected[item.entrant] = Rejection(item.entrant, item.hotkey, item.reason or "refused")
        elif item.scored:
            rejected.pop(item.entrant, None)
            records[item.entrant] = _added(records.get(item.entrant), item, scores)
    originals, copies = _by_lineage(records.values())
    rejected |= {copy.entrant: copy for copy in copies}
    standing = {record.entrant for record in originals}
    left = tuple(ended(duel, DuelOutcome.CHALLENGER_GONE) for duel in state.duels if duel.challenger not in standing)
    return replace(
        state,
        records=originals,
        rejections=tuple(rejected[entrant] for entrant in sorted(rejected)),
        duels=tuple(duel for duel in state.duels if duel.challenger in standing),
        lost=tuple(duel for duel in state.lost if duel.entrant in standing),
        ended=left,
    )


def _added(old: Record | None, item: Judged, scores: Table) -> Record:
    """The record with this round's groups."""
    row = scores.scores[scores.rows[item.entrant]]
    row = row[row != MISSING]
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


def _of_known(scores: Table, state: State) -> Table:
    """The scores without those of copies."""
    names = {record.entrant for record in state.records}
    return Table({entrant: row for entrant, row in scores.rows.items() if entrant in names}, scores.scores)
