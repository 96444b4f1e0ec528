"""The leaderboard as far as the ledger's head and the registry tell it: the plan, ranks and reasons."""

from collections.abc import Mapping
from dataclasses import dataclass

from scoring.competition import Competition, Schedule
from scoring.ranking.state import State
from scoring.types import Block, Hotkey, RoundNumber, Uid, Weight
from scoring.weights.plan import Snapshot, TrackPay, WeightPlan, plan
from scoring.weights.standings import TrackStandings, track_standings
from voice_api.db.ledger import LedgerEntry
from voice_api.db.registry import RegistrySnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerStandings:
    """What follows from the ledger's head and the registry alone."""

    round: RoundNumber | None
    """Of the ledger's head; None before the first fold."""
    ledger_hash: str
    block: Block | None
    """Of the registry; None before the first."""
    waits: str
    """What the ranks wait for, in words; '' where there are some to show."""
    burn: Weight
    """The part of the emission that nobody earned."""
    tracks: tuple[TrackStandings, ...]
    owner: Uid | None
    """The uid that the burned part goes to; None where nobody holds it."""
    snapshot: Snapshot | None
    """What the plan is computed from; None without a ledger."""
    plan: WeightPlan | None


def ranked_by(
    head: LedgerEntry, registry: RegistrySnapshot | None, rules: Competition, committed: Mapping[Hotkey, Block]
) -> LedgerStandings:
    """The plan of a ledger's head for the registered hotkeys, and what follows from it; `committed` has their newest commitments."""
    neurons = () if registry is None else registry.neurons
    owner = None if registry is None else next((n.uid for n in neurons if n.hotkey == registry.owner_hotkey), None)
    snapshot = Snapshot(
        ledger_hash=head.state_hash,
        state=head.state,
        block=Block(0) if registry is None else registry.block,
        owner=Uid(0) if owner is None else owner,
        uids={neuron.hotkey: neuron.uid for neuron in neurons},
        registered_at={neuron.hotkey: neuron.registered_at_block for neuron in neurons},
        pays=tuple(TrackPay.of(track) for track in rules.track),
        competition_hash=rules.hash,
        committed=committed,
    )
    made = plan(snapshot)
    return LedgerStandings(
        round=head.round,
        ledger_hash=head.state_hash,
        block=None if registry is None else registry.block,
        waits="the model queue has not told who is registered: nobody is ranked before" if registry is None else "",
        burn=made.burn,
        tracks=track_standings(snapshot, made, rules, owner),
        owner=owner,
        snapshot=snapshot,
        plan=made,
    )


def nothing_ranked(schedule: Schedule, registry: RegistrySnapshot | None, why: str) -> LedgerStandings:
    """Every track of the newest rules, empty."""
    rules = schedule.version[-1]
    empty = Snapshot(
        ledger_hash="",
        state=State(),
        block=Block(0),
        owner=Uid(0),
        uids={},
        registered_at={},
        pays=tuple(TrackPay.of(track) for track in rules.track),
        competition_hash=rules.hash,
    )
    return LedgerStandings(
        round=None,
        ledger_hash="",
        block=None if registry is None else registry.block,
        waits=why,
        burn=Weight(0.0),
        tracks=track_standings(empty, plan(empty), rules, None),
        owner=None,
        snapshot=None,
        plan=None,
    )
