"""The fold: a closed round's result takes the ledger to its next state, the records of submissions, the duels and the king.

Each round adds its scores to the records first. Then a king that left gives up the top, an empty throne goes to the best model of the
round, and against a king that sits the open duels take a step, and new ones open.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import chain

import numpy as np
import numpy.typing as npt

from scoring.competition import Competition, DuelRules
from scoring.ranking import duel as duels
from scoring.ranking.duel import Duel, DuelOutcome
from scoring.ranking.selection import CONFIDENCE, by_precedence, lower_bound
from scoring.ranking.state import Record, Rejection, State
from scoring.types import MICRO, Block, Entrant, Hotkey, Micro, RoundNumber, TensorsHash

MISSING = -1
"""Stands in a table where a submission was not scored on a group."""


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
    verdict: LedgerVerdict
    groups: Mapping[str, Micro]
    """Its score by group id, in integers of 1e-6."""
    speed: int = 0
    """Of the whole evaluation, in milliseconds of compute per expected second of speech, 0 where unknown."""
    reason: str = ""
    """The reason for its rejection."""

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


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The scores of a round: `scores` is (submissions, groups) in integers of 1e-6, MISSING where there is none; `rows` finds the row.

    Groups are in the order of their ids, which is the order in which the round asked for them.
    """

    rows: Mapping[Entrant, int]
    scores: npt.NDArray[np.int64]

    def differences(self, one: Entrant, other: Entrant) -> npt.NDArray[np.int64]:
        """`one`'s scores minus `other`'s on the groups that both were scored on, in order."""
        mine, theirs = self.scores[self.rows[one]], self.scores[self.rows[other]]
        both = (mine != MISSING) & (theirs != MISSING)
        differences: npt.NDArray[np.int64] = mine[both] - theirs[both]
        return differences


def fold(state: State, result: RoundResult, competition: Competition) -> State:
    """`state[r+1]` from `state[r]` and a round's outcomes, in whatever order they come; raises ValueError unless rounds rise."""
    if state.round is not None and result.number <= state.round:
        raise ValueError(f"round {result.number} cannot be folded after round {state.round}")
    judged = sorted((item for item in result.judged if item.entrant not in result.gone), key=lambda item: item.entrant)
    if len({item.entrant for item in judged}) < len(judged):
        raise ValueError(f"round {result.number} judges a submission twice")
    scored = [item for item in judged if item.scored]
    scores = _table(scored)
    state = _known(replace(state, round=result.number, ended=()), result, judged, scores)
    scores = _of_known(scores, state)
    state = _vacated(state, result, [item for item in scored if item.entrant in scores.rows], competition)
    if state.king is None:
        return _seated(state, result.start, scores, competition)
    return _challenged(state, result, scores, competition)


def _table(scored: Sequence[Judged]) -> Table:
    """The scores of all that were scored, side by side."""
    asked = list(scored[0].groups) if scored else []
    if sorted(asked) != asked or any(list(item.groups) != asked for item in scored):
        asked = sorted({group for item in scored for group in item.groups})
        values = chain.from_iterable((item.groups.get(group, MISSING) for group in asked) for item in scored)
    else:
        values = chain.from_iterable(item.groups.values() for item in scored)
    scores = np.fromiter(values, np.int64, len(scored) * len(asked)).reshape(len(scored), len(asked))
    return Table({item.entrant: row for row, item in enumerate(scored)}, scores)


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
    left = tuple(duels.ended(duel, DuelOutcome.CHALLENGER_GONE) for duel in state.duels if duel.challenger not in standing)
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


def _vacated(state: State, result: RoundResult, scored: Sequence[Judged], competition: Competition) -> State:
    """The state after the king's absences of this round: a king that is known no longer, or was absent too long, holds nothing."""
    king = state.king
    if king is None:
        return state
    if state.record(king) is None:
        why = result.gone.get(king) or next((r.reason for r in state.rejections if r.entrant == king), "its record is gone")
        return _dethroned(state, f"vacant: {king} is gone in round {result.number}: {why}")
    names = {item.entrant for item in scored}
    absent = 0 if king in names else state.king_absent + bool(names)
    if absent < competition.duel.absent_rounds:
        return replace(state, king_absent=absent)
    return _dethroned(state, f"vacant: {king} was not scored in {absent} rounds in which others were, to round {result.number}")


def _dethroned(state: State, throne: str) -> State:
    """Nobody holds the top; what challengers won or lost against the old king is over."""
    over = tuple(duels.ended(duel, DuelOutcome.KING_GONE) for duel in state.duels)
    return replace(state, king=None, king_absent=0, throne=throne, challengers_met=0, duels=(), lost=(), ended=state.ended + over)


def _crowned(state: State, king: Entrant, start: Block, why: str) -> State:
    """A new king, who starts anew: no challenger was met, none has lost."""
    return replace(_dethroned(state, f"king since block {start}: {why}"), king=king, king_since=start)


