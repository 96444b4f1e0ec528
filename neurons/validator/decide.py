"""The validator's next action, decided purely from everything that it read: fold a round, close one, or open the next."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from neurons.chain.types import Metagraph, Neuron
from neurons.validator.ledger import fold_round
from scoring.competition import Competition, RoundRules, Schedule, ShareRules
from scoring.errors import Code
from scoring.ranking.selection import lower_bound, not_clearly_better, ranked
from scoring.ranking.state import State
from scoring.receipts.certificate import Trust
from scoring.types import Block, Entrant, Hotkey, RoundNumber, SubmissionId, entrant
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
    """All that was judged in that round, once it is closed."""
    statuses: Sequence[SubmissionStatus]
    """Of all submissions that the ledger knows, and that a round which is to be closed asked for; only then, or while no round waits."""
    head: LedgerEntry | None
    candidates: Sequence[Candidate]


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
class RoundOpening:
    """A round to be written: its entries are in order of priority, soonest first."""

    number: RoundNumber
    start: Block
    deadline: Block
    entries: tuple[SubmissionId, ...]


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
    opening = open_round(_round_view(view, competition, number), competition)
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


def eligible(
    candidates: Iterable[Candidate], metagraph: Metagraph, number: RoundNumber, rules: RoundRules
) -> list[tuple[Candidate, Neuron]]:
    """Candidates of a round, with their neurons as the chain has them: the stored registry may be older than the metagraph.

    Registered when they were committed, and not followed for too long by another commitment of their hotkey.
    """
    neurons = {neuron.hotkey: neuron for neuron in metagraph.neurons}
    return [
        (candidate, neurons[candidate.hotkey])
        for candidate in candidates
        if _since(neurons, candidate.hotkey, candidate.commit_block) == "" and _in_grace(candidate.succeeded_at, number, rules)
    ]


def _since(neurons: Mapping[Hotkey, Neuron], hotkey: Hotkey, commit_block: Block) -> str:
    """The reason for which a commitment is not eligible by its hotkey's registration; '' if it is."""
    if hotkey not in neurons:
        return "deregistered"
    return "deregistered, and registered again since" if neurons[hotkey].registered_at_block > commit_block else ""


def _in_grace(succeeded_at: Block | None, number: RoundNumber, rules: RoundRules) -> bool:
    """Say whether the newer commitment of the same hotkey, which waits for its first verdict, is young enough."""
    return succeeded_at is None or number <= succeeded_at // rules.blocks + rules.grace_rounds


def eligible_at_close(
    number: RoundNumber,
    metagraph: Metagraph,
    candidates: Sequence[Candidate],
    *,
    statuses: Sequence[SubmissionStatus],
    state: State,
    rules: RoundRules,
) -> Eligibility:
    """The submissions that stay eligible when a round closes, and why others left.

    Eligible are candidates, and of `statuses` the rejected ones: they stay in the ledger so that their owners read why. `statuses` are
    of all submissions that the ledger's state knows or the round asked for: the others of them leave it, each with the reason.
    """
    stay = {entrant(candidate.hotkey, candidate.commit_block) for candidate, _ in eligible(candidates, metagraph, number, rules)}
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
    if status.state is SubmissionState.QUARANTINED:
        return "set aside by an operator"
    if status.code is Code.BANNED:
        return "banned"
    if status.superseded:
        return "its hotkey committed again"
    # A rejection that came by a receipt is in the ledger after its round; a record that is left was rejected without one that counts.
    known = state.record(entrant(status.hotkey, status.commit_block)) is not None
    return "refused" if known and status.last_round != number else ""


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
    expelled: bool = False
    """Whether the ledger has a record of a submission that was banned or set aside."""


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
        expelled=any(_is_expelled(status) and _has_record(view.head, status) for status in view.statuses),
    )


def _is_expelled(status: SubmissionStatus) -> bool:
    return status.state is SubmissionState.QUARANTINED or status.code is Code.BANNED


def _has_record(head: LedgerEntry | None, status: SubmissionStatus) -> bool:
    return _state(head).record(entrant(status.hotkey, status.commit_block)) is not None


def open_round(view: RoundView, competition: Competition) -> RoundOpening | None:
    """The round that begins now, or None while one is open, none is due, or nobody is to be judged.

    Where nobody is left to be judged, a round that asks for nobody lets the ledger drop whom an operator banned or set aside: else
    their last weights would be sent on.

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
    if not entries and not view.expelled:
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
