"""What the validator does next: one pure decision from everything it read."""

from collections.abc import Sequence
from dataclasses import dataclass

from neurons import rounds
from neurons.folding import fold
from neurons.roll import call, standing
from neurons.rounds import Candidate, RoundOpening, RoundView
from neurons.types import Metagraph
from scoring import ledger, weights
from scoring.certificate import Trust
from scoring.competition import Competition, Schedule
from scoring.ledger import State
from scoring.types import Block, Hotkey, RoundNumber, entrant
from scoring.weights import Snapshot, WeightPlan
from voice_api.db import records
from voice_api.db.ledger_records import LedgerEntry, Roll, WeightAttempt
from voice_api.db.records import EvaluationResult
from voice_api.db.states import Outcome, RoundState

RETRY_BLOCKS = 10
"""Blocks between two attempts to set the same weights."""


@dataclass(frozen=True, slots=True)
class View:
    """Everything a tick reads. `unfolded` is the oldest round that is not in the ledger.

    Of a closed one `results` are the evaluations and `roll` who stood; of one that is to be closed `fates` tell where all stand that
    the ledger knows or the round asked for.
    `trust` says whose receipts count; None: it is not known what was revoked, and nothing is folded until it is.
    """

    metagraph: Metagraph
    me: Hotkey
    trust: Trust | None
    latest: records.Round | None
    unfolded: records.Round | None
    results: Sequence[EvaluationResult]
    roll: Roll | None
    fates: Sequence[records.Fate]
    head: LedgerEntry | None
    candidates: Sequence[records.Candidate]
    last_attempt: WeightAttempt | None
    last_set: WeightAttempt | None


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


@dataclass(frozen=True, slots=True)
class SetWeights:
    """The ledger's head, as weights."""

    snapshot: Snapshot
    plan: WeightPlan


Action = Wait | CloseRound | FoldRound | OpenRound | SetWeights


def decide(view: View, schedule: Schedule) -> Action:
    """One action a tick: close, else fold, else set weights, else open the next round."""
    block = view.metagraph.block
    if view.unfolded is not None:
        rules = schedule.at(view.unfolded.round)
        if view.unfolded.state is RoundState.CLOSED and view.trust is not None:
            return FoldRound(fold(view.head, view.unfolded, view.roll, view.results, rules, view.trust))
        if ends(view.unfolded, block):
            state = _state(view.head)
            roll = call(view.unfolded.round, view.metagraph, view.candidates, view.fates, state, rules.round)
            return CloseRound(view.unfolded.round, roll)
    if view.head is not None and _weights_due(view, view.head):
        snapshot = _snapshot(view, view.head, schedule)
        return SetWeights(snapshot, weights.plan(snapshot))
    number = RoundNumber(block // schedule.round_blocks)
    competition = schedule.at(number)
    opening = rounds.open_round(_round_view(view, competition, number), competition)
    return Wait() if opening is None else OpenRound(opening, competition.hash)


def ends(current: records.Round, block: Block) -> bool:
    """Whether an open round is to be closed: with its last verdict, or at its deadline.

    Not by a chain that stands before its first block: there those that were asked for might not be registered yet.
    """
    if current.state is not RoundState.OPEN or block < current.start_block:
        return False
    return current.pending == 0 or block >= current.deadline_block


def _state(head: LedgerEntry | None) -> State:
    return State() if head is None else ledger.from_json(head.state)


def _weights_due(view: View, head: LedgerEntry) -> bool:
    """After each fold, and once a tempo to stay active; never inside the chain's rate limit or right after an attempt.

    Not while the subnet's owner holds no uid to burn to: rounds go on without weights.
    """
    block, neuron = view.metagraph.block, view.metagraph.neuron(view.me)
    if neuron is None or view.metagraph.neuron(view.metagraph.owner_hotkey) is None:
        return False
    if block - neuron.last_update < view.metagraph.weights_rate_limit:
        return False
    if view.last_attempt is not None and block - view.last_attempt.block < RETRY_BLOCKS:
        return False
    if view.last_set is None or view.last_set.snapshot["ledger_hash"] != head.state_hash:
        return True
    return block - view.last_set.block >= view.metagraph.tempo


def _snapshot(view: View, head: LedgerEntry, schedule: Schedule) -> Snapshot:
    competition = schedule.at(head.round)
    metagraph = view.metagraph
    owner = metagraph.neuron(metagraph.owner_hotkey)
    if owner is None:
        raise weights.WeightsInvalid("the subnet's owner holds no uid to burn to")
    return Snapshot(
        ledger_hash=head.state_hash,
        state=_state(head),
        block=metagraph.block,
        owner=owner.uid,
        uids={neuron.hotkey: neuron.uid for neuron in metagraph.neurons},
        registered_at={neuron.hotkey: neuron.registered_at_block for neuron in metagraph.neurons},
        committed={item.hotkey: item.block for item in metagraph.commitments},
        shares=competition.shares.king_and_tail,
        tail_floor=competition.shares.tail_floor,
        tie_band=competition.shares.tie_band,
        tie_speed=competition.shares.tie_speed,
        competition_hash=competition.hash,
    )


def _round_view(view: View, competition: Competition, number: RoundNumber) -> RoundView:
    candidates = [
        Candidate(c.id, c.commit_block, c.tiebreak, neuron.immune_until_block, c.last_round, entrant(c.hotkey, c.commit_block))
        for c, neuron in standing(view.candidates, view.metagraph, number, competition.round)
    ]
    latest = None if view.latest is None else view.latest.round
    return RoundView(view.metagraph.block, latest, view.unfolded is not None, _state(view.head), candidates)


def attempt(action: SetWeights, block: Block, outcome: Outcome, error: str | None) -> WeightAttempt:
    """The row that keeps an attempt to set weights."""
    return WeightAttempt(block, action.snapshot.hash, action.snapshot.to_json(), action.plan.to_json(), outcome, error)
