"""Weights as a pure function of a snapshot: its form, each uid's place and share, and the part that is burned."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import chain
from typing import Any, Self

from scoring import canonical_json
from scoring.competition import Track
from scoring.ranking.selection import lower_bound
from scoring.ranking.state import State, TrackState
from scoring.types import Block, Entrant, Hotkey, Micro, Uid, Weight, parse_entrant, to_micro

U16_MOST = 65_535
_NONE = Micro(0)
ROUNDING = 1e-12
"""Shares that sum to 1 differ from it by so much at most, by arithmetic alone."""


class WeightsInvalid(ValueError):
    """The last gate: a vector that must never reach the chain."""


class PlanPaysNobody(WeightsInvalid):
    """An older plan pays nobody who is still registered: sent again it would burn what it never burned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackPay:
    """What a track pays: its share of the emission, its king's fixed share of that, and the credit that claims all of the rest."""

    track: str
    share: float
    king: float
    full_credit: Micro

    @classmethod
    def of(cls, rules: Track) -> Self:
        """As a track's rules say."""
        return cls(track=rules.name, share=rules.share, king=rules.pay.king, full_credit=to_micro(rules.pay.full_credit))


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The ledger's head, the metagraph read just before, and the competition's rules of shares."""

    ledger_hash: str
    state: State
    block: Block
    """Of the metagraph."""
    owner: Uid
    """The uid of the subnet's owner: a share that nobody earns is burned to it."""
    uids: Mapping[Hotkey, Uid]
    """Of every registered hotkey."""
    registered_at: Mapping[Hotkey, Block]
    """Of every registered hotkey."""
    pays: tuple[TrackPay, ...]
    """What each track pays, in the order of the rules."""
    competition_hash: str
    committed: Mapping[Hotkey, Block] = field(default_factory=dict)
    """The block of each hotkey's commitment on the chain, where it has one."""
    most: int = U16_MOST
    """The largest share that the chain takes for one uid, in 65,535ths."""

    @property
    def hash(self) -> str:
        """SHA-256 (hex) of the snapshot's canonical JSON."""
        return canonical_json.digest(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """The snapshot as plain JSON data."""
        data = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        maps = {name: dict(data[name]) for name in ("uids", "registered_at", "committed")}
        return data | maps | {"state": self.state.to_json(), "pays": [asdict(pay) for pay in self.pays]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The snapshot that `to_json` wrote; raises ValueError for anything else."""
        try:
            pays = tuple(TrackPay(**item) for item in data["pays"])
            found = cls(**{**data, "state": State.from_json(data["state"]), "pays": pays})
            paid = (n for pay in pays for n in (pay.share, pay.king, pay.full_credit))
            _check_numbers(
                found.block,
                found.owner,
                found.most,
                *paid,
                *(n for part in (found.uids, found.registered_at, found.committed) for n in part.values()),
            )
        except (AttributeError, KeyError, TypeError) as exc:
            raise ValueError(f"this is no snapshot: {exc!r}") from exc
        return found

    def eligible(self, entrant: Entrant) -> bool:
        """Whether a submission's hotkey is registered, and was when it committed: a hotkey that is used again inherits nothing."""
        hotkey, block = parse_entrant(entrant)
        since = self.registered_at.get(hotkey)
        return hotkey in self.uids and since is not None and since <= block


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedOver:
    """An older snapshot whose plan is sent again, to the hotkeys of a later block: what an outage of ours is bridged with."""

    carried: Snapshot
    why: str
    block: Block
    owner: Uid | None
    """The uid of the subnet's owner at that block, if it has one."""
    uids: Mapping[Hotkey, Uid]
    """The uid of every hotkey that is registered at that block."""
    registered_at: Mapping[Hotkey, Block]
    """The block of its registration."""
    most: int = U16_MOST
    """The largest share that the chain takes for one uid at that block, in 65,535ths."""

    @property
    def ledger_hash(self) -> str:
        """The ledger that the plan is of."""
        return self.carried.ledger_hash

    @property
    def hash(self) -> str:
        """SHA-256 (hex) of its canonical JSON."""
        return canonical_json.digest(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """The older snapshot and the later block as plain JSON data; no snapshot has a key `carried`."""
        data = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        maps = {name: dict(data[name]) for name in ("uids", "registered_at")}
        return data | maps | {"carried": self.carried.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The input that `to_json` wrote; raises ValueError for anything else."""
        try:
            found = cls(**{**data, "carried": Snapshot.from_json(data["carried"])})
            owner = () if found.owner is None else (found.owner,)
            _check_numbers(found.block, found.most, *owner, *found.uids.values(), *found.registered_at.values())
        except (AttributeError, KeyError, TypeError) as exc:
            raise ValueError(f"this is no snapshot that was carried over: {exc!r}") from exc
        return found


PlanInput = Snapshot | CarriedOver


def plan_input(data: object) -> PlanInput:
    """The input that `to_json` of either class wrote; raises ValueError for anything else."""
    if not isinstance(data, Mapping):
        raise ValueError("this is no snapshot: it is no JSON object")
    return CarriedOver.from_json(data) if "carried" in data else Snapshot.from_json(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackShare:
    """A hotkey's place and share in one track."""

    track: str
    entrant: Entrant
    """The hotkey's submission that counts there, or else its rejected one."""
    share: Weight
    """Of all emission: the track's share is in it."""
    place: int | None = None
    """0 for the king, 1 … for hotkeys with credit, the most first; None for who is not paid."""
    rank: int | None = None
    """From 1, over all hotkeys that could be paid there: the king, then by credit, then by lower bound."""
    credit: Micro = _NONE
    """What its leads are worth now, in 1e-6."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UidShare:
    """One registered uid's share, and its place in each track; `scoring.weights.explanation` says why."""

    uid: Uid
    hotkey: Hotkey
    share: Weight
    """The part that it earns in all tracks; the owner's uid gets the burned part on top."""
    tracks: tuple[TrackShare, ...] = ()
    """In the order of the rules; only those in which it has a submission that was judged, or credit."""


@dataclass(frozen=True, slots=True)
class WeightPlan:
    """The vector (sums to 1; no zeros) and a line for each registered uid; `burn` is the part of the owner's that nobody earned."""

    snapshot_hash: str
    vector: Mapping[Uid, Weight]
    lines: tuple[UidShare, ...]
    burn: Weight

    def to_json(self) -> dict[str, Any]:
        """The plan as plain JSON data."""
        vector = {str(uid): weight for uid, weight in self.vector.items()}
        lines = [asdict(line) for line in self.lines]
        return {"snapshot_hash": self.snapshot_hash, "vector": vector, "lines": lines, "burn": self.burn}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "WeightPlan":
        """The plan that `to_json` wrote; raises ValueError for anything else."""
        try:
            vector = {Uid(int(uid)): Weight(weight) for uid, weight in data["vector"].items()}
            lines = tuple(
                UidShare(**{**line, "tracks": tuple(TrackShare(**item) for item in line["tracks"])}) for line in data["lines"]
            )
            _check_numbers(*vector.values(), data["burn"])
            return cls(**{**data, "vector": vector, "lines": lines})
        except (AttributeError, KeyError, TypeError) as exc:
            raise ValueError(f"this is no plan of weights: {exc!r}") from exc


def _check_numbers(*values: object) -> None:
    """Raise TypeError for the first value that is no number: JSON that somebody else wrote may have anything in its place."""
    for value in values:
        if type(value) not in (int, float):
            raise TypeError(f"{value!r:.80} is no number")


def plan(snapshot: Snapshot) -> WeightPlan:
    """The sum over the tracks of what each pays, times its share of the emission; what a track leaves is burned.

    A track pays its king's fixed share, and the rest by credit; what no credit claims is the king's, too. Credits claim
    `credit / max(all credits, full_credit)` of the rest. They are a hotkey's: split over several they sum to the same.
    The king's place is nobody else's: without a king, or when it left since the last round, its share is burned. No other track gains
    by an empty throne.
    """
    paid = [_paid(snapshot, pay) for pay in snapshot.pays]
    lines = []
    for hotkey, uid in sorted(snapshot.uids.items(), key=lambda item: item[1]):
        tracks = tuple(track[hotkey] for track in paid if hotkey in track)
        share = Weight(math.fsum(each.share for each in tracks))
        lines.append(UidShare(uid=uid, hotkey=hotkey, share=share, tracks=tracks))
    return _with_burn(snapshot.hash, tuple(lines), snapshot.owner)


def _paid(snapshot: Snapshot, pay: TrackPay) -> dict[Hotkey, TrackShare]:
    """A track's hotkeys with their places and shares."""
    state = snapshot.state.of(pay.track)
    king = None if state.king is None or not snapshot.eligible(state.king) else parse_entrant(state.king)[0]
    leads = _credits(snapshot, state)
    rest = 1.0 - pay.king
    whole = max(sum(leads.values()), pay.full_credit)
    shares = {hotkey: rest * credit / whole for hotkey, credit in leads.items()}
    if king is not None:
        shares[king] = 1.0 - math.fsum(share for hotkey, share in shares.items() if hotkey != king)
    paid = sorted(shares, key=lambda hotkey: (hotkey != king, -shares[hotkey], hotkey))
    places = {hotkey: place for place, hotkey in enumerate(paid, 0 if king is not None else 1)}
    submissions = {rejection.hotkey: rejection.entrant for rejection in state.rejections}
    submissions |= {credit.hotkey: credit.entrant for credit in state.leads if credit.hotkey in leads}
    submissions |= {record.hotkey: record.entrant for record in sorted(state.records, key=lambda record: record.seniority)}
    if king is not None and state.king is not None:
        submissions[king] = state.king
    ranks = _ranks(snapshot, state, paid)
    return {
        hotkey: TrackShare(
            track=pay.track,
            entrant=name,
            share=Weight(pay.share * shares.get(hotkey, 0.0)),
            place=places.get(hotkey),
            rank=ranks.get(hotkey),
            credit=leads.get(hotkey, Micro(0)),
        )
        for hotkey, name in submissions.items()
    }


def _credits(snapshot: Snapshot, state: TrackState) -> dict[Hotkey, Micro]:
    """What the leads of each hotkey are worth together in a track, of those that could be paid and have any."""
    leads: dict[Hotkey, Micro] = {}
    for credit in state.leads:
        if credit.worth and snapshot.eligible(credit.entrant):
            leads[credit.hotkey] = Micro(leads.get(credit.hotkey, 0) + credit.worth)
    return leads


def _ranks(snapshot: Snapshot, state: TrackState, paid: Sequence[Hotkey]) -> dict[Hotkey, int]:
    """From 1: who is paid, then the other hotkeys whose submissions could be, by lower bound and then by commit."""
    others = [record for record in state.records if snapshot.eligible(record.entrant)]
    others.sort(key=lambda record: (-lower_bound(record), record.seniority))
    return {hotkey: rank for rank, hotkey in enumerate(dict.fromkeys((*paid, *(record.hotkey for record in others))), 1)}


def _with_burn(snapshot_hash: str, lines: tuple[UidShare, ...], owner: Uid | None) -> WeightPlan:
    """The vector of these lines; what they leave of 1 goes to the owner's uid."""
    vector = {line.uid: line.share for line in lines if line.share > 0.0}
    burn = Weight(max(0.0, 1.0 - math.fsum(vector.values())))
    if burn > ROUNDING and owner is not None:
        vector[owner] = Weight(vector.get(owner, 0.0) + burn)
    else:
        burn = Weight(0.0)
    guard(vector, {line.uid for line in lines} | set(() if owner is None else (owner,)))
    return WeightPlan(snapshot_hash, vector, lines, burn)


def guard(vector: Mapping[Uid, Weight], registered: set[Uid]) -> None:
    """The last gate; raises WeightsInvalid with the first thing that is wrong."""
    if not vector:
        raise WeightsInvalid("a vector has at least one target")
    if not all(math.isfinite(weight) and weight >= 0.0 for weight in vector.values()):
        raise WeightsInvalid("a weight is finite and not negative")
    if abs(math.fsum(vector.values()) - 1.0) > 1e-9:
        raise WeightsInvalid("weights sum to 1")
    if not set(vector) <= registered:
        raise WeightsInvalid("a weight goes to a registered uid")


def remap(last: WeightPlan, uids: Mapping[Hotkey, Uid], registered_at: Mapping[Hotkey, Block], owner: Uid | None) -> WeightPlan:
    """The last plan for the hotkeys of now, for an outage of ours: what a hotkey that left had goes to the others of its track, in
    proportion; where nobody of a track is left, to all others.

    Nothing more is burned than was. Raises PlanPaysNobody where all left to whom the plan gave anything.
    """
    kept = {line.hotkey: _kept(line, registered_at) for line in last.lines if line.hotkey in uids}
    had = _by_track(line.tracks for line in last.lines)
    left = _by_track(kept.values())
    earned = math.fsum(had[track] for track, share in left.items() if share > 0.0)
    if not earned and last.burn < 1.0:
        raise PlanPaysNobody("nobody whom the last plan pays is registered any more")
    burn = last.burn if owner is not None else 0.0
    scales = {track: (1.0 - burn) * had[track] / (earned * share) for track, share in left.items() if share > 0.0}
    moved = []
    for hotkey, uid in sorted(uids.items(), key=lambda item: item[1]):
        tracks = tuple(replace(each, share=Weight(each.share * scales.get(each.track, 0.0))) for each in kept.get(hotkey, ()))
        moved.append(UidShare(uid=uid, hotkey=hotkey, share=Weight(math.fsum(each.share for each in tracks)), tracks=tracks))
    return _with_burn(last.snapshot_hash, tuple(moved), owner)


def _by_track(shares: Iterable[Iterable[TrackShare]]) -> dict[str, float]:
    """What a plan gives in each track."""
    found: dict[str, float] = {}
    for share in chain.from_iterable(shares):
        found[share.track] = found.get(share.track, 0.0) + share.share
    return found


def _kept(line: UidShare, registered_at: Mapping[Hotkey, Block]) -> tuple[TrackShare, ...]:
    """A line's tracks, but for what its hotkey committed before it was registered again."""
    since = registered_at.get(line.hotkey)
    return tuple(track for track in line.tracks if since is not None and since <= parse_entrant(track.entrant)[1])


def to_u16(vector: Mapping[Uid, Weight], most: int = U16_MOST) -> tuple[tuple[Uid, int], ...]:
    """The vector as the chain keeps it: by uid, scaled so that the largest is 65,535, rounded half to even, zeros left out.

    No weight is more than `most` / 65,535 of their sum: what a uid would have above that goes to the others, in proportion. A single
    weight has no such limit, because the chain has none for a validator's own uid. The SDK passes such a vector on as it is.
    Raises WeightsInvalid where nothing is left, or where too few weights are left for the limit.
    """
    largest = max(vector.values(), default=0.0)
    if not largest > 0.0:
        raise WeightsInvalid("a vector has at least one target")
    scaled = ((uid, round(vector[uid] / largest * U16_MOST)) for uid in sorted(vector))
    row = tuple((uid, value) for uid, value in scaled if value)
    if len(row) == 1 or most * sum(value for _, value in row) >= U16_MOST * U16_MOST:
        return row
    return _within(row, most)


def _within(row: Sequence[tuple[Uid, int]], most: int) -> tuple[tuple[Uid, int], ...]:
    """The row with as few as possible of its largest weights cut to the limit, and the others scaled, rounded up, to the rest."""
    if len(row) * most < U16_MOST:
        raise WeightsInvalid(f"the chain takes at most {most / U16_MOST:.4f} for one uid, and {len(row)} are to be weighed")
    values = sorted((value for _, value in row), reverse=True)
    for cut in range(1, len(row) + 1):
        others = sum(values[cut:])
        left = U16_MOST * U16_MOST - cut * U16_MOST * most  # of U16_MOST² / most, the least sum that the limit allows, times most
        if cut == len(row) or left * values[cut] <= U16_MOST * most * others:
            break
    limit = values[cut - 1]
    return tuple((uid, U16_MOST if value >= limit else -(-value * left // (others * most))) for uid, value in row)
