"""The chain's state at a block: the fold of all events up to it, with the epochs in between."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from neurons.devchain import epoch
from neurons.devchain.events import (
    Committed,
    Event,
    Failed,
    Funded,
    Origin,
    Owned,
    Registered,
    Revealed,
    Ruled,
    Sealed,
    Staked,
    Weighted,
)
from neurons.devchain.genesis import Genesis
from neurons.devchain.subnet import NeuronState, Rules, StakedNeuron
from scoring.types import Hotkey

LEAST_SPACE = 100
"""Bytes that any commitment counts as, however short."""


@dataclass(frozen=True, slots=True)
class CommitmentState:
    """Bytes (hex) and the block that holds them."""

    block: int
    data: str


@dataclass(frozen=True, slots=True)
class CommittedSpace:
    """Bytes that a hotkey committed in an epoch."""

    epoch: int
    used: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedState:
    """Sealed weights that wait."""

    hotkey: Hotkey
    block: int
    """They were committed in this block."""
    epoch: int
    """The epoch of that block."""
    commit: str
    """Hex."""
    reveal_round: int
    """The beacon's round that opens them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainState:
    """Everything after a block. Mappings are by address and never changed in place."""

    block: int
    neurons: tuple[NeuronState, ...]
    owner_hotkey: Hotkey
    rules: Rules = field(default_factory=Rules)
    last_epoch: int = 0
    """The block from which the present epoch counts: the end of the last one, or a change of tempo."""
    last_step: int = 0
    """The block at which an epoch last paid."""
    epoch_index: int = 0
    """The number of epochs that have paid."""
    commitments: Mapping[Hotkey, CommitmentState] = field(default_factory=dict)
    space: Mapping[Hotkey, CommittedSpace] = field(default_factory=dict)
    balances: Mapping[str, int] = field(default_factory=dict)
    """Rao by coldkey."""
    stakes: Mapping[Hotkey, Mapping[str, int]] = field(default_factory=dict)
    """Rao by hotkey and coldkey; it stays when the hotkey loses its slot."""
    nonces: Mapping[str, int] = field(default_factory=dict)
    """The next nonce by address."""
    sealed: tuple[SealedState, ...] = ()

    def neuron(self, hotkey: str) -> NeuronState | None:
        """The slot of a hotkey, if it has one."""
        return next((neuron for neuron in self.neurons if neuron.hotkey == hotkey), None)

    def stake(self, hotkey: Hotkey) -> int:
        """All rao on a hotkey, from every coldkey."""
        return sum(self.stakes.get(hotkey, {}).values())

    def used_space(self, hotkey: Hotkey) -> int:
        """Bytes that a hotkey has committed in the present epoch."""
        space = self.space.get(hotkey)
        return space.used if space is not None and space.epoch == self.epoch_index else 0


def at_genesis(genesis: Genesis) -> ChainState:
    """Block 0: the owner's neuron alone, at uid 0."""
    owner = NeuronState(uid=0, hotkey=genesis.owner_hotkey, coldkey=genesis.owner_coldkey, registered_at=0, last_update=0)
    return ChainState(block=0, neurons=(owner,), owner_hotkey=genesis.owner_hotkey, rules=genesis.rules)


def advance(state: ChainState, block: int) -> ChainState:
    """Let blocks pass in which nothing happened but epochs; an epoch's block pays before its transactions run."""
    while (ends := next_epoch(state)) <= block:
        state = _step(replace(state, block=ends))
    return replace(state, block=block)


def next_epoch(state: ChainState) -> int:
    """The next block that ends an epoch."""
    return epoch.ends(state.block, state.rules.tempo, state.last_epoch, state.last_step)


def apply(state: ChainState, event: Event) -> ChainState:
    """The state after an event in the state's block."""
    match event:
        case Funded(coldkey, amount):
            return _credit(state, coldkey, amount)
        case Registered():
            return _register(_signed(state, event.origin), event)
        case Staked(hotkey, coldkey, amount, origin):
            return _stake(_signed(state, origin), hotkey, coldkey, amount)
        case Committed(hotkey, data, origin):
            return _commit(_signed(state, origin), hotkey, data)
        case Weighted() | Sealed() | Revealed():
            return _weigh(state, event)
        case Ruled() | Owned():
            return _govern(state, event)
        case Failed(origin=origin):
            return _signed(state, origin)
        case unreachable:
            assert_never(unreachable)


