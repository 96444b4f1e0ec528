"""The input of a plan: the ledger's head and the metagraph, or, in an outage of ours, an older input carried over; and its replay."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from neurons.chain.types import Metagraph
from scoring.competition import Schedule
from scoring.types import Block, Hotkey, Uid
from scoring.weights import plan
from scoring.weights.plan import CarriedOver, PlanInput, Snapshot, WeightPlan, to_u16
from voice_api.db.ledger import LedgerEntry
from voice_api.db.states import WeightOutcome
from voice_api.db.weights import Made
from voice_api.errors import LedgerInvalid

Vector = tuple[tuple[Uid, int], ...]
"""Uids and their u16, as the chain takes them."""


def snapshot(metagraph: Metagraph, head: LedgerEntry, schedule: Schedule) -> Snapshot:
    """The ledger's head and the hotkeys that are registered now; raises WeightsInvalid while the subnet's owner holds no uid to burn to."""
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


def carried_over(metagraph: Metagraph, old: PlanInput, why: str) -> CarriedOver:
    """An older snapshot, for the hotkeys that are registered now."""
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


def make_plan(given: PlanInput) -> WeightPlan:
    """The plan that follows from an input, and from nothing else; raises WeightsInvalid where nobody can be weighed."""
    match given:
        case Snapshot():
            return plan.plan(given)
        case CarriedOver():
            again = plan.remap(plan.plan(given.carried), given.uids, given.registered_at, given.owner)
            return replace(again, snapshot_hash=given.hash)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """An attempt's vector, computed again from its input, beside the one that was sent."""

    validator: Hotkey
    block: Block
    outcome: WeightOutcome
    ledger_hash: str
    vector: Vector
    """Computed again."""
    sent: Vector
    hash_holds: bool
    """Whether the input has the hash that was kept with it."""

    @property
    def holds(self) -> bool:
        """Whether the input has its hash, and both vectors are the same."""
        return self.hash_holds and self.vector == self.sent

    def on_chain(self, row: Mapping[Uid, int]) -> bool:
        """Whether it is this vector that counts."""
        return dict(row) == dict(self.vector)


def replay(made: Made) -> Replayed:
    """Plan again from the input that an attempt kept; raises LedgerInvalid where no plan follows from it."""
    attempt = made.attempt
    try:
        vector = to_u16(make_plan(attempt.plan_input).vector)
        sent = to_u16(attempt.plan.vector)
    except (KeyError, TypeError, ValueError) as exc:  # it was read, yet its values may be of any kind
        raise LedgerInvalid(f"nothing follows from the snapshot {attempt.snapshot_hash}: {exc!r}") from exc
    return Replayed(
        validator=made.validator,
        block=attempt.block,
        outcome=attempt.outcome,
        ledger_hash=attempt.plan_input.ledger_hash,
        vector=vector,
        sent=sent,
        hash_holds=attempt.plan_input.hash == attempt.snapshot_hash,
    )


def _uids(metagraph: Metagraph) -> dict[Hotkey, Uid]:
    return {neuron.hotkey: neuron.uid for neuron in metagraph.neurons}


def _registered_at(metagraph: Metagraph) -> dict[Hotkey, Block]:
    return {neuron.hotkey: neuron.registered_at_block for neuron in metagraph.neurons}
