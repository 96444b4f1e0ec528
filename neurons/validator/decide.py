"""The validator's next action, decided purely from everything that it read: fold a round, close one, or open the next."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from neurons.chain.types import Metagraph, Neuron
from neurons.validator.ledger import fold_round
from scoring.competition import Competition, Schedule
from scoring.errors import Code
from scoring.ranking.opening import RoundOpening, RoundView, open_round
from scoring.ranking.queue import RoundCandidate
from scoring.ranking.state import BANNED, SUPERSEDED, State
from scoring.receipts.certificate import Trust
from scoring.types import Block, Entrant, Hotkey, RoundNumber, entrant
from voice_api.db.ledger import LedgerEntry
from voice_api.db.rounds import Eligibility, Round, RoundEvidence
from voice_api.db.states import RoundState, SubmissionState
from voice_api.db.submissions import Candidate, SubmissionStatus


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
    """All that was judged in that round, once it is closed, and what is followed of it is at hand."""
    statuses: Sequence[SubmissionStatus]
    """Of all submissions that the ledger knows, and that a round which is to be closed asked for; only then, or while no round waits."""
    head: LedgerEntry | None
    candidates: Sequence[Candidate]
    tracks: frozenset[str] = frozenset()
    """The tracks that are judged here; none named: all."""


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
    """One action a tick: fold, else close, else open the next round. Weights are set beside it (see `neurons.validator.weights.setter`).

    Rounds are shared with validators of the same database. One whose rules are not those of the others leaves opening and closing to
    them, and takes its turn only after they missed theirs.
    """
    block = view.metagraph.block
    if view.unfolded is not None:
        rules = schedule.at(view.unfolded.round)
        if view.evidence is not None and view.trust is not None:
            return FoldRound(fold_round(view.head, view.evidence, rules, view.trust))
        if ends(view.unfolded, block) and not _is_left_to_others(view.unfolded, view.head, block, rules):
            found = eligible_at_close(
                view.unfolded.round,
                view.metagraph,
                view.candidates,
                statuses=view.statuses,
                state=_state(view.head),
                rules=rules,
            )
            return CloseRound(view.unfolded.round, found)
    number = RoundNumber(block // schedule.round_blocks)
    if _stands_back(view, number, schedule):
        return Wait()
    competition = schedule.at(number)
    opening = open_round(_round_view(view, competition, number), competition)
    return Wait() if opening is None else OpenRound(opening, competition.hash)


def ends(current: Round, block: Block) -> bool:
    """Say whether an open round is to be closed: with its last verdict, or at its deadline.

    Not by a chain that stands before its first block: there those that were asked for might not be registered yet.
    """
    if current.state is not RoundState.OPEN or block < current.start_block:
        return False
    return current.pending == 0 or block >= current.deadline_block


def _is_left_to_others(current: Round, head: LedgerEntry | None, block: Block, rules: Competition) -> bool:
    """Say whether a round that ended is closed by others: they opened it under other rules, and this ledger lacks what they counted.

    Once their time for it is over it is closed all the same.
    """
    lacks = head is not None and head.inputs.refusal != "" and current.competition_hash != rules.hash
    return lacks and block < current.deadline_block + rules.round.blocks


def _stands_back(view: View, number: RoundNumber, schedule: Schedule) -> bool:
    """Say whether the next round is for others to open: they opened the last one under other rules, and workers judged it by those.

    Opened under rules that workers do not have, a round is judged by nobody.
    """
    last, head = view.latest, view.head
    if last is None or head is None or head.round != last.round or number != last.round + 1:
        return False
    return head.inputs.refusal != "" and last.competition_hash != schedule.at(last.round).hash


def _state(head: LedgerEntry | None) -> State:
    return State() if head is None else head.state


def eligible(
    candidates: Iterable[Candidate], metagraph: Metagraph, number: RoundNumber, state: State, rules: Competition
) -> list[tuple[Candidate, Neuron]]:
    """Candidates of a round, with their neurons as the chain has them: the stored registry may be older than the metagraph.

    Registered when they were committed, and not followed for too long by another commitment of their hotkey.
    """
    neurons, kept = {neuron.hotkey: neuron for neuron in metagraph.neurons}, state.kept
    return [
        (candidate, neurons[candidate.hotkey])
        for candidate in candidates
        if _since(neurons, candidate.hotkey, candidate.commit_block) == "" and _in_grace(candidate, number, kept, rules)
    ]


def _since(neurons: Mapping[Hotkey, Neuron], hotkey: Hotkey, commit_block: Block) -> str:
    """The reason for which a commitment is not eligible by its hotkey's registration; '' if it is."""
    if hotkey not in neurons:
        return "deregistered"
    return "deregistered, and registered again since" if neurons[hotkey].registered_at_block > commit_block else ""


