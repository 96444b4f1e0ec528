"""One slot of the subnet."""

from dataclasses import dataclass

from scoring.types import Hotkey


@dataclass(frozen=True, slots=True, kw_only=True)
class NeuronState:
    """One slot. Emission in rao; consensus, trust, incentive and dividends as u16 shares of the last epoch.

    `last_update` is when it last set or sealed weights; `weighed_at` when those that are open now were set or sealed.
    """

    uid: int
    hotkey: Hotkey
    coldkey: str
    registered_at: int
    last_update: int
    weights: tuple[tuple[int, int], ...] = ()
    weighed_at: int = 0
    permit: bool = False
    consensus: int = 0
    trust: int = 0
    incentive: int = 0
    dividends: int = 0
    emission: int = 0

    def is_active(self, block: int, activity_cutoff: int) -> bool:
        """Whether it set weights, or came, within the cutoff."""
        return self.last_update + activity_cutoff >= block


@dataclass(frozen=True, slots=True)
class StakedNeuron:
    """A neuron with the stake (rao) on its hotkey."""

    neuron: NeuronState
    stake: int
