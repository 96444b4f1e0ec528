"""A state in the shapes in which a node's storage and runtime calls answer the SDK."""

from collections.abc import Callable, Mapping
from typing import Any

from neurons.devchain.calls import COMMIT_REVEAL_VERSION
from neurons.devchain.genesis import Genesis, starts_at
from neurons.devchain.state import ChainState
from scoring.types import Hotkey

NAME = "voice"
SYMBOL = "β"

Item = Callable[[ChainState, Genesis], Any]


class NotServed(Exception):
    """A storage item or runtime call that the development chain does not have."""


def _rule(name: str) -> Item:
    return lambda state, _: getattr(state.rules, name)


_SUBNET: Mapping[str, Item] = {
    "ActivityCutoff": _rule("activity_cutoff"),
    "BlocksSinceLastStep": lambda state, _: _since_step(state),
    "Burn": _rule("registration_cost"),
    "CommitRevealWeightsEnabled": _rule("commit_reveal_weights_enabled"),
    "ImmunityPeriod": _rule("immunity_period"),
    "Kappa": _rule("kappa"),
    "LastEpochBlock": lambda state, _: state.last_epoch,
    "LastUpdate": lambda state, _: [neuron.last_update for neuron in state.neurons],
    "MaxRegistrationsPerBlock": _rule("max_regs_per_block"),
    "MaxAllowedUids": _rule("max_uids"),
    "MaxAllowedValidators": _rule("max_validators"),
    "MaxWeightsLimit": _rule("max_weights_limit"),
    "MinAllowedWeights": _rule("min_allowed_weights"),
    "NetworksAdded": lambda *_: True,
    "NetworkRegisteredAt": lambda *_: 0,
    "NetworkRegistrationAllowed": _rule("registration_allowed"),
    "PendingEpochAt": lambda *_: 0,
    "RevealPeriodEpochs": _rule("commit_reveal_period"),
    "SubnetEpochConsensus": lambda *_: "Yuma",
    "SubnetEpochIndex": lambda state, _: state.epoch_index,
    "SubnetOwner": lambda _, genesis: genesis.owner_coldkey,
    "SubnetOwnerHotkey": lambda state, _: state.owner_hotkey,
    "SubnetworkN": lambda state, _: len(state.neurons),
    "Tempo": _rule("tempo"),
    "TokenSymbol": lambda *_: "0x" + SYMBOL.encode().hex(),
    "ValidatorPermit": lambda state, _: [neuron.permit for neuron in state.neurons],
    "WeightsSetRateLimit": _rule("weights_rate_limit"),
    "WeightsVersionKey": _rule("weights_version"),
}
"""Items of SubtensorModule by netuid."""

_ROWS: Mapping[tuple[str, str], Item] = {
    ("Commitments", "CommitmentOf"): lambda state, _: _commitments(state),
    ("Commitments", "RevealedCommitments"): lambda *_: [],
    ("SubtensorModule", "Uids"): lambda state, _: [(neuron.hotkey, neuron.uid) for neuron in state.neurons],
    ("SubtensorModule", "TimelockedWeightCommits"): lambda state, _: _sealed(state),
    ("SubtensorModule", "Keys"): lambda state, _: [(neuron.uid, neuron.hotkey) for neuron in state.neurons],
    ("SubtensorModule", "Weights"): lambda state, _: [(n.uid, list(n.weights)) for n in state.neurons if n.weights],
}
"""Maps whose first key is the netuid, as (second key, value)."""


def value(module: str, item: str, params: list[Any], state: ChainState, genesis: Genesis) -> Any:
    """One storage item; None where the chain has no value; raises NotServed for an item it does not know."""
    match (module, item):
        case ("Timestamp", "Now"):
            return int(starts_at(genesis, state.block) * 1000)
        case ("System", "Account"):
            return {"nonce": state.nonces.get(params[0], 0), "data": {"free": state.balances.get(params[0], 0)}}
        case ("SubtensorModule", "CommitRevealWeightsVersion"):
            return COMMIT_REVEAL_VERSION
        case ("SubtensorModule", "StakeThreshold"):
            return state.rules.weights_min_stake
        case ("SubtensorModule", name) if name in _SUBNET:
            return _SUBNET[name](state, genesis) if params[0] == genesis.netuid else None
        case key if key in _ROWS:
            return dict(rows(module, item, params[:1], state, genesis)).get(params[1])
        case _:
            raise NotServed(f"{module}.{item}")


