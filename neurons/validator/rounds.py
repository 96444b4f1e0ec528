"""The submissions that a round judges, and their order: pure decisions of the validator."""

from collections.abc import Sequence
from dataclasses import dataclass

from scoring.competition import Competition, ShareRules
from scoring.ranking.selection import lower_bound, not_clearly_better, ranked
from scoring.ranking.state import State
from scoring.types import Block, Entrant, RoundNumber, SubmissionId


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundCandidate:
    """A submission of a registered hotkey that may be judged.

    `immune_until` is the block at which its registration may end, `last_asked` the last round that asked for it.
    """

    submission: SubmissionId
    commit_block: Block
    tiebreak: str
    immune_until: Block
    last_asked: RoundNumber | None
    entrant: Entrant


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundView:
    """All that a round's opening depends on: finalized head, last round opened, the ledger's state, and the candidates."""

    finalized: Block
    last_opened: RoundNumber | None
    any_open: bool
    state: State
    candidates: Sequence[RoundCandidate]


@dataclass(frozen=True, slots=True)
class RoundOpening:
    """A round to be written: its entries are in order of priority, soonest first."""

    number: RoundNumber
    start: Block
    deadline: Block
    entries: tuple[SubmissionId, ...]


def open_round(view: RoundView, competition: Competition) -> RoundOpening | None:
    """The round that begins now, or None while one is open, none is due, or nobody is to be judged.

    First the king, then the holders of the other paid places; then newcomers and open duels, first those whose immunity ends soonest,
    then the others, by how long ago they were asked for; then, by that alone, scored submissions without a duel; then those that lost
    to this king or were rejected. Equals come by commit; at most `evaluations` are asked. So no amount of junk keeps a newcomer or a
    duel waiting.

    Only submissions committed before the round's first block take part: its prompts were unknown when they were committed.
    """
    number = RoundNumber(view.finalized // competition.round.blocks)
    start = Block(number * competition.round.blocks)
    if view.any_open or (view.last_opened is not None and number <= view.last_opened):
        return None
    eligible = [candidate for candidate in view.candidates if candidate.commit_block < start]
    places = _places(view.state, competition.shares)
    chances = _chances(view.state)

    def priority(candidate: RoundCandidate) -> tuple[int, int, bool, Block, int, Block, str]:
        chance = chances.get(candidate.entrant, 0)
        immune = chance == 0 and candidate.immune_until > view.finalized
        return (
            places.get(candidate.entrant, len(places)),
            chance,
            not immune,
            candidate.immune_until if immune else Block(0),
            -1 if candidate.last_asked is None else candidate.last_asked,
            candidate.commit_block,
            candidate.tiebreak,
        )

    entries = tuple(candidate.submission for candidate in sorted(eligible, key=priority)[: competition.round.evaluations])
    if not entries:
        return None
    return RoundOpening(number, start, Block(start + competition.round.deadline_blocks), entries)


def _chances(state: State) -> dict[Entrant, int]:
    """1 for a scored submission without a duel, 2 for one that lost to the king or was rejected; all others may win soon."""
    duels = {duel.challenger for duel in state.duels}
    idle = {} if state.king is None else {record.entrant: 1 for record in state.records if record.entrant not in duels}
    return idle | {duel.entrant: 2 for duel in state.lost} | {rejection.entrant: 2 for rejection in state.rejections}


def _places(state: State, shares: ShareRules) -> dict[Entrant, int]:
    """The paid place of each submission that holds one, by the ledger alone: 0 for the king, then the tail."""
    behind = not_clearly_better(state.records, state.king)
    others = [record for record in state.records if record.entrant != state.king and record.entrant not in behind]
    above = [record for record in others if lower_bound(record) >= shares.tail_floor]
    tail = ranked(above, shares.tie_band, shares.tie_speed)[: len(shares.king_and_tail) - 1]
    king = [] if state.king is None else [state.king]
    return {name: place for place, name in enumerate([*king, *(record.entrant for record in tail)])}
