"""One slot of the subnet."""

from dataclasses import dataclass

from scoring.types import Hotkey


@dataclass(frozen=True, slots=True, kw_only=True)
class NeuronState:
    """One slot. Consensus, trust, incentive and dividends are u16 shares of the last epoch."""

    uid: int
    hotkey: Hotkey
    coldkey: str
    registered_at: int
    last_update: int
    """The block at which it last set or sealed weights."""
    weights: tuple[tuple[int, int], ...] = ()
    """Pairs of target and u16 value."""
    weighed_at: int = 0
    """The block at which the open weights were set or sealed."""
    permit: bool = False
    consensus: int = 0
    trust: int = 0
    incentive: int = 0
    dividends: int = 0
    emission: int = 0
    """Rao of the last epoch."""

    def is_active(self, block: int, activity_cutoff: int) -> bool:
        """Whether it set weights, or came, within the cutoff."""
        return self.last_update + activity_cutoff >= block


@dataclass(frozen=True, slots=True)
class StakedNeuron:
    """A neuron with the stake (rao) on its hotkey."""

    neuron: NeuronState
    stake: int