def rows(module: str, item: str, params: list[Any], state: ChainState, genesis: Genesis) -> list[tuple[Any, Any]]:
    """A whole storage map, as (key, value); raises NotServed for a map it does not know."""
    if (module, item) in _ROWS and params:
        return list(_ROWS[module, item](state, genesis)) if params[0] == genesis.netuid else []
    if module == "SubtensorModule" and item in _SUBNET and not params:
        return [(genesis.netuid, _SUBNET[item](state, genesis))]
    raise NotServed(f"{module}.{item}")


def metagraph(netuid: int, state: ChainState, genesis: Genesis) -> dict[str, Any] | None:
    """The answer of `SubnetInfoRuntimeApi.get_metagraph`, in the chain's own units; None for another subnet."""
    if netuid != genesis.netuid:
        return None
    return {**_subnet(state, genesis), **_columns(state)}


def _subnet(state: ChainState, genesis: Genesis) -> dict[str, Any]:
    rules = state.rules
    return {
        "netuid": genesis.netuid,
        "name": NAME,
        "symbol": SYMBOL,
        "identity": None,
        "network_registered_at": 0,
        "owner_hotkey": state.owner_hotkey,
        "owner_coldkey": genesis.owner_coldkey,
        "block": state.block,
        "tempo": rules.tempo,
        "last_step": state.last_step,
        "blocks_since_last_step": _since_step(state),
        "kappa": rules.kappa,
        "min_allowed_weights": rules.min_allowed_weights,
        "max_weights_limit": rules.max_weights_limit,
        "weights_version": rules.weights_version,
        "weights_rate_limit": rules.weights_rate_limit,
        "activity_cutoff": rules.activity_cutoff,
        "immunity_period": rules.immunity_period,
        "max_validators": rules.max_validators,
        "num_uids": len(state.neurons),
        "max_uids": rules.max_uids,
        "burn": rules.registration_cost,
        "commit_reveal_weights_enabled": rules.commit_reveal_weights_enabled,
        "commit_reveal_period": rules.commit_reveal_period,
    }


def _columns(state: ChainState) -> dict[str, list[Any]]:
    neurons = state.neurons
    stakes = [state.stake(neuron.hotkey) for neuron in neurons]
    return {
        "hotkeys": [neuron.hotkey for neuron in neurons],
        "coldkeys": [neuron.coldkey for neuron in neurons],
        "active": [neuron.is_active(state.block, state.rules.activity_cutoff) for neuron in neurons],
        "validator_permit": [neuron.permit for neuron in neurons],
        "last_update": [neuron.last_update for neuron in neurons],
        "block_at_registration": [neuron.registered_at for neuron in neurons],
        "rank": [neuron.incentive for neuron in neurons],
        "trust": [neuron.trust for neuron in neurons],
        "consensus": [neuron.consensus for neuron in neurons],
        "incentives": [neuron.incentive for neuron in neurons],
        "dividends": [neuron.dividends for neuron in neurons],
        "emission": [neuron.emission for neuron in neurons],
        "alpha_stake": stakes,
        "total_stake": stakes,
    }


def _commitments(state: ChainState) -> list[tuple[Hotkey, dict[str, Any]]]:
    return [
        (hotkey, {"deposit": 0, "block": held.block, "info": {"fields": [{f"Raw{len(held.data) // 2}": f"0x{held.data}"}]}})
        for hotkey, held in state.commitments.items()
    ]


def _since_step(state: ChainState) -> int:
    """Blocks since an epoch last paid; the chain counts no further than is of use."""
    return min(state.block - state.last_step, state.rules.tempo + 1)


def _sealed(state: ChainState) -> list[tuple[int, list[tuple[str, int, str, int]]]]:
    """Sealed weights by the epoch in which they were committed."""
    epochs = sorted({sealed.epoch for sealed in state.sealed})
    return [
        (epoch, [(s.hotkey, s.block, f"0x{s.commit}", s.reveal_round) for s in state.sealed if s.epoch == epoch])
        for epoch in epochs
    ]