def _in_grace(candidate: Candidate, number: RoundNumber, kept: frozenset[Entrant], rules: Competition) -> bool:
    """Say whether the newer commitment of the same hotkey is young enough; a king, and a lead that is measured, stand for longer."""
    if candidate.succeeded_at is None:
        return True
    named = entrant(candidate.hotkey, candidate.commit_block) in kept
    grace = max(track.throne.heir_rounds for track in rules.track) if named else rules.round.grace_rounds
    return number <= candidate.succeeded_at // rules.round.blocks + grace


def eligible_at_close(
    number: RoundNumber,
    metagraph: Metagraph,
    candidates: Sequence[Candidate],
    *,
    statuses: Sequence[SubmissionStatus],
    state: State,
    rules: Competition,
) -> Eligibility:
    """The submissions that stay eligible when a round closes, and why others left.

    Eligible are candidates, and of `statuses` the rejected ones: they stay in the ledger so that their owners read why. `statuses` are
    of all submissions that the ledger's state knows or the round asked for: the others of them leave it, each with the reason.
    """
    found = eligible(candidates, metagraph, number, state, rules)
    stay = {entrant(candidate.hotkey, candidate.commit_block) for candidate, _ in found}
    neurons = {neuron.hotkey: neuron for neuron in metagraph.neurons}
    left = {}
    for status in statuses:
        name = entrant(status.hotkey, status.commit_block)
        why = _since(neurons, status.hotkey, status.commit_block) or _why(status, number, state)
        if name not in stay and why:
            left[name] = why
        else:
            stay.add(name)
    return Eligibility(metagraph.block, tuple(sorted(stay)), left)


def _why(status: SubmissionStatus, number: RoundNumber, state: State) -> str:
    """The reason for which a registered submission that is no candidate left; '' for a rejected one, until its hotkey commits again."""
    if status.near_of is not None:
        return f"set aside as a near-copy of {status.near_of}"
    if status.state is SubmissionState.QUARANTINED:
        return "set aside by an operator"
    if status.code is Code.BANNED:
        return BANNED
    if status.superseded:
        return SUPERSEDED
    # A rejection that came by a receipt is in the ledger after its round; a record that is left was rejected without one that counts.
    known = _has_record(state, status)
    return "refused" if known and status.last_round != number else ""


def _round_view(view: View, competition: Competition, number: RoundNumber) -> RoundView:
    candidates = [
        RoundCandidate(
            submission=c.id,
            commit_block=c.commit_block,
            tiebreak=c.tiebreak,
            previous_block=c.previous_block,
            immune_until=neuron.immune_until_block,
            last_asked=c.last_round,
            entrant=entrant(c.hotkey, c.commit_block),
            family=c.family,
        )
        for c, neuron in eligible(view.candidates, view.metagraph, number, _state(view.head), competition)
    ]
    # A ledger that was taken over knows rounds that this database does not: they were judged elsewhere, or before it was lost.
    done = [each.round for each in (view.latest, view.head) if each is not None]
    names = frozenset(track.name for track in competition.track)
    here = names & view.tracks if view.tracks else names
    return RoundView(
        finalized=view.metagraph.block,
        last_opened=max(done, default=None),
        any_open=view.unfolded is not None,
        state=_state(view.head),
        candidates=candidates,
        tracks=here,
        may_be_empty=here < names or any(_is_expelled(s) and _has_record(_state(view.head), s) for s in view.statuses),
    )


def _is_expelled(status: SubmissionStatus) -> bool:
    return status.state is SubmissionState.QUARANTINED or status.code is Code.BANNED or status.near_of is not None


def _has_record(state: State, status: SubmissionStatus) -> bool:
    name = entrant(status.hotkey, status.commit_block)
    return any(track.record(name) is not None for track in state.tracks)
