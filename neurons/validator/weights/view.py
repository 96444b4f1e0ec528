"""The view of a validator's weights without a signature: the plan of now, the attempts and their replay, read and as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any, assert_never

from neurons.chain.adapter import Chain
from neurons.chain.types import ChainUnavailable
from neurons.settings import ValidatorSettings
from neurons.validator.weights.decision import (
    Decision,
    Due,
    NotYet,
    decide,
    make_plan,
    read_history,
    rounds_left_or_raise,
    row_of,
    snapshot,
)
from scoring.competition import Competition, load
from scoring.errors import Code, PlatformError
from scoring.types import Block, Hotkey, RoundNumber, Uid, Weight
from scoring.weights.explanation import explain_all
from scoring.weights.facts import uid_facts
from scoring.weights.plan import CarriedOver, Snapshot, WeightPlan, WeightsInvalid, plan, to_u16
from voice_api.db.database import open_pool
from voice_api.db.ledger import Ledger, LedgerEntry
from voice_api.db.states import WeightOutcome
from voice_api.db.submissions import Submissions
from voice_api.db.weights import AttemptOutcome, Made, StoredAttempt, UnreadableAttempt, Weights, of_snapshot
from voice_api.errors import LedgerInvalid

Data = dict[str, Any]
Vector = tuple[tuple[Uid, int], ...]
"""Uids and their u16, as the chain takes them."""
_BEACON_BEGAN, _BEACON_SECONDS = 1_692_803_367, 3
"""The beacon (drand's quicknet) whose rounds open sealed weights: the Unix time of its first round, and the time between two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView:
    """A validator's ledger and the chain at one moment, the plan that follows, and whether it is this that would be sent."""

    head: LedgerEntry
    rules: Competition
    snapshot: Snapshot
    plan: WeightPlan
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """An attempt's vector, computed again from its input, beside the one that was sent."""

    validator: Hotkey
    block: Block
    outcome: WeightOutcome
    ledger_hash: str
    vector: Vector
    """Computed again."""
    tracks: Mapping[str, Mapping[Uid, Weight]]
    """By track, the share of all emission of each uid that is paid there."""
    burn: Weight
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


@dataclass(frozen=True, slots=True)
class CheckedReplay:
    """A replayed attempt, and whether that vector counts on the chain now (None: the chain could not be read)."""

    replayed: Replayed
    counts: bool | None


async def plan_now(settings: ValidatorSettings, validator: Hotkey, chain: Chain) -> PlanView:
    """Read ledger, attempts and `chain`, which is not open yet; plan `validator`'s weights of now, and decide whether they would be sent.

    Raises PlatformError: NOT_FOUND without a ledger, COMPETITION_EXPIRED once the rules have ended, STATE_CONFLICT where nothing
    can be planned; ChainUnavailable, DatabaseUnavailable.
    """
    schedule = load(settings.competition)
    async with open_pool(settings.database_url.get_secret_value(), size=1) as pool, chain:
        metagraph = await chain.metagraph()
        history = await read_history(Ledger(pool, validator), Weights(pool, validator), Submissions(pool))
    rounds_left_or_raise(schedule, RoundNumber(metagraph.block // schedule.round_blocks))
    head = history.head
    if head is None:
        raise PlatformError(Code.NOT_FOUND, f"{validator} has folded no round yet")
    try:
        found = snapshot(metagraph, head, schedule)
        due = decide(metagraph, validator, history, schedule, version_key=settings.version_key)
        return PlanView(head=head, rules=schedule.at(head.round), snapshot=found, plan=plan(found), decision=due)
    except WeightsInvalid as exc:
        raise PlatformError(Code.STATE_CONFLICT, f"no weights can be planned: {exc}") from exc


async def attempts(
    settings: ValidatorSettings, validator: Hotkey, chain: Chain, limit: int
) -> tuple[tuple[StoredAttempt, ...], Decision | None]:
    """The validator's last attempts, newest first, and the decision of now, None where the chain does not answer."""
    async with open_pool(settings.database_url.get_secret_value(), size=1) as pool:
        weights = Weights(pool, validator)
        found = await weights.page(limit=limit)
        history = await read_history(Ledger(pool, validator), weights, Submissions(pool))
    try:
        async with chain:
            schedule = load(settings.competition)
            return found, decide(await chain.metagraph(), validator, history, schedule, version_key=settings.version_key)
    except ChainUnavailable:
        return found, None


async def replayed(settings: ValidatorSettings, chain: Chain, snapshot_hash: str) -> tuple[CheckedReplay, ...]:
    """Each attempt that was made from a snapshot, computed again; raises PlatformError(NOT_FOUND), or LEDGER_INVALID."""
    async with open_pool(settings.database_url.get_secret_value(), size=1) as pool:
        found = [replay(made) for made in await of_snapshot(pool, snapshot_hash)]
    try:
        async with chain:
            return tuple([CheckedReplay(each, await _counts(chain, each)) for each in found])
    except ChainUnavailable:
        return tuple(CheckedReplay(each, None) for each in found)


def replay(made: Made) -> Replayed:
    """Plan again from the input that an attempt kept; raises LedgerInvalid where no plan follows from it."""
    attempt = made.attempt
    try:
        made_again = make_plan(attempt.plan_input)
        vector = to_u16(made_again.vector, attempt.plan_input.most)
        sent = tuple(attempt.row.items())
    except (KeyError, TypeError, ValueError) as exc:  # it was read, yet its values may be of any kind
        raise LedgerInvalid(f"nothing follows from the snapshot {attempt.snapshot_hash}: {exc!r}") from exc
    return Replayed(
        validator=made.validator,
        block=attempt.block,
        outcome=attempt.outcome,
        ledger_hash=attempt.plan_input.ledger_hash,
        vector=vector,
        tracks=_by_track(made_again),
        burn=made_again.burn,
        sent=sent,
        hash_holds=attempt.plan_input.hash == attempt.snapshot_hash,
    )


def _by_track(made: WeightPlan) -> dict[str, dict[Uid, Weight]]:
    found: dict[str, dict[Uid, Weight]] = {}
    for line in made.lines:
        for each in line.tracks:
            if each.share:
                found.setdefault(each.track, {})[line.uid] = each.share
    return found


async def _counts(chain: Chain, replayed: Replayed) -> bool:
    metagraph = await chain.metagraph()
    neuron = metagraph.neuron(replayed.validator)
    if neuron is None:
        return False
    return replayed.on_chain((await chain.sealed(replayed.validator, neuron.uid, metagraph.block)).row)


def attempt_facts(each: StoredAttempt) -> Data:
    """An attempt without what it kept: that is behind `voice validator replay`. `unreadable` says why that cannot be read, if so."""
    data = {entry.name: getattr(each, entry.name) for entry in fields(AttemptOutcome)}
    data["opens_at"] = None if each.reveal_round is None else opens(each.reveal_round).isoformat()
    if isinstance(each, UnreadableAttempt):
        return data | {"carried": None, "unreadable": {"code": each.fault.code.value, "why": each.fault.detail}}
    return data | {"carried": each.plan_input.why if isinstance(each.plan_input, CarriedOver) else None, "unreadable": None}


def planned(view: PlanView) -> Data:
    """The plan of now, and when it would be sent."""
    data = {"ledger_hash": view.head.state_hash, "round": view.head.round}
    data |= {"thrones": {state.track: state.throne for state in view.head.state.tracks}}
    data |= {"snapshot_hash": view.snapshot.hash, "block": view.snapshot.block, "owner": view.snapshot.owner}
    row = row_of(view.plan, view.snapshot.most)
    data |= {"burn": view.plan.burn, "vector": tuple(row.items()), "lines": _lines(view.snapshot, view.plan)}
    data |= {"held": view.decision.held or None}
    match view.decision:
        case Due(held):
            return data | {"due": True, "next_block": None, "why": held}
        case NotYet(block, why):
            return data | {"due": False, "next_block": block, "why": why}
        case unreachable:
            assert_never(unreachable)


def replays(snapshot_hash: str, found: Sequence[CheckedReplay]) -> Data:
    """Each attempt that was made from the snapshot, and what is equal."""
    rows = [asdict(each.replayed) | {"equal": each.replayed.holds, "counts_on_chain": each.counts} for each in found]
    return {"snapshot_hash": snapshot_hash, "attempts": rows, "equal": all(each.replayed.holds for each in found)}


def explained(view: PlanView, uid: int) -> Data:
    """All that is known of a uid, by track; raises PlatformError(NOT_FOUND)."""
    if all(line.uid != uid for line in view.plan.lines):
        raise PlatformError(Code.NOT_FOUND, f"no hotkey is registered under uid {uid}")
    return {**uid_facts(view.snapshot, view.plan, Uid(uid)), "round": view.head.round, "held": view.decision.held or None}


def changes(now: Snapshot, then: Snapshot) -> list[Data]:
    """Each uid that gets something under one of two snapshots, or whose reason is another; both have the same hotkeys."""
    names = ("share", "tracks", "reason")
    plans = plan(now), plan(then)
    rows = []
    for old, new in zip(_lines(now, plans[0]), _lines(then, plans[1]), strict=True):
        if old["share"] or new["share"] or old["reason"] != new["reason"]:
            parts = {"before": {name: old[name] for name in names}, "after": {name: new[name] for name in names}}
            rows.append({"uid": old["uid"], "hotkey": old["hotkey"], **parts})
    burned = [{"share": each.burn, "tracks": (), "reason": "nobody earned it"} for each in plans]
    return [*rows, {"uid": None, "hotkey": "burned", "before": burned[0], "after": burned[1]}]


def _lines(snapshot: Snapshot, made: WeightPlan) -> list[Data]:
    """Each line of the plan with its explanation."""
    words = explain_all(snapshot, made)
    return [asdict(line) | {"reason": words[line.uid].reason} for line in made.lines]


def opens(reveal_round: int) -> datetime:
    """The time at which the beacon publishes a round."""
    return datetime.fromtimestamp(_BEACON_BEGAN + (reveal_round - 1) * _BEACON_SECONDS, UTC)
