"""The chain's state at a block: the fold of all events up to it, with the epochs in between."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from neurons.devchain import epoch
from neurons.devchain.epoch import Voter
from neurons.devchain.events import Committed, Event, Failed, Funded, Origin, Registered, Weighted
from neurons.devchain.genesis import U16_MAX, Genesis
from scoring.types import Hotkey

LEAST_SPACE = 100
"""Bytes that any commitment counts as, however short."""


@dataclass(frozen=True, slots=True)
class NeuronState:
    """One slot. Stake and emission in rao; consensus, trust, incentive and dividends as u16 shares of the last epoch."""

    uid: int
    hotkey: Hotkey
    coldkey: str
    stake: int
    registered_at: int
    last_update: int
    weights: tuple[tuple[int, int], ...] = ()
    permit: bool = False
    consensus: int = 0
    trust: int = 0
    incentive: int = 0
    dividends: int = 0
    emission: int = 0


@dataclass(frozen=True, slots=True)
class CommitmentState:
    """Bytes (hex) and the block that holds them."""

    block: int
    data: str


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes that a hotkey committed in an epoch, the epoch named by the block that ended the one before."""

    epoch: int
    used: int


@dataclass(frozen=True, slots=True)
class State:
    """Everything after a block. Mappings are by address and never changed in place."""

    block: int
    neurons: tuple[NeuronState, ...]
    last_epoch: int = 0
    commitments: Mapping[Hotkey, CommitmentState] = field(default_factory=dict)
    space: Mapping[Hotkey, Space] = field(default_factory=dict)
    balances: Mapping[str, int] = field(default_factory=dict)
    nonces: Mapping[str, int] = field(default_factory=dict)

    def neuron(self, hotkey: str) -> NeuronState | None:
        """The slot of a hotkey, if it has one."""
        return next((neuron for neuron in self.neurons if neuron.hotkey == hotkey), None)

    def used_space(self, hotkey: Hotkey) -> int:
        """Bytes that a hotkey has committed in the present epoch."""
        space = self.space.get(hotkey)
        return space.used if space is not None and space.epoch == self.last_epoch else 0


def at_genesis(genesis: Genesis) -> State:
    """Block 0: the owner's neuron alone, at uid 0."""
    return State(0, (NeuronState(0, genesis.owner_hotkey, genesis.owner_coldkey, 0, 0, 0),))


def advance(state: State, block: int, genesis: Genesis) -> State:
    """Let blocks pass in which nothing happened but epochs; an epoch's block pays before its transactions run."""
    netuid, tempo = genesis.netuid, genesis.rules.tempo
    ends = epoch.next_epoch(netuid, tempo, state.block)
    while ends <= block:
        state = _paid(replace(state, block=ends), genesis)
        ends = epoch.next_epoch(netuid, tempo, ends)
    return replace(state, block=block)


def apply(state: State, event: Event) -> State:
    """The state after an event in the state's block."""
    match event:
        case Funded(coldkey, amount):
            return _credit(state, coldkey, amount)
        case Registered():
            return _register(state, event)
        case Committed(hotkey, data, origin):
            return _commit(_signed(state, origin), hotkey, data)
        case Weighted(uid, targets, values, origin):
            weights = tuple(zip(targets, values, strict=True))
            neuron = replace(state.neurons[uid], weights=weights, last_update=state.block)
            return _with_neuron(_signed(state, origin), neuron)
        case Failed(origin=origin):
            return _signed(state, origin)
        case unreachable:
            assert_never(unreachable)


def is_active(neuron: NeuronState, block: int, activity_cutoff: int) -> bool:
    """Whether a neuron set weights, or came, within the cutoff."""
    return neuron.last_update + activity_cutoff >= block


def _credit(state: State, coldkey: str, amount: int) -> State:
    return replace(state, balances={**state.balances, coldkey: state.balances.get(coldkey, 0) + amount})


def _signed(state: State, origin: Origin) -> State:
    return replace(state, nonces={**state.nonces, origin.signer: origin.nonce + 1})


def _with_neuron(state: State, neuron: NeuronState) -> State:
    """Put a neuron into its slot, or into a new one at the end."""
    return replace(state, neurons=(*state.neurons[: neuron.uid], neuron, *state.neurons[neuron.uid + 1 :]))


def _register(state: State, event: Registered) -> State:
    neuron = NeuronState(event.uid, event.hotkey, event.coldkey, event.stake, state.block, state.block)
    return _with_neuron(_credit(state, event.coldkey, -event.stake - event.cost), neuron)


def _commit(state: State, hotkey: Hotkey, data: str) -> State:
    used = state.used_space(hotkey) + max(LEAST_SPACE, len(data) // 2)
    return replace(
        state,
        commitments={**state.commitments, hotkey: CommitmentState(state.block, data)},
        space={**state.space, hotkey: Space(state.last_epoch, used)},
    )


def _paid(state: State, genesis: Genesis) -> State:
    """Run the epoch that ends at the state's block: pay by the permits of the last one, then hand out new ones."""
    verdict = epoch.run(_voters(state, genesis), len(state.neurons), genesis.rules.kappa)
    owner = state.neuron(genesis.owner_hotkey)
    paid = epoch.emission(verdict, 0 if owner is None else owner.uid, state.block - state.last_epoch)
    permits = _permits(state, genesis.rules.max_validators)
    neurons = tuple(
        replace(
            neuron,
            permit=uid in permits,
            consensus=_u16(verdict.consensus[uid]),
            trust=_u16(verdict.trust[uid]),
            incentive=_u16(verdict.incentive[uid]),
            dividends=_u16(verdict.dividends[uid]),
            emission=paid[uid],
        )
        for uid, neuron in enumerate(state.neurons)
    )
    return replace(state, neurons=neurons, last_epoch=state.block)


def _permits(state: State, most: int) -> frozenset[int]:
    """The uids with the most stake; equal stakes in order of uid."""
    staked = sorted((-neuron.stake, neuron.uid) for neuron in state.neurons if neuron.stake > 0)
    return frozenset(uid for _, uid in staked[:most])


def _voters(state: State, genesis: Genesis) -> list[Voter]:
    """Who has a say: a permit, stake and weights within the cutoff."""
    cutoff = genesis.rules.activity_cutoff
    return [
        Voter(neuron.uid, neuron.stake, _counted(neuron, state, genesis))
        for neuron in state.neurons
        if neuron.permit and neuron.stake > 0 and neuron.weights and is_active(neuron, state.block, cutoff)
    ]


def _counted(neuron: NeuronState, state: State, genesis: Genesis) -> dict[int, int]:
    """A validator's weights without those for itself (unless it is the owner) and for who came after they were set."""
    return {
        target: value
        for target, value in neuron.weights
        if (target != neuron.uid or neuron.hotkey == genesis.owner_hotkey)
        and neuron.last_update > state.neurons[target].registered_at
    }


def _u16(share: float) -> int:
    return int(share * U16_MAX)