def _govern(state: ChainState, event: Ruled | Owned) -> ChainState:
    match event:
        case Ruled(name, value):
            anchor = state.block if name == "tempo" else state.last_epoch
            return replace(state, rules=state.rules.changed(name, value), last_epoch=anchor)
        case Owned(hotkey):
            return replace(state, owner_hotkey=hotkey)
        case unreachable:
            assert_never(unreachable)


def _weigh(state: ChainState, event: Weighted | Sealed | Revealed) -> ChainState:
    match event:
        case Weighted(uid, targets, values, origin):
            weights = tuple(zip(targets, values, strict=True))
            neuron = replace(state.neurons[uid], weights=weights, weighed_at=state.block, last_update=state.block)
            return _with_neuron(_signed(state, origin), neuron)
        case Sealed(hotkey, commit, reveal_round, origin):
            waiting = SealedState(
                hotkey=hotkey, block=state.block, epoch=state.epoch_index, commit=commit, reveal_round=reveal_round
            )
            touched = [replace(n, last_update=state.block) if n.hotkey == hotkey else n for n in state.neurons]
            return replace(_signed(state, origin), neurons=tuple(touched), sealed=(*state.sealed, waiting))
        case Revealed(hotkey, sealed_in, targets, values):
            row = tuple(zip(targets, values, strict=True))
            opened = [replace(n, weights=row, weighed_at=sealed_in) if n.hotkey == hotkey else n for n in state.neurons]
            waiting_on = tuple(sealed for sealed in state.sealed if (sealed.hotkey, sealed.block) != (hotkey, sealed_in))
            return replace(state, neurons=tuple(opened), sealed=waiting_on)
        case unreachable:
            assert_never(unreachable)


def _credit(state: ChainState, coldkey: str, amount: int) -> ChainState:
    return replace(state, balances={**state.balances, coldkey: state.balances.get(coldkey, 0) + amount})


def _signed(state: ChainState, origin: Origin | None) -> ChainState:
    return state if origin is None else replace(state, nonces={**state.nonces, origin.signer: origin.nonce + 1})


def _with_neuron(state: ChainState, neuron: NeuronState) -> ChainState:
    """Put a neuron into its slot, or into a new one at the end."""
    return replace(state, neurons=(*state.neurons[: neuron.uid], neuron, *state.neurons[neuron.uid + 1 :]))


def _register(state: ChainState, event: Registered) -> ChainState:
    neuron = NeuronState(
        uid=event.uid, hotkey=event.hotkey, coldkey=event.coldkey, registered_at=state.block, last_update=state.block
    )
    staked = _stake(state, event.hotkey, event.coldkey, event.stake) if event.stake else state
    return _with_neuron(_credit(staked, event.coldkey, -event.cost) if event.cost else staked, neuron)


def _stake(state: ChainState, hotkey: Hotkey, coldkey: str, amount: int) -> ChainState:
    before = state.stakes.get(hotkey, {})
    after = {**before, coldkey: before.get(coldkey, 0) + amount}
    return replace(_credit(state, coldkey, -amount), stakes={**state.stakes, hotkey: after})


def _commit(state: ChainState, hotkey: Hotkey, data: str) -> ChainState:
    used = state.used_space(hotkey) + max(LEAST_SPACE, len(data) // 2)
    return replace(
        state,
        commitments={**state.commitments, hotkey: CommitmentState(state.block, data)},
        space={**state.space, hotkey: CommittedSpace(state.epoch_index, used)},
    )


def _step(state: ChainState) -> ChainState:
    """Run the epoch that ends at the state's block: pay, and forget weights that were sealed too long ago to be opened in the next."""
    shares = [StakedNeuron(neuron, state.stake(neuron.hotkey)) for neuron in state.neurons]
    neurons = epoch.paid(shares, state.rules, state.owner_hotkey, state.block, state.block - state.last_step)
    index = state.epoch_index + 1
    kept = tuple(sealed for sealed in state.sealed if sealed.epoch + state.rules.commit_reveal_period >= index)
    return replace(state, neurons=neurons, last_epoch=state.block, last_step=state.block, epoch_index=index, sealed=kept)
