"""Everything on a development chain at its newest block, for people and machines."""

import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from neurons.devchain.faults import Fault, FaultTable
from neurons.devchain.genesis import Clock
from neurons.devchain.node import Node
from neurons.devchain.state import ChainState, CommitmentState, SealedState, next_epoch
from scoring.types import Hotkey


@dataclass(frozen=True, slots=True, kw_only=True)
class NeuronRow:
    """One slot."""

    uid: int
    hotkey: Hotkey
    coldkey: str
    stake: int
    """In rao."""
    registered_at: int
    immune_until: int
    last_update: int
    active: bool
    permit: bool
    incentive: int
    """A u16 share."""
    dividends: int
    """A u16 share."""
    emission: int
    """In rao."""
    weights: Mapping[int, int]
    """A u16 value by target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The chain at one block."""

    netuid: int
    block: int
    finalized: int
    block_seconds: float
    epoch: int
    """The number of epochs that have ended."""
    next_epoch: int
    """The block that ends the present epoch."""
    owner_coldkey: str
    owner_hotkey: Hotkey
    rules: Mapping[str, int]
    neurons: tuple[NeuronRow, ...]
    commitments: Mapping[Hotkey, CommitmentState]
    sealed: tuple[SealedState, ...]
    balances: Mapping[str, int]
    """Rao by coldkey."""
    faults: tuple[Fault, ...]


def overview(path: Path, *, clock: Clock = time.time) -> Overview:
    """Read a chain; raises ChainUnavailable."""
    with closing(Node(path, clock)) as node, closing(FaultTable(path)) as table:
        head = node.head()
        state = node.state(head)
        return Overview(
            netuid=node.genesis.netuid,
            block=head,
            finalized=node.finalized(),
            block_seconds=node.genesis.block_seconds,
            epoch=state.epoch_index,
            next_epoch=next_epoch(state),
            owner_coldkey=node.genesis.owner_coldkey,
            owner_hotkey=state.owner_hotkey,
            rules={name: int(value) for name, value in asdict(state.rules).items()},
            neurons=_rows(state),
            commitments=state.commitments,
            sealed=state.sealed,
            balances=state.balances,
            faults=tuple(table.all()),
        )


def _rows(state: ChainState) -> tuple[NeuronRow, ...]:
    return tuple(
        NeuronRow(
            uid=neuron.uid,
            hotkey=neuron.hotkey,
            coldkey=neuron.coldkey,
            stake=state.stake(neuron.hotkey),
            registered_at=neuron.registered_at,
            immune_until=neuron.registered_at + state.rules.immunity_period,
            last_update=neuron.last_update,
            active=neuron.is_active(state.block, state.rules.activity_cutoff),
            permit=neuron.permit,
            incentive=neuron.incentive,
            dividends=neuron.dividends,
            emission=neuron.emission,
            weights=dict(neuron.weights),
        )
        for neuron in state.neurons
    )
