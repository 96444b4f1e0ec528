"""What weights are planned from: the ledger's head and the metagraph, or, in an outage of ours, the last such plan, carried over."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from neurons.chain.types import Metagraph
from scoring.competition import Schedule
from scoring.ranking import state
from scoring.types import Block, Hotkey, Uid
from scoring.weights import plan
from scoring.weights.plan import Snapshot, WeightPlan
from voice_api.db.ledger_records import LedgerEntry


@dataclass(frozen=True, slots=True)
class CarriedOver:
    """An older snapshot whose plan is sent again, to the hotkeys of a later block, and why.

    `uids` and `registered_at` are of every hotkey that is registered then; `owner` is the uid of the subnet's owner, if it has one.
    """

    carried: Snapshot
    why: str
    block: Block
    owner: Uid | None
    uids: Mapping[Hotkey, Uid]
    registered_at: Mapping[Hotkey, Block]

    @property
    def ledger_hash(self) -> str:
        """The ledger that the plan is of."""
        return self.carried.ledger_hash

    @property
    def hash(self) -> str:
        """SHA-256 (hex) of its canonical JSON."""
        canonical = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """As plain JSON data; only this basis has a key `carried`."""
        return {
            "carried": self.carried.to_json(),
            "why": self.why,
            "block": self.block,
            "owner": self.owner,
            "uids": dict(self.uids),
            "registered_at": dict(self.registered_at),
        }


PlanInput = Snapshot | CarriedOver


def from_json(data: Mapping[str, Any]) -> PlanInput:
    """The basis that `to_json` wrote; raises KeyError, TypeError or ValueError for anything else."""
    if "carried" not in data:
        return Snapshot.from_json(data)
    return CarriedOver(**{**data, "carried": Snapshot.from_json(data["carried"])})


def planned(basis: PlanInput) -> WeightPlan:
    """The plan that follows from a basis, and from nothing else; raises WeightsInvalid where there is nobody to weigh."""
    match basis:
        case Snapshot():
            return plan.plan(basis)
        case CarriedOver(old, _, _, owner, uids, registered_at):
            return replace(plan.remap(plan.plan(old), uids, registered_at, owner), snapshot_hash=basis.hash)


def snapshot(metagraph: Metagraph, head: LedgerEntry, schedule: Schedule) -> Snapshot:
    """The ledger's head among those that are registered now; raises WeightsInvalid while the subnet's owner holds no uid to burn to."""
    owner = metagraph.neuron(metagraph.owner_hotkey)
    if owner is None:
        raise plan.WeightsInvalid("the subnet's owner holds no uid to burn to")
    competition = schedule.at(head.round)
    return Snapshot(
        ledger_hash=head.state_hash,
        state=state.from_json(head.state),
        block=metagraph.block,
        owner=owner.uid,
        uids=_uids(metagraph),
        registered_at=_registered_at(metagraph),
        committed={item.hotkey: item.block for item in metagraph.commitments},
        shares=competition.shares.king_and_tail,
        tail_floor=competition.shares.tail_floor,
        tie_band=competition.shares.tie_band,
        tie_speed=competition.shares.tie_speed,
        competition_hash=competition.hash,
    )


def carried(metagraph: Metagraph, old: PlanInput, why: str) -> CarriedOver:
    """An older snapshot, for those that are registered now."""
    owner = metagraph.neuron(metagraph.owner_hotkey)
    first = old.carried if isinstance(old, CarriedOver) else old
    return CarriedOver(
        first, why, metagraph.block, None if owner is None else owner.uid, _uids(metagraph), _registered_at(metagraph)
    )


def _uids(metagraph: Metagraph) -> dict[Hotkey, Uid]:
    return {neuron.hotkey: neuron.uid for neuron in metagraph.neurons}


def _registered_at(metagraph: Metagraph) -> dict[Hotkey, Block]:
    return {neuron.hotkey: neuron.registered_at_block for neuron in metagraph.neurons}
