"""What weights are planned from: the ledger's head and the metagraph, or, in an outage of ours, the last such plan, carried over."""

from dataclasses import replace

from neurons.chain.types import Metagraph
from scoring.competition import Schedule
from scoring.types import Block, Hotkey, Uid
from scoring.weights import plan
from scoring.weights.plan import WeightPlan
from scoring.weights.snapshot import CarriedOver, PlanInput, Snapshot
from voice_api.db.ledger import LedgerEntry


def planned(basis: PlanInput) -> WeightPlan:
    """The plan that follows from a basis, and from nothing else; raises WeightsInvalid where there is nobody to weigh."""
    match basis:
        case Snapshot():
            return plan.plan(basis)
        case CarriedOver():
            again = plan.remap(plan.plan(basis.carried), basis.uids, basis.registered_at, basis.owner)
            return replace(again, snapshot_hash=basis.hash)


def snapshot(metagraph: Metagraph, head: LedgerEntry, schedule: Schedule) -> Snapshot:
    """The ledger's head among those that are registered now; raises WeightsInvalid while the subnet's owner holds no uid to burn to."""
    owner = metagraph.neuron(metagraph.owner_hotkey)
    if owner is None:
        raise plan.WeightsInvalid("the subnet's owner holds no uid to burn to")
    competition = schedule.at(head.round)
    return Snapshot(
        ledger_hash=head.state_hash,
        state=head.state,
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
        carried=first,
        why=why,
        block=metagraph.block,
        owner=None if owner is None else owner.uid,
        uids=_uids(metagraph),
        registered_at=_registered_at(metagraph),
    )


def _uids(metagraph: Metagraph) -> dict[Hotkey, Uid]:
    return {neuron.hotkey: neuron.uid for neuron in metagraph.neurons}


def _registered_at(metagraph: Metagraph) -> dict[Hotkey, Block]:
    return {neuron.hotkey: neuron.registered_at_block for neuron in metagraph.neurons}
