"""Slots and stake: registrations, the slots that they take, and the stake on hotkeys."""

from neurons.devchain.events import Origin, Registered, Staked
from neurons.devchain.rejection import Rejected, ensure
from neurons.devchain.state import ChainState
from scoring.types import Hotkey

LEAST_STAKE = 2_000_000
"""Rao that the chain stakes or unstakes at least."""


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
