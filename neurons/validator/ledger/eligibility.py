"""Who stands when a round closes: decided once by whoever closes it, and written down, so that every validator folds the same."""

from collections.abc import Iterable, Mapping, Sequence

from neurons.chain.types import Metagraph, Neuron
from scoring.competition import RoundRules
from scoring.errors import Code
from scoring.ranking.state import State
from scoring.types import Block, Entrant, Hotkey, RoundNumber, entrant
from voice_api.db.ledger_records import Roll
from voice_api.db.states import SubmissionState
from voice_api.db.submissions import Candidate, Fate

LEFT = "left before this ledger knew it"
"""Of what a ledger knows and the roll does not."""


def standing(
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
    """Why a commitment does not stand by its hotkey's registration; '' if it does."""
    if hotkey not in neurons:
        return "deregistered"
    return "deregistered, and registered again since" if neurons[hotkey].registered_at_block > commit_block else ""


def _in_grace(succeeded_at: Block | None, number: RoundNumber, rules: RoundRules) -> bool:
    """Whether the newer commitment of the same hotkey, which waits for its first verdict, is young enough."""
    return succeeded_at is None or number <= succeeded_at // rules.blocks + rules.grace_rounds


def call(
    number: RoundNumber,
    metagraph: Metagraph,
    candidates: Sequence[Candidate],
    fates: Sequence[Fate],
    state: State,
    rules: RoundRules,
) -> Roll:
    """The roll of a round that closes: candidates that stand, and of `fates` those that were refused, who stand to be told why.

    `fates` are of all that the ledger's state knows and the round asked for: those that do not stand leave it, each with the reason.
    """
    stands = {
        entrant(candidate.hotkey, candidate.commit_block) for candidate, _ in standing(candidates, metagraph, number, rules)
    }
    neurons = {neuron.hotkey: neuron for neuron in metagraph.neurons}
    gone = {}
    for fate in fates:
        name = entrant(fate.hotkey, fate.commit_block)
        why = _since(neurons, fate.hotkey, fate.commit_block) or _why(fate, number, state)
        if name not in stands and why:
            gone[name] = why
        else:
            stands.add(name)
    return Roll(metagraph.block, tuple(sorted(stands)), gone)


def _why(fate: Fate, number: RoundNumber, state: State) -> str:
    """Why a registered submission that is no candidate left; '' for one that was refused, until its hotkey commits again."""
    if fate.state is SubmissionState.QUARANTINED:
        return "set aside by an operator"
    if fate.code is Code.BANNED:
        return "banned"
    if fate.superseded:
        return "its hotkey committed again"
    # A refusal that came by a receipt is in the ledger after its round; what is still a record then was refused without one that counts.
    known = state.record(entrant(fate.hotkey, fate.commit_block)) is not None
    return "refused" if known and fate.last_round != number else ""


def gone(roll: Roll | None, known: Iterable[Entrant]) -> dict[Entrant, str]:
    """Of what a ledger knows (and a round judged) who left, by the round's roll; nobody where none was called."""
    if roll is None:
        return {}
    stands = frozenset(roll.standing)
    return {name: roll.gone.get(name, LEFT) for name in sorted(known) if name not in stands}