def _seated(state: State, start: Block, scores: Table, competition: Competition) -> State:
    """An empty throne goes to one that this round scored at the tail's floor or above.

    Of all that are not clearly worse than the best on the same groups, the one with precedence: no copy wins it by luck.
    """
    floor = competition.shares.tail_floor
    contenders = {r.entrant: r for r in state.records if r.entrant in scores.rows and _mean(scores, r.entrant) >= floor * MICRO}
    if not contenders:
        return state
    best = min(contenders.values(), key=lambda record: (-_mean(scores, record.entrant), record.seniority))
    band = [record for record in contenders.values() if not clearly_worse(scores, record.entrant, best.entrant)]
    precedence = by_precedence(list(contenders.values()), competition.shares.tie_speed)
    king = min(band, key=precedence)
    return _crowned(state, king.entrant, start, _why_seated(scores, king, band))


def clearly_worse(scores: Table, one: Entrant, other: Entrant) -> bool:
    """Whether `one` scored less than `other` by more than the error of the mean difference allows, on the groups of both."""
    differences = scores.differences(one, other)
    n = differences.size
    if n == 0:
        return True
    total, squares = int(differences.sum()), int((differences * differences).sum())
    if n == 1:
        return total < 0
    spread = max(0, squares * n - total * total)
    return total < -CONFIDENCE * math.sqrt(spread / (n - 1))


def _mean(scores: Table, entrant: Entrant) -> float:
    row = scores.scores[scores.rows[entrant]]
    there = row[row != MISSING]
    return int(there.sum()) / int(there.size)


def _why_seated(scores: Table, king: Record, band: Sequence[Record]) -> str:
    """The words for a king that took an empty throne."""
    mean = _mean(scores, king.entrant) / MICRO
    if len(band) == 1:
        return f"it scored {mean:.4f} when the throne was empty, clearly more than all others"
    return f"it scored {mean:.4f} when the throne was empty; of {len(band)} that were not clearly worse than the best it takes precedence"


def _challenged(state: State, result: RoundResult, scores: Table, competition: Competition) -> State:
    """The state after this round's duels; without the king's own scores there is no evidence in it."""
    king = state.king
    if king is None or king not in scores.rows:
        return state
    state = _fought(state, king, scores, competition.duel)
    winners = [duel.entrant for duel in state.ended if duel.outcome is DuelOutcome.CROWNED]
    if winners:
        return _succeeded(state, king, winners, result, competition)
    return _qualified(state, king, result, scores, competition.duel)


def _fought(state: State, king: Entrant, scores: Table, rules: DuelRules) -> State:
    """Every open duel whose two sides were scored takes a step."""
    still, over = [], []
    for duel in state.duels:
        if duel.challenger in scores.rows:
            duel = duels.step(duel, scores.differences(duel.challenger, king), rules)
        outcome = duels.read(duel, rules)
        if outcome is DuelOutcome.OPEN:
            still.append(duel)
        else:
            over.append(duels.ended(duel, outcome))
    lost = [duel for duel in over if duel.outcome is not DuelOutcome.CROWNED]
    return replace(
        state,
        duels=tuple(still),
        lost=tuple(sorted((*state.lost, *lost), key=lambda duel: duel.entrant)),
        ended=(*state.ended, *over),
    )


def _succeeded(state: State, old: Entrant, winners: Sequence[Entrant], result: RoundResult, competition: Competition) -> State:
    """Of several that won in the same round, the highest lower bound; equals by precedence."""
    records = [record for record in state.records if record.entrant in winners]
    precedence = by_precedence(records, competition.shares.tie_speed)
    best = min(records, key=lambda record: (-lower_bound(record), precedence(record)))
    won = next(duel for duel in state.ended if duel.entrant == best.entrant)
    why = (
        f"evidence {won.wealth:.4g} of {won.threshold:.4g} needed against {old}, over {won.groups} groups of {won.rounds} rounds"
    )
    return _crowned(state, best.entrant, result.start, why)


def _qualified(state: State, king: Entrant, result: RoundResult, scores: Table, rules: DuelRules) -> State:
    """A duel opens for each newcomer that this round does not show to be worse; its scores of this round are no evidence in it."""
    busy = {duel.challenger for duel in state.duels} | {duel.entrant for duel in state.lost}
    record = state.record(king)
    if record is None:
        return state
    least = duels.margin(rules, result.start - state.king_since, record.micro)
    opened = list(state.duels)
    met = state.challengers_met
    for newcomer in sorted((r for r in state.records if r.entrant in scores.rows), key=lambda r: r.seniority):
        if newcomer.entrant == king or newcomer.entrant in busy or clearly_worse(scores, newcomer.entrant, king):
            continue
        met += 1
        opened.append(
            Duel(
                challenger=newcomer.entrant, king=king, opened=result.number, margin=least, threshold=duels.threshold(rules, met)
            )
        )
    return replace(state, challengers_met=met, duels=tuple(sorted(opened, key=lambda duel: duel.challenger)))
