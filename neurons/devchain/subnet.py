"""The subnet: its hyperparameters with the range of each, and its slots."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from scoring.types import Hotkey

U16_MAX = 65_535
"""A whole share: the chain counts shares in 65,535ths."""
_U64 = 2**64 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The hyperparameters by the chain's names and units: blocks, rao, epochs, and u16 shares of 65,535.

    `commitment_space` is the bytes that a hotkey may commit in one epoch; each commitment counts as at least 100.
    `commit_reveal_period` is how many epochs sealed weights wait. The chain itself allows a tempo of 360 blocks or more and one
    registration per block by default; a development chain is quicker.
    """

    tempo: int = 20
    activity_cutoff: int = 5_000
    immunity_period: int = 5_000
    weights_rate_limit: int = 10
    weights_version: int = 0
    weights_min_stake: int = 0
    min_allowed_weights: int = 1
    max_weights_limit: int = U16_MAX
    commitment_space: int = 3_100
    commit_reveal_weights_enabled: bool = False
    commit_reveal_period: int = 1
    max_uids: int = 256
    max_validators: int = 64
    kappa: int = 32_767
    registration_allowed: bool = True
    registration_cost: int = 0
    max_regs_per_block: int = 256
    spec_version: int = 1

    def changed(self, name: str, value: int) -> "Rules":
        """The rules with one value changed; raises ValueError for a name or a value that there is not."""
        least, most = RANGES.get(name, (1, 0))
        if not least <= value <= most:
            raise ValueError(f"{name} is {f'from {least} to {most}' if name in RANGES else 'no hyperparameter'}")
        changes: dict[str, Any] = {name: bool(value) if isinstance(getattr(self, name), bool) else value}
        return replace(self, **changes)


RANGES: Mapping[str, tuple[int, int]] = {
    **{field.name: (0, 1 if field.type is bool else _U64) for field in fields(Rules)},
    "tempo": (1, U16_MAX),
    "activity_cutoff": (1, U16_MAX),
    "immunity_period": (0, U16_MAX),
    "min_allowed_weights": (0, U16_MAX),
    "max_weights_limit": (1, U16_MAX),
    "commit_reveal_period": (1, 100),
    "max_uids": (1, 256),
    "max_validators": (1, 256),
    "kappa": (0, U16_MAX),
    "max_regs_per_block": (0, U16_MAX),
    "spec_version": (1, 2**32 - 1),
}
"""The least and the largest value of each; 0 and 1 of a switch."""


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
