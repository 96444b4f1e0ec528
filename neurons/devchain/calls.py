"""The calls that the development chain takes: each makes an event of a state, or names, in the chain's words, why it does not."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from neurons.chain.types import COMMITMENT_BYTES
from neurons.devchain.events import Committed, Event, Origin, Registered, Revealed, Sealed, Staked, Weighted
from neurons.devchain.genesis import Genesis
from neurons.devchain.state import LEAST_SPACE, ChainState, SealedState
from neurons.devchain.subnet import U16_MAX, NeuronState
from scoring.types import Hotkey

SET_COMMITMENT = ("Commitments", "set_commitment")
_SUBTENSOR = (
    "set_weights",
    "set_mechanism_weights",
    "commit_timelocked_weights",
    "commit_timelocked_mechanism_weights",
    "add_stake",
    "remove_stake",
    "burned_register",
)
KNOWN = (SET_COMMITMENT, *(("SubtensorModule", name) for name in _SUBTENSOR))
_SEALED_BYTES = 5_000
"""The most that sealed weights may hold."""
COMMIT_REVEAL_VERSION = 4
_MOST_SEALED = 10
"""Sealed weights that a hotkey may have waiting in one epoch."""
LEAST_STAKE = 2_000_000
"""Rao that the chain stakes or unstakes at least."""


class Rejected(Exception):
    """A call that the chain does not carry out; `name` is the chain's own name for the error."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def ensure(holds: bool, name: str) -> None:
    """Raise Rejected unless it holds."""
    if not holds:
        raise Rejected(name)


@dataclass(frozen=True, slots=True)
class DevCall:
    """A composed call: the generated call's module, function and parameters."""

    module: str
    function: str
    params: Mapping[str, Any]

    @property
    def data(self) -> bytes:
        """Its canonical bytes, which are signed."""
        return json.dumps([self.module, self.function, self.params], sort_keys=True, default=bytes.hex).encode()

    @property
    def name(self) -> str:
        """`Module.function`."""
        return f"{self.module}.{self.function}"


def check(call: DevCall) -> None:
    """Refuse a call that an encoder would refuse; raises ValueError, KeyError or TypeError."""
    if (call.module, call.function) == SET_COMMITMENT:
        raw_fields(call.params["info"])
    if "commit" in call.params and len(call.params["commit"]) > _SEALED_BYTES:
        raise ValueError(f"sealed weights have at most {_SEALED_BYTES} bytes")


def dispatch(call: DevCall, origin: Origin, state: ChainState, genesis: Genesis) -> Event:
    """Turn a signed call into its event in the state's block; raises Rejected."""
    params = call.params
    there = int(params["netuid"]) == genesis.netuid
    match (call.module, call.function):
        case ("Commitments", "set_commitment"):
            ensure(there, "AccountNotAllowedCommit")
            return _commit(raw_fields(params["info"]), origin, state)
        case ("SubtensorModule", "set_weights" | "set_mechanism_weights"):
            ensure(there, "SubnetNotExists")
            ensure(int(params.get("mecid", 0)) == 0, "MechanismDoesNotExist")
            wanted = WeightsRequest(tuple(params["dests"]), tuple(params["weights"]), int(params["version_key"]))
            return set_weights(wanted, origin, state)
        case ("SubtensorModule", "commit_timelocked_weights" | "commit_timelocked_mechanism_weights"):
            ensure(there, "SubnetNotExists")
            ensure(int(params.get("mecid", 0)) == 0, "MechanismDoesNotExist")
            sealed = SealedRequest(
                bytes(params["commit"]).hex(), int(params["reveal_round"]), int(params["commit_reveal_version"])
            )
            return seal(sealed, origin, state)
        case ("SubtensorModule", "add_stake" | "remove_stake" | "burned_register"):
            ensure(there, "SubnetNotExists")
            return _of_coldkey(call.function, params, origin, state)
        case _:
            raise Rejected("CallFiltered")


def _of_coldkey(function: str, params: Mapping[str, Any], origin: Origin, state: ChainState) -> Event:
    hotkey = Hotkey(str(params["hotkey"]))
    match function:
        case "add_stake":
            return stake(hotkey, origin.signer, int(params["amount_staked"]), state, origin)
        case "remove_stake":
            return unstake(hotkey, origin.signer, int(params["amount_unstaked"]), state, origin)
        case _:
            return register(hotkey, origin.signer, 0, state, origin)


def raw_fields(info: Mapping[str, Any]) -> tuple[bytes, ...]:
    """The payloads of a commitment's `Raw<n>` fields; raises ValueError, as an encoder must, for another field.

    The SDK's generated type nests the list once more than the chain's own does; both are read.
    """
    fields: list[Any] = [item for field in info["fields"] for item in (field if isinstance(field, list) else [field])]
    return tuple(_raw(field) for field in fields)


def _raw(field: Any) -> bytes:
    [(variant, payload)] = field.items()
    data = bytes(payload)
    if len(data) > COMMITMENT_BYTES or variant != f"Raw{len(data)}":
        raise ValueError(f"{variant} with {len(data)} bytes is no field of a commitment; Raw0 to Raw{COMMITMENT_BYTES} are")
    return data


def _commit(fields: Sequence[bytes], origin: Origin, state: ChainState) -> Committed:
    hotkey = Hotkey(origin.signer)
    ensure(state.neuron(hotkey) is not None, "AccountNotAllowedCommit")
    ensure(len(fields) <= 1, "TooManyFieldsInCommitmentInfo")
    data = b"".join(fields)
    used = state.used_space(hotkey) + max(LEAST_SPACE, len(data))
    ensure(used <= state.rules.commitment_space, "SpaceLimitExceeded")
    return Committed(hotkey, data.hex(), origin)


