"""The calls that the development chain takes: each makes an event of a state, or names, in the chain's words, why it does not."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from neurons.chain.types import COMMITMENT_BYTES
from neurons.devchain import registration, weight_calls
from neurons.devchain.events import Committed, Event, Origin
from neurons.devchain.genesis import Genesis
from neurons.devchain.rejection import Rejected, ensure
from neurons.devchain.state import LEAST_SPACE, ChainState
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
            wanted = weight_calls.WeightsRequest(tuple(params["dests"]), tuple(params["weights"]), int(params["version_key"]))
            return weight_calls.set_weights(wanted, origin, state)
        case ("SubtensorModule", "commit_timelocked_weights" | "commit_timelocked_mechanism_weights"):
            ensure(there, "SubnetNotExists")
            ensure(int(params.get("mecid", 0)) == 0, "MechanismDoesNotExist")
            sealed = weight_calls.SealedRequest(
                bytes(params["commit"]).hex(), int(params["reveal_round"]), int(params["commit_reveal_version"])
            )
            return weight_calls.seal(sealed, origin, state)
        case ("SubtensorModule", "add_stake" | "remove_stake" | "burned_register"):
            ensure(there, "SubnetNotExists")
            return _of_coldkey(call.function, params, origin, state)
        case _:
            raise Rejected("CallFiltered")


def _of_coldkey(function: str, params: Mapping[str, Any], origin: Origin, state: ChainState) -> Event:
    hotkey = Hotkey(str(params["hotkey"]))
    match function:
        case "add_stake":
            return registration.stake(hotkey, origin.signer, int(params["amount_staked"]), state, origin)
        case "remove_stake":
            return registration.unstake(hotkey, origin.signer, int(params["amount_unstaked"]), state, origin)
        case _:
            return registration.register(hotkey, origin.signer, 0, state, origin)


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
