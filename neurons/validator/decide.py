"""The validator's next action: one pure decision from everything that it read."""

from collections.abc import Sequence
from dataclasses import dataclass

from neurons.chain.types import Metagraph
from neurons.validator import rounds
from neurons.validator.ledger.eligibility import eligible, eligible_at_close
from neurons.validator.ledger.entries import fold_round
from neurons.validator.rounds import RoundCandidate, RoundOpening, RoundView
from scoring.competition import Competition, Schedule
from scoring.ranking.state import State
from scoring.receipts.certificate import Trust
from scoring.types import Block, RoundNumber, entrant
from voice_api.db import submissions
from voice_api.db.ledger import LedgerEntry
from voice_api.db.rounds import Eligibility, Round, RoundEvidence
from voice_api.db.states import RoundState
from voice_api.db.submissions import SubmissionStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Everything that a tick reads."""

    metagraph: Metagraph
    trust: Trust | None
    """The issuers whose receipts count. None: nobody knows what was revoked, and nothing is folded until somebody does."""
    latest: Round | None
    unfolded: Round | None
    """The oldest round that is not in the ledger."""
    evidence: RoundEvidence | None
    """All that was judged in that round, once it is closed."""
    statuses: Sequence[SubmissionStatus]
    """Of a round that is to be closed: the statuses of all submissions that the ledger knows or the round asked for."""
    head: LedgerEntry | None
    candidates: Sequence[submissions.Candidate]


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is due."""


@dataclass(frozen=True, slots=True)
class CloseRound:
    """The round's results are final from now on, and so is the eligibility."""

    number: RoundNumber
    eligibility: Eligibility


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
        if view.evidence is not None and view.trust is not None:
            return FoldRound(fold_round(view.head, view.evidence, rules, view.trust))
        if ends(view.unfolded, block):
            found = eligible_at_close(
                view.unfolded.round,
                view.metagraph,
                view.candidates,
                statuses=view.statuses,
                state=_state(view.head),
                rules=rules.round,
            )
            return CloseRound(view.unfolded.round, found)
    number = RoundNumber(block // schedule.round_blocks)
    competition = schedule.at(number)
    opening = rounds.open_round(_round_view(view, competition, number), competition)
    return Wait() if opening is None else OpenRound(opening, competition.hash)


def ends(current: Round, block: Block) -> bool:
    """Say whether an open round is to be closed: with its last verdict, or at its deadline.

    Not by a chain that stands before its first block: there those that were asked for might not be registered yet.
    """
    if current.state is not RoundState.OPEN or block < current.start_block:
        return False
    return current.pending == 0 or block >= current.deadline_block


def _state(head: LedgerEntry | None) -> State:
    return State() if head is None else head.state


def _round_view(view: View, competition: Competition, number: RoundNumber) -> RoundView:
    candidates = [
        RoundCandidate(
            submission=c.id,
            commit_block=c.commit_block,
            tiebreak=c.tiebreak,
            immune_until=neuron.immune_until_block,
            last_asked=c.last_round,
            entrant=entrant(c.hotkey, c.commit_block),
        )
        for c, neuron in eligible(view.candidates, view.metagraph, number, competition.round)
    ]
    latest = None if view.latest is None else view.latest.round
    return RoundView(
        finalized=view.metagraph.block,
        last_opened=latest,
        any_open=view.unfolded is not None,
        state=_state(view.head),
        candidates=candidates,
    )
