"""The calls that the development chain takes: each makes an event of a state, or names, in the chain's words, why it does not."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from neurons.devchain.events import Committed, Event, Origin, Registered, Weighted
from neurons.devchain.genesis import U16_MAX, Genesis
from neurons.devchain.state import LEAST_SPACE, NeuronState, State
from neurons.types import COMMITMENT_BYTES
from scoring.types import Hotkey

SET_COMMITMENT = ("Commitments", "set_commitment")
SET_WEIGHTS = ("SubtensorModule", "set_weights")
SET_MECHANISM_WEIGHTS = ("SubtensorModule", "set_mechanism_weights")
KNOWN = (SET_COMMITMENT, SET_WEIGHTS, SET_MECHANISM_WEIGHTS)


class Rejected(Exception):
    """A call that the chain does not carry out; `name` is the chain's own name for the error."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True, slots=True)
class DevCall:
    """A composed call: the generated call's module, function and parameters."""

    module: str
    function: str
    params: Mapping[str, Any]

    @property
    def data(self) -> bytes:
        """Its canonical bytes: what is signed."""
        return json.dumps([self.module, self.function, self.params], sort_keys=True, default=bytes.hex).encode()

    @property
    def name(self) -> str:
        """`Module.function`."""
        return f"{self.module}.{self.function}"


def dispatch(call: DevCall, origin: Origin, state: State, genesis: Genesis) -> Event:
    """What a signed call does in the state's block; raises Rejected."""
    params = call.params
    match (call.module, call.function):
        case ("Commitments", "set_commitment"):
            _ensure(int(params["netuid"]) == genesis.netuid, "AccountNotAllowedCommit")
            return _commit(raw_fields(params["info"]), origin, state, genesis)
        case ("SubtensorModule", "set_weights" | "set_mechanism_weights"):
            _ensure(int(params["netuid"]) == genesis.netuid, "SubnetNotExists")
            _ensure(int(params.get("mecid", 0)) == 0, "MechanismDoesNotExist")
            wanted = _Weights(tuple(params["dests"]), tuple(params["weights"]), int(params["version_key"]))
            return _set_weights(wanted, origin, state, genesis)
        case _:
            raise Rejected("CallFiltered")


def register(hotkey: Hotkey, coldkey: str, stake: int, state: State, genesis: Genesis) -> Registered:
    """A hotkey takes a free slot, or the slot of the neuron that earns least and is not immune; raises Rejected."""
    cost = genesis.rules.registration_cost
    _ensure(state.neuron(hotkey) is None, "HotKeyAlreadyRegisteredInSubNet")
    _ensure(state.balances.get(coldkey, 0) >= cost + stake, "NotEnoughBalanceToStake")
    return Registered(_slot(state, genesis), hotkey, coldkey, stake, cost)


def raw_fields(info: Mapping[str, Any]) -> tuple[bytes, ...]:
    """The payloads of a commitment's `Raw<n>` fields; raises ValueError, as an encoder must, for what is not one.

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


def _commit(fields: Sequence[bytes], origin: Origin, state: State, genesis: Genesis) -> Committed:
    hotkey = Hotkey(origin.signer)
    _ensure(state.neuron(hotkey) is not None, "AccountNotAllowedCommit")
    _ensure(len(fields) <= 1, "TooManyFieldsInCommitmentInfo")
    data = b"".join(fields)
    used = state.used_space(hotkey) + max(LEAST_SPACE, len(data))
    _ensure(used <= genesis.rules.commitment_space, "SpaceLimitExceeded")
    return Committed(hotkey, data.hex(), origin)


@dataclass(frozen=True, slots=True)
class _Weights:
    targets: tuple[int, ...]
    values: tuple[int, ...]
    version_key: int


def _set_weights(wanted: _Weights, origin: Origin, state: State, genesis: Genesis) -> Weighted:
    """The chain's checks, in the chain's order."""
    _ensure(len(wanted.targets) == len(wanted.values), "WeightVecNotEqualSize")
    neuron = state.neuron(origin.signer)
    if neuron is None:
        raise Rejected("HotKeyNotRegisteredInSubNet")
    _check_sender(wanted, neuron, state, genesis)
    _check_weights(wanted, neuron, state, genesis)
    top = max(wanted.values)
    return Weighted(neuron.uid, wanted.targets, tuple(value * U16_MAX // top for value in wanted.values), origin)


def _check_sender(wanted: _Weights, neuron: NeuronState, state: State, genesis: Genesis) -> None:
    rules = genesis.rules
    _ensure(neuron.stake >= rules.weights_min_stake, "NotEnoughStakeToSetWeights")
    _ensure(rules.weights_version == 0 or wanted.version_key >= rules.weights_version, "IncorrectWeightVersionKey")
    waited = state.block - neuron.last_update
    _ensure(neuron.last_update == 0 or waited >= rules.weights_rate_limit, "SettingWeightsTooFast")
    only_self = wanted.targets == (neuron.uid,)
    _ensure(neuron.permit or only_self or neuron.hotkey == genesis.owner_hotkey, "NeuronNoValidatorPermit")


def _check_weights(wanted: _Weights, neuron: NeuronState, state: State, genesis: Genesis) -> None:
    size, targets, values = len(state.neurons), wanted.targets, wanted.values
    _ensure(len(targets) <= size, "UidsLengthExceedUidsInSubNet")
    _ensure(len(set(targets)) == len(targets), "DuplicateUids")
    _ensure(all(0 <= target < size for target in targets), "UidVecContainInvalidOne")
    _ensure(bool(values) and max(values) > 0, "WeightVecLengthIsLow")
    if targets != (neuron.uid,):
        _ensure(len(targets) >= genesis.rules.min_allowed_weights, "WeightVecLengthIsLow")
        _ensure(max(values) * U16_MAX <= genesis.rules.max_weights_limit * sum(values), "MaxWeightExceeded")


def _slot(state: State, genesis: Genesis) -> int:
    if len(state.neurons) < genesis.rules.max_uids:
        return len(state.neurons)
    mortal = [
        neuron
        for neuron in state.neurons
        if neuron.hotkey != genesis.owner_hotkey and state.block - neuron.registered_at >= genesis.rules.immunity_period
    ]
    if not mortal:
        raise Rejected("NoNeuronIdAvailable")
    return min(mortal, key=lambda neuron: (neuron.emission, neuron.registered_at, neuron.uid)).uid


def _ensure(holds: bool, name: str) -> None:
    if not holds:
        _reject(name)


def _reject(name: str) -> NoReturn:
    raise Rejected(name)
