"""What the validator does next: one pure decision from everything it read."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from neurons import rounds
from neurons.admission import Admission
from neurons.rounds import Candidate, RoundOpening, RoundView
from neurons.types import Metagraph, Neuron
from scoring import ranking, weights
from scoring.certificate import Trust
from scoring.competition import Schedule
from scoring.ranking import Judged, RoundResult, State, Verdict
from scoring.receipt import ReceiptInvalid
from scoring.types import Block, Hotkey, Micro, RoundNumber, TensorsHash, entrant
from scoring.weights import Snapshot, WeightPlan
from voice_api.db import records
from voice_api.db.ledger_records import LedgerEntry, WeightAttempt
from voice_api.db.records import EvaluationResult
from voice_api.db.states import EvaluationState, Outcome, RoundState

RETRY_BLOCKS = 10
"""Blocks between two attempts to set the same weights."""


@dataclass(frozen=True, slots=True)
class View:
    """Everything a tick reads. `unfolded` is the oldest round that is not in the ledger, `results` are its evaluations.

    `trust` says whose receipts count; None: it is not known what was revoked, and nothing is folded until it is.
    """

    metagraph: Metagraph
    me: Hotkey
    trust: Trust | None
    latest: records.Round | None
    unfolded: records.Round | None
    results: Sequence[EvaluationResult]
    head: LedgerEntry | None
    candidates: Sequence[records.Candidate]
    last_attempt: WeightAttempt | None
    last_set: WeightAttempt | None


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is due."""


@dataclass(frozen=True, slots=True)
class CloseRound:
    """The round's results are final from now on."""

    number: RoundNumber


@dataclass(frozen=True, slots=True)
class FoldRound:
    """The closed round becomes the ledger's next state. `distrusted` names evaluations whose receipt did not hold."""

    entry: LedgerEntry
    distrusted: tuple[str, ...]


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
        terminal = view.unfolded.pending == 0
        if view.unfolded.state is RoundState.CLOSED and view.trust is not None:
            return _fold(view, view.unfolded, view.trust, schedule)
        if view.unfolded.state is RoundState.OPEN and (terminal or block >= view.unfolded.deadline_block):
            return CloseRound(view.unfolded.round)
    if view.head is not None and _weights_due(view, view.head):
        snapshot = _snapshot(view, view.head, schedule)
        return SetWeights(snapshot, weights.plan(snapshot))
    competition = schedule.at(RoundNumber(block // schedule.round_blocks))
    opening = rounds.open_round(_round_view(view), competition)
    return Wait() if opening is None else OpenRound(opening, competition.hash)


def _state(head: LedgerEntry | None) -> State:
    return State() if head is None else ranking.from_json(head.state)


def _fold(view: View, closed: records.Round, trust: Trust, schedule: Schedule) -> FoldRound:
    competition = schedule.at(closed.round)
    admission = Admission(closed, competition, trust)
    judged, distrusted = [], []
    for result in view.results:
        try:
            judged.append(_judged(result, admission))
        except ReceiptInvalid as exc:
            distrusted.append(f"evaluation {result.evaluation_id}: {exc}")
            judged.append(_absent(result))
    before = _state(view.head)
    known = {record.submission for record in before.records} | {item.submission for item in judged}
    gone = frozenset(known - {candidate.id for candidate, _ in _registered(view)})
    after = ranking.fold(before, RoundResult(closed.round, closed.start_block, judged, gone), competition)
    previous = "" if view.head is None else view.head.state_hash
    king = next(
        (entrant(record.hotkey, record.commit_block) for record in after.records if record.submission == after.king), None
    )
    entry = LedgerEntry(closed.round, ranking.chain_hash(previous, after), previous, ranking.to_json(after), {}, king)
    return FoldRound(entry, tuple(distrusted))


def _judged(result: EvaluationResult, admission: Admission) -> Judged:
    """An evaluation counts only if its receipt holds and says what the row says; one of ours that failed is absent."""
    if result.state is EvaluationState.PARKED or result.receipt is None:
        return _absent(result)
    groups = admission.groups(result)
    return _outcome(result, Verdict.SCORED if groups else Verdict.REFUSED, result.receipt["tensors_hash"], groups)


def _absent(result: EvaluationResult) -> Judged:
    return _outcome(result, Verdict.ABSENT, None, {})


def _outcome(result: EvaluationResult, verdict: Verdict, tensors: TensorsHash | None, groups: Mapping[str, Micro]) -> Judged:
    return Judged(result.submission_id, result.hotkey, result.commit_block, result.tiebreak, tensors, verdict, groups)


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
        shares=competition.shares.king_and_tail,
        tail_floor=competition.shares.tail_floor,
        competition_hash=competition.hash,
    )


def _registered(view: View) -> list[tuple[records.Candidate, Neuron]]:
    """Candidates with their neurons as the chain has them now: the stored registry may be older than the metagraph."""
    neurons = {neuron.hotkey: neuron for neuron in view.metagraph.neurons}
    return [(candidate, neurons[candidate.hotkey]) for candidate in view.candidates if candidate.hotkey in neurons]


def _round_view(view: View) -> RoundView:
    candidates = [
        Candidate(c.id, c.commit_block, c.tiebreak, neuron.immune_until_block, c.last_round) for c, neuron in _registered(view)
    ]
    latest = None if view.latest is None else view.latest.round
    return RoundView(view.metagraph.block, latest, view.unfolded is not None, _state(view.head), candidates)


def attempt(action: SetWeights, block: Block, outcome: Outcome, error: str | None) -> WeightAttempt:
    """The row that keeps an attempt to set weights."""
    plan = {"lines": [asdict(line) for line in action.plan.lines], "burn": action.plan.burn}
    return WeightAttempt(block, action.snapshot.hash, asdict(action.snapshot), plan, outcome, error)
