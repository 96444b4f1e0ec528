"""Weights, plain or sealed: the chain's checks in the chain's order."""

from dataclasses import dataclass

from neurons.devchain.events import Origin, Revealed, Sealed, Weighted
from neurons.devchain.genesis import U16_MAX
from neurons.devchain.neuron import NeuronState
from neurons.devchain.rejection import Rejected, ensure
from neurons.devchain.state import ChainState, SealedState
from scoring.types import Hotkey

COMMIT_REVEAL_VERSION = 4
_MOST_SEALED = 10
"""Sealed weights that a hotkey may have waiting in one epoch."""


@dataclass(frozen=True, slots=True)
class WeightsRequest:
    """A validator's request: targets and u16 values in the same order."""

    targets: tuple[int, ...]
    values: tuple[int, ...]
    version_key: int


@dataclass(frozen=True, slots=True)
class SealedRequest:
    """Sealed weights (hex), the beacon's round that opens them, and the version of the sealing."""

    data: str
    reveal_round: int
    version: int


def set_weights(wanted: WeightsRequest, origin: Origin, state: ChainState) -> Weighted:
    """Set plain weights; raises Rejected."""
    ensure(not state.rules.commit_reveal_weights_enabled, "CommitRevealEnabled")
    neuron = _check(wanted, origin.signer, state)
    _check_pace(neuron, state, "SettingWeightsTooFast")
    return Weighted(neuron.uid, wanted.targets, scaled(wanted.values), origin)


def seal(commit: SealedRequest, origin: Origin, state: ChainState) -> Sealed:
    """Take sealed weights; raises Rejected. Nobody can see yet whether they would be taken."""
    ensure(state.rules.commit_reveal_weights_enabled, "CommitRevealDisabled")
    neuron = _neuron(origin.signer, state)
    ensure(commit.version == COMMIT_REVEAL_VERSION, "IncorrectCommitRevealVersion")
    ensure(state.stake(neuron.hotkey) >= state.rules.weights_min_stake, "NotEnoughStakeToSetWeights")
    _check_pace(neuron, state, "CommittingWeightsTooFast")
    waiting = [sealed for sealed in state.sealed if (sealed.hotkey, sealed.epoch) == (neuron.hotkey, state.epoch_index)]
    ensure(len(waiting) < _MOST_SEALED, "TooManyUnrevealedCommits")
    return Sealed(neuron.hotkey, commit.data, commit.reveal_round, origin)


def reveal(hotkey: Hotkey, wanted: WeightsRequest, state: ChainState, sealed_in: int | None = None) -> Revealed:
    """Apply a hotkey's sealed weights (of a block; default: the earliest that wait); raises Rejected.

    The chain opens sealed weights in the epoch that comes `commit_reveal_period` after theirs, neither earlier nor later.
    """
    waiting = [sealed for sealed in state.sealed if sealed.hotkey == hotkey and sealed_in in (None, sealed.block)]
    if not waiting:
        raise Rejected("NoWeightsCommitFound" if sealed_in is None else "ExpiredWeightCommit")
    ensure(opens_in(waiting[0], state) <= state.epoch_index, "RevealTooEarly")
    _check(wanted, hotkey, state)
    return Revealed(hotkey, waiting[0].block, wanted.targets, scaled(wanted.values))


def opens_in(sealed: SealedState, state: ChainState) -> int:
    """The epoch in which sealed weights are opened; they expire when it ends."""
    return sealed.epoch + state.rules.commit_reveal_period


def scaled(values: tuple[int, ...]) -> tuple[int, ...]:
    """Scale weights as the chain does before it stores them: the largest is 65,535."""
    top = max(values)
    return tuple(value * U16_MAX // top for value in values)


def _neuron(hotkey: str, state: ChainState) -> NeuronState:
    neuron = state.neuron(hotkey)
    if neuron is None:
        raise Rejected("HotKeyNotRegisteredInSubNet")
    return neuron


def _check_pace(neuron: NeuronState, state: ChainState, name: str) -> None:
    waited = state.block - neuron.last_update
    ensure(neuron.last_update == 0 or waited >= state.rules.weights_rate_limit, name)


def _check(wanted: WeightsRequest, hotkey: str, state: ChainState) -> NeuronState:
    """Check the weights as the chain does whenever they are applied."""
    ensure(len(wanted.targets) == len(wanted.values), "WeightVecNotEqualSize")
    neuron = _neuron(hotkey, state)
    _check_sender(wanted, neuron, state)
    _check_values(wanted, neuron, state)
    return neuron


def _check_sender(wanted: WeightsRequest, neuron: NeuronState, state: ChainState) -> None:
    rules = state.rules
    ensure(state.stake(neuron.hotkey) >= rules.weights_min_stake, "NotEnoughStakeToSetWeights")
    ensure(rules.weights_version == 0 or wanted.version_key >= rules.weights_version, "IncorrectWeightVersionKey")
    only_self = wanted.targets == (neuron.uid,)
    ensure(neuron.permit or only_self or neuron.hotkey == state.owner_hotkey, "NeuronNoValidatorPermit")


def _check_values(wanted: WeightsRequest, neuron: NeuronState, state: ChainState) -> None:
    size, targets, values = len(state.neurons), wanted.targets, wanted.values
    ensure(len(targets) <= size, "UidsLengthExceedUidsInSubNet")
    ensure(len(set(targets)) == len(targets), "DuplicateUids")
    ensure(all(0 <= target < size for target in targets), "UidVecContainInvalidOne")
    ensure(bool(values) and max(values) > 0, "WeightVecLengthIsLow")
    if targets != (neuron.uid,):
        ensure(len(targets) >= state.rules.min_allowed_weights, "WeightVecLengthIsLow")
        ensure(max(values) * U16_MAX <= state.rules.max_weights_limit * sum(values), "MaxWeightExceeded")
