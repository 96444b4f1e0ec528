"""An epoch: its pay by Yuma consensus in principle, and the slots after it.

Each target's consensus is the largest weight that validators with at least kappa of the stake give it (the stake-weighted
median for kappa = 1/2); whatever a validator gives beyond that is clipped away. Incentive is the stake-weighted mean of the
clipped weights, dividends follow the clipped weights that earned it.

Simplified against the chain: bonds have no memory (no moving average, no penalty, no liquid alpha), there is one mechanism,
no root, no childkeys and no delegation; arithmetic is float64 in a fixed order and not fixed point; the
subnet emits one token per block, 18 % to the owner, 41 % by incentive, 41 % by dividends; emission is reported and not staked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from neurons.devchain.genesis import RAO
from neurons.devchain.subnet import U16_MAX, NeuronState, Rules, StakedNeuron
from scoring.types import Hotkey

_OWNER_PERCENT = 18
_EACH_PERCENT = 41


@dataclass(frozen=True, slots=True)
class Voter:
    """A validator whose weights count: its stake in rao (> 0) and its raw weights by target."""

    uid: int
    stake: int
    weights: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class EpochResult:
    """An epoch's outcome per uid, each share in [0, 1]: incentive and dividends sum to 1 (or are all 0)."""

    consensus: tuple[float, ...]
    trust: tuple[float, ...]
    incentive: tuple[float, ...]
    dividends: tuple[float, ...]


def ends(block: int, tempo: int, last_epoch: int, last_step: int) -> int:
    """The first block after `block` that ends an epoch.

    The chain counts `tempo` blocks from where the epoch began, which a change of tempo moves; an epoch
    that has not paid for longer than a tempo does not wait for that.
    """
    return max(block + 1, min(last_epoch + tempo, last_step + tempo + 1))


def median(values: Sequence[float], stakes: Sequence[int], kappa: int) -> float:
    """The largest value that is reached by at least kappa (u16 share) of the stake; 0 without stake."""
    total, reached = sum(stakes), 0
    for value, stake in sorted(zip(values, stakes, strict=True), reverse=True):
        reached += stake
        if reached * U16_MAX >= kappa * total:
            return value
    return 0.0


def run(voters: Sequence[Voter], size: int, kappa: int) -> EpochResult:
    """Consensus, trust, incentive and dividends of `size` uids from the voters' weights."""
    rows = [shares([float(voter.weights.get(uid, 0)) for uid in range(size)]) for voter in voters]
    stakes = [voter.stake for voter in voters]
    consensus = [median([row[uid] for row in rows], stakes, kappa) for uid in range(size)]
    clipped = [[min(weight, limit) for weight, limit in zip(row, consensus, strict=True)] for row in rows]
    ranks = [_weighted(clipped, stakes, uid) for uid in range(size)]
    before = [_weighted(rows, stakes, uid) for uid in range(size)]
    incentive = shares(ranks)
    earned = [0.0] * size
    for voter, row in zip(voters, clipped, strict=True):
        parts = (voter.stake * row[uid] / ranks[uid] * incentive[uid] for uid in range(size) if ranks[uid] > 0)
        earned[voter.uid] = sum(parts)
    trust = tuple(after / raw if raw > 0 else 0.0 for after, raw in zip(ranks, before, strict=True))
    return EpochResult(tuple(consensus), trust, tuple(incentive), tuple(shares(earned)))


def emission(result: EpochResult, owners: Sequence[int], blocks: int) -> tuple[int, ...]:
    """Rao per uid for an epoch of so many blocks; unearned emission goes to nobody, nor does the share of an owner without a slot."""
    total = blocks * RAO
    paid = [int(total * _EACH_PERCENT / 100 * (i + d)) for i, d in zip(result.incentive, result.dividends, strict=True)]
    for owner in owners[:1]:
        paid[owner] += total * _OWNER_PERCENT // 100
    return tuple(paid)


def paid(shares: Sequence[StakedNeuron], rules: Rules, owner: Hotkey, block: int, blocks: int) -> tuple[NeuronState, ...]:
    """The slots after the epoch that ends at `block` and pays for so many blocks."""
    result = run(_voters(shares, rules, owner, block), len(shares), rules.kappa)
    owners = [share.neuron.uid for share in shares if share.neuron.hotkey == owner]
    earned = emission(result, owners, blocks)
    staked = sorted((-share.stake, share.neuron.uid) for share in shares if share.stake > 0)
    permits = {uid for _, uid in staked[: rules.max_validators]}  # the most stake; equal stakes in order of uid
    return tuple(
        replace(
            share.neuron,
            permit=uid in permits,
            consensus=_u16(result.consensus[uid]),
            trust=_u16(result.trust[uid]),
            incentive=_u16(result.incentive[uid]),
            dividends=_u16(result.dividends[uid]),
            emission=earned[uid],
        )
        for uid, share in enumerate(shares)
    )


def shares(values: Sequence[float]) -> list[float]:
    """Scaled to sum to 1; all 0 if the sum is 0."""
    total = sum(values)
    return [value / total if total > 0 else 0.0 for value in values]


def _weighted(rows: Sequence[Sequence[float]], stakes: Sequence[int], uid: int) -> float:
    return sum(stake * row[uid] for row, stake in zip(rows, stakes, strict=True))


def _voters(shares: Sequence[StakedNeuron], rules: Rules, owner: Hotkey, block: int) -> list[Voter]:
    """The validators whose weights count: with a permit, stake, and weights within the cutoff."""
    neurons = [share.neuron for share in shares]
    return [
        Voter(neuron.uid, share.stake, _counted(neuron, neurons, owner))
        for neuron, share in zip(neurons, shares, strict=True)
        if neuron.permit and share.stake > 0 and neuron.weights and neuron.is_active(block, rules.activity_cutoff)
    ]


def _counted(neuron: NeuronState, neurons: Sequence[NeuronState], owner: Hotkey) -> dict[int, int]:
    """A validator's weights without those for itself (unless it is the owner) and for neurons that came after they were set."""
    return {
        target: value
        for target, value in neuron.weights
        if (target != neuron.uid or neuron.hotkey == owner) and neuron.weighed_at > neurons[target].registered_at
    }


def _u16(share: float) -> int:
    return int(share * U16_MAX)