def register(hotkey: Hotkey, coldkey: str, amount: int, state: ChainState, origin: Origin | None = None) -> Registered:
    """A hotkey takes a free slot, or the slot of the neuron that earns least and is not immune; raises Rejected."""
    rules = state.rules
    ensure(rules.registration_allowed, "SubNetRegistrationDisabled")
    arrived = sum(neuron.registered_at == state.block for neuron in state.neurons)
    ensure(arrived < rules.max_regs_per_block, "TooManyRegistrationsThisBlock")
    ensure(state.neuron(hotkey) is None, "HotKeyAlreadyRegisteredInSubNet")
    ensure(state.balances.get(coldkey, 0) >= rules.registration_cost + amount, "NotEnoughBalanceToStake")
    return Registered(uid=_slot(state), hotkey=hotkey, coldkey=coldkey, stake=amount, cost=rules.registration_cost, origin=origin)


def stake(hotkey: Hotkey, coldkey: str, amount: int, state: ChainState, origin: Origin | None = None) -> Staked:
    """Stake from a coldkey on any hotkey that ever registered; raises Rejected.

    Simplified against the chain: one of the subnet's token costs one of the chain's, at any stake.
    """
    known = state.neuron(hotkey) is not None or hotkey in state.stakes
    ensure(known, "HotKeyAccountNotExists")
    ensure(amount >= LEAST_STAKE, "AmountTooLow")
    ensure(state.balances.get(coldkey, 0) >= amount, "NotEnoughBalanceToStake")
    return Staked(hotkey, coldkey, amount, origin)


def unstake(hotkey: Hotkey, coldkey: str, amount: int, state: ChainState, origin: Origin | None = None) -> Staked:
    """Take a coldkey's stake back, or a part that leaves no dust; more than there is means all; raises Rejected."""
    there = state.stakes.get(hotkey, {}).get(coldkey, 0)
    ensure(there > 0, "NotEnoughStakeToWithdraw")
    taken = min(amount, there)
    ensure(taken == there or min(taken, there - taken) >= LEAST_STAKE, "AmountTooLow")
    return Staked(hotkey, coldkey, -taken, origin)


def _slot(state: ChainState) -> int:
    if len(state.neurons) < state.rules.max_uids:
        return len(state.neurons)
    mortal = [
        neuron
        for neuron in state.neurons
        if neuron.hotkey != state.owner_hotkey and state.block - neuron.registered_at >= state.rules.immunity_period
    ]
    if not mortal:
        raise Rejected("NoNeuronIdAvailable")
    return min(mortal, key=lambda neuron: (neuron.emission, neuron.registered_at, neuron.uid)).uid


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
    neuron = _check_weights(wanted, origin.signer, state)
    _check_pace(neuron, state, "SettingWeightsTooFast")
    return Weighted(neuron.uid, wanted.targets, scaled(wanted.values), origin)


def seal(commit: SealedRequest, origin: Origin, state: ChainState) -> Sealed:
    """Take sealed weights; raises Rejected. Nobody can see yet whether they would be taken."""
    ensure(state.rules.commit_reveal_weights_enabled, "CommitRevealDisabled")
    neuron = _neuron(origin.signer, state)
    ensure(commit.version == COMMIT_REVEAL_VERSION, "IncorrectCommitRevealVersion")
    _check_stake(neuron, state)
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
    _check_weights(wanted, hotkey, state)
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


def _check_stake(neuron: NeuronState, state: ChainState) -> None:
    """The subnet's owner needs no stake to set weights."""
    enough = neuron.hotkey == state.owner_hotkey or state.stake(neuron.hotkey) >= state.rules.weights_min_stake
    ensure(enough, "NotEnoughStakeToSetWeights")


def _check_pace(neuron: NeuronState, state: ChainState, name: str) -> None:
    waited = state.block - neuron.last_update
    ensure(neuron.last_update == 0 or waited >= state.rules.weights_rate_limit, name)


def _check_weights(wanted: WeightsRequest, hotkey: str, state: ChainState) -> NeuronState:
    """Check the weights as the chain does whenever they are applied."""
    ensure(len(wanted.targets) == len(wanted.values), "WeightVecNotEqualSize")
    neuron = _neuron(hotkey, state)
    rules, size, targets, values = state.rules, len(state.neurons), wanted.targets, wanted.values
    only_self = targets == (neuron.uid,)
    _check_stake(neuron, state)
    ensure(rules.weights_version == 0 or wanted.version_key >= rules.weights_version, "IncorrectWeightVersionKey")
    ensure(neuron.permit or only_self or neuron.hotkey == state.owner_hotkey, "NeuronNoValidatorPermit")
    ensure(len(targets) <= size, "UidsLengthExceedUidsInSubNet")
    ensure(len(set(targets)) == len(targets), "DuplicateUids")
    ensure(all(0 <= target < size for target in targets), "UidVecContainInvalidOne")
    ensure(bool(values) and max(values) > 0, "WeightVecLengthIsLow")
    if not only_self:
        ensure(len(targets) >= rules.min_allowed_weights, "WeightVecLengthIsLow")
        ensure(max(values) * U16_MAX <= rules.max_weights_limit * sum(values), "MaxWeightExceeded")
    return neuron
