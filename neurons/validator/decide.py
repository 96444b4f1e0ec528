"""What the validator does next: one pure decision from everything it read."""

from collections.abc import Sequence
from dataclasses import dataclass

from neurons.chain.types import Metagraph
from neurons.validator import rounds
from neurons.validator.ledger.eligibility import call, standing
from neurons.validator.ledger.fold_round import fold
from neurons.validator.rounds import Candidate, RoundOpening, RoundView
from scoring.competition import Competition, Schedule
from scoring.ranking.state import State
from scoring.receipts.certificate import Trust
from scoring.types import Block, RoundNumber, entrant
from voice_api.db import submissions
from voice_api.db.ledger_records import LedgerEntry, Roll
from voice_api.db.rounds import EvaluationResult, Round
from voice_api.db.states import RoundState


@dataclass(frozen=True, slots=True)
class View:
    """Everything a tick reads. `unfolded` is the oldest round that is not in the ledger.

    Of a closed one `results` are the evaluations and `roll` who stood; of one that is to be closed `fates` tell where all stand that
    the ledger knows or the round asked for.
    `trust` says whose receipts count; None: it is not known what was revoked, and nothing is folded until it is.
    """

    metagraph: Metagraph
    trust: Trust | None
    latest: Round | None
    unfolded: Round | None
    results: Sequence[EvaluationResult]
    roll: Roll | None
    fates: Sequence[submissions.Fate]
    head: LedgerEntry | None
    candidates: Sequence[submissions.Candidate]


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is due."""


@dataclass(frozen=True, slots=True)
class CloseRound:
    """The round's results are final from now on, and so is who stands."""

    number: RoundNumber
    roll: Roll


@dataclass(frozen=True, slots=True)
class FoldRound:
    """The closed round becomes the ledger's next entry."""

    entry: LedgerEntry


@dataclass(frozen=True, slots=True)
class OpenRound:
    """A round begins."""

    opening: RoundOpening
    competition_hash: str


Action = Wait | CloseRound | FoldRound | OpenRound


def decide(view: View, schedule: Schedule) -> Action:
    """One action a tick: fold, else close, else open the next round. Weights are set beside it (see `neurons.validator.weights.setter`)."""
    block = view.metagraph.block
    if view.unfolded is not None:
        rules = schedule.at(view.unfolded.round)
        if view.unfolded.state is RoundState.CLOSED and view.trust is not None:
            return FoldRound(fold(view.head, view.unfolded, view.roll, view.results, rules, view.trust))
        if ends(view.unfolded, block):
            state = _state(view.head)
            roll = call(view.unfolded.round, view.metagraph, view.candidates, view.fates, state, rules.round)
            return CloseRound(view.unfolded.round, roll)
    number = RoundNumber(block // schedule.round_blocks)
    competition = schedule.at(number)
    opening = rounds.open_round(_round_view(view, competition, number), competition)
    return Wait() if opening is None else OpenRound(opening, competition.hash)


def ends(current: Round, block: Block) -> bool:
    """Whether an open round is to be closed: with its last verdict, or at its deadline.

    Not by a chain that stands before its first block: there those that were asked for might not be registered yet.
    """
    if current.state is not RoundState.OPEN or block < current.start_block:
        return False
    return current.pending == 0 or block >= current.deadline_block


def _state(head: LedgerEntry | None) -> State:
    return State() if head is None else head.state


def _round_view(view: View, competition: Competition, number: RoundNumber) -> RoundView:
    candidates = [
        Candidate(c.id, c.commit_block, c.tiebreak, neuron.immune_until_block, c.last_round, entrant(c.hotkey, c.commit_block))
        for c, neuron in standing(view.candidates, view.metagraph, number, competition.round)
    ]
    latest = None if view.latest is None else view.latest.round
    return RoundView(view.metagraph.block, latest, view.unfolded is not None, _state(view.head), candidates)
