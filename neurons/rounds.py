"""Who is judged in which round: pure decisions of the validator."""

from collections.abc import Sequence
from dataclasses import dataclass

from scoring.competition import Competition
from scoring.ranking import State
from scoring.types import Block, RoundNumber, SubmissionId


@dataclass(frozen=True, slots=True)
class Candidate:
    """A submission of a registered hotkey that may be judged.

    `immune_until` is the block at which its registration may end, `last_asked` the last round that asked for it, whatever came of it.
    """

    submission: SubmissionId
    commit_block: Block
    tiebreak: str
    immune_until: Block
    last_asked: RoundNumber | None


@dataclass(frozen=True, slots=True)
class RoundView:
    """What a round's opening depends on: the finalized head, the last round opened, the ledger's state, and who may be judged."""

    finalized: Block
    last_opened: RoundNumber | None
    any_open: bool
    state: State
    candidates: Sequence[Candidate]


@dataclass(frozen=True, slots=True)
class RoundOpening:
    """A round to be written: its entries are in order of priority, soonest first."""

    number: RoundNumber
    start: Block
    deadline: Block
    entries: tuple[SubmissionId, ...]


def open_round(view: RoundView, competition: Competition) -> RoundOpening | None:
    """The round that begins now, or None while one is open, none is due, or nobody is to be judged.

    King, then who was never asked for, then all others by how long ago that was; equals by immunity deadline, then commit; at most
    `evaluations` of them. So each gets its turn, however many there are: newcomers are few (each took a registration or a cooldown),
    and one that failed for our reasons waits among the others. Only submissions committed before the round's first block take
    part: its prompts were unknown when they were committed.
    """
    number = RoundNumber(view.finalized // competition.round.blocks)
    start = Block(number * competition.round.blocks)
    if view.any_open or (view.last_opened is not None and number <= view.last_opened):
        return None
    eligible = [candidate for candidate in view.candidates if candidate.commit_block < start]
    entries = tuple(c.submission for c in sorted(eligible, key=lambda c: _priority(c, view.state)))[
        : competition.round.evaluations
    ]
    if not entries:
        return None
    return RoundOpening(number, start, Block(start + competition.round.deadline_blocks), entries)


def _priority(candidate: Candidate, state: State) -> tuple[bool, int, int, int, str]:
    asked = -1 if candidate.last_asked is None else candidate.last_asked
    return (candidate.submission != state.king, asked, candidate.immune_until, candidate.commit_block, candidate.tiebreak)
