"""Eligibility at a round's close: decided once by the validator that closes it, and kept, so that every validator folds the same."""

from collections.abc import Iterable, Mapping, Sequence

from neurons.chain.types import Metagraph, Neuron
from scoring.competition import RoundRules
from scoring.errors import Code
from scoring.ranking.state import State
from scoring.types import Block, Entrant, Hotkey, RoundNumber, entrant
from voice_api.db.rounds import Eligibility
from voice_api.db.states import SubmissionState
from voice_api.db.submissions import Candidate, SubmissionStatus

LEFT = "left before this ledger knew it"
"""The reason for a submission that the ledger knows and the round's eligibility does not name."""


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


def gone(found: Eligibility | None, known: Iterable[Entrant]) -> dict[Entrant, str]:
    """The submissions that left, each with the reason, of those that a ledger knows and a round judged; none where nobody decided."""
    if found is None:
        return {}
    stay = frozenset(found.eligible)
    return {name: found.gone.get(name, LEFT) for name in sorted(known) if name not in stay}
