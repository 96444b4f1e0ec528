"""What an epoch changes in each slot: its pay by the permits of the last epoch, then the permits of the next."""

from collections.abc import Sequence
from dataclasses import replace

from neurons.devchain import epoch
from neurons.devchain.epoch import Voter
from neurons.devchain.genesis import U16_MAX
from neurons.devchain.neuron import NeuronState, StakedNeuron
from neurons.devchain.rules import Rules
from scoring.types import Hotkey


def paid(shares: Sequence[StakedNeuron], rules: Rules, owner: Hotkey, block: int, blocks: int) -> tuple[NeuronState, ...]:
    """The slots after the epoch that ends at `block` and pays for so many blocks."""
    verdict = epoch.run(_voters(shares, rules, owner, block), len(shares), rules.kappa)
    owners = [share.neuron.uid for share in shares if share.neuron.hotkey == owner]
    paid = epoch.emission(verdict, owners, blocks)
    permits = _permits(shares, rules.max_validators)
    return tuple(
        replace(
            share.neuron,
            permit=uid in permits,
            consensus=_u16(verdict.consensus[uid]),
            trust=_u16(verdict.trust[uid]),
            incentive=_u16(verdict.incentive[uid]),
            dividends=_u16(verdict.dividends[uid]),
            emission=paid[uid],
        )
        for uid, share in enumerate(shares)
    )


def _permits(shares: Sequence[StakedNeuron], most: int) -> frozenset[int]:
    """The uids with the most stake; equal stakes in order of uid."""
    staked = sorted((-share.stake, share.neuron.uid) for share in shares if share.stake > 0)
    return frozenset(uid for _, uid in staked[:most])


def _voters(shares: Sequence[StakedNeuron], rules: Rules, owner: Hotkey, block: int) -> list[Voter]:
    """Who has a say: a permit, stake and weights within the cutoff."""
    neurons = [share.neuron for share in shares]
    return [
        Voter(neuron.uid, share.stake, _counted(neuron, neurons, owner))
        for neuron, share in zip(neurons, shares, strict=True)
        if neuron.permit and share.stake > 0 and neuron.weights and neuron.is_active(block, rules.activity_cutoff)
    ]


def _counted(neuron: NeuronState, neurons: Sequence[NeuronState], owner: Hotkey) -> dict[int, int]:
    """A validator's weights without those for itself (unless it is the owner) and for who came after they were set or sealed."""
    return {
        target: value
        for target, value in neuron.weights
        if (target != neuron.uid or neuron.hotkey == owner) and neuron.weighed_at > neurons[target].registered_at
    }


def _u16(share: float) -> int:
    return int(share * U16_MAX)
