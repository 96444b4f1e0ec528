"""Weights as a pure function of a snapshot: who earns which share, and what is burned."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from scoring import ledger
from scoring.ledger import Record, State
from scoring.selection import lower_bound, ranked
from scoring.types import Block, Entrant, Hotkey, Uid, Weight

U16_MOST = 65_535


class WeightsInvalid(ValueError):
    """The last gate: a vector that must never reach the chain."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a plan depends on: the ledger's head, the metagraph read just before, and the competition's rules of shares.

    `uids` and `registered_at` (a block) are of every registered hotkey, `committed` is the block of its commitment on the chain, where
    it has one; `owner` is the uid of the subnet's owner.
    """

    ledger_hash: str
    state: State
    block: Block
    owner: Uid
    uids: Mapping[Hotkey, Uid]
    registered_at: Mapping[Hotkey, Block]
    shares: tuple[float, ...]
    tail_floor: float
    tie_band: float
    tie_speed: float
    competition_hash: str
    committed: Mapping[Hotkey, Block] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        """SHA-256 (hex) of the snapshot's canonical JSON."""
        canonical = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """As plain JSON data."""
        return asdict(self) | {"state": ledger.to_json(self.state), "shares": list(self.shares)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Snapshot":
        """The snapshot that `to_json` wrote; raises KeyError, TypeError or ValueError for anything else."""
        return cls(**{**data, "state": ledger.from_json(data["state"]), "shares": tuple(data["shares"])})

    def eligible(self, record: Record) -> bool:
        """Whether a record's hotkey is registered, and was when it committed: a uid or a hotkey that is used again inherits nothing."""
        since = self.registered_at.get(record.hotkey)
        return record.hotkey in self.uids and since is not None and since <= record.commit_block


@dataclass(frozen=True, slots=True)
class Line:
    """One uid's share, and why it is what it is.

    `place` is 0 for the king, 1 … for the tail, None for none; `rank` counts from 1 over all that could be paid, by the same order.
    `evidence` says what is known of its model, `lineage` whose weights those are, `lacks` what it would take to be paid (or more).
    """

    uid: Uid
    hotkey: Hotkey
    entrant: Entrant | None
    share: Weight
    place: int | None = None
    rank: int | None = None
    evidence: str = ""
    lineage: str = ""
    lacks: str = ""


@dataclass(frozen=True, slots=True)
class WeightPlan:
    """The vector (sums to 1; no zeros) and a line for each registered uid; `burn` is the part of the owner's that nobody earned."""

    snapshot_hash: str
    vector: Mapping[Uid, Weight]
    lines: tuple[Line, ...]
    burn: Weight

    def to_json(self) -> dict[str, Any]:
        """As plain JSON data."""
        vector = {str(uid): weight for uid, weight in self.vector.items()}
        return asdict(self) | {"vector": vector, "lines": [asdict(line) for line in self.lines]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "WeightPlan":
        """The plan that `to_json` wrote; raises KeyError, TypeError or ValueError for anything else."""
        vector = {Uid(int(uid)): Weight(weight) for uid, weight in data["vector"].items()}
        return cls(**{**data, "vector": vector, "lines": tuple(Line(**line) for line in data["lines"])})


def plan(snapshot: Snapshot) -> WeightPlan:
    """Fixed shares by rank: the king first, then the tail by lower confidence bound; unearned shares are burned to the owner's uid."""
    order = _order(snapshot)
    places = _places(snapshot, order)
    lines = tuple(_line(snapshot, hotkey, order, places) for hotkey in sorted(snapshot.uids, key=lambda key: snapshot.uids[key]))
    return _with_burn(snapshot.hash, lines, snapshot.owner)


def _order(snapshot: Snapshot) -> list[Record]:
    """All that could be paid, the king first."""
    eligible = [record for record in snapshot.state.records if snapshot.eligible(record)]
    king = [record for record in eligible if record.entrant == snapshot.state.king]
    floor = snapshot.tail_floor
    others = [r for r in eligible if r.entrant != snapshot.state.king]
    tail = ranked([r for r in others if lower_bound(r) >= floor], snapshot.tie_band, snapshot.tie_speed)
    below = ranked([r for r in others if lower_bound(r) < floor], snapshot.tie_band, snapshot.tie_speed)
    return [*king, *tail, *below]


def _places(snapshot: Snapshot, order: Sequence[Record]) -> Mapping[Entrant, int]:
    """Who holds which place: the king's is nobody else's, and without a king there are none."""
    if snapshot.state.king is None:
        return {}
    tail = [r for r in order if r.entrant != snapshot.state.king and lower_bound(r) >= snapshot.tail_floor]
    places = {record.entrant: place for place, record in enumerate(tail[: len(snapshot.shares) - 1], 1)}
    return places | {record.entrant: 0 for record in order if record.entrant == snapshot.state.king}


def _line(snapshot: Snapshot, hotkey: Hotkey, order: Sequence[Record], places: Mapping[Entrant, int]) -> Line:
    uid = snapshot.uids[hotkey]
    for rank, record in enumerate(order, 1):
        if record.hotkey == hotkey:
            place = places.get(record.entrant)
            share = Weight(0.0 if place is None else snapshot.shares[place])
            return Line(uid, hotkey, record.entrant, share, place, rank)
    return Line(uid, hotkey, None, Weight(0.0))


def _with_burn(snapshot_hash: str, lines: tuple[Line, ...], owner: Uid) -> WeightPlan:
    """The vector of these lines; what they leave of 1 goes to the owner's uid."""
    vector = {line.uid: line.share for line in lines if line.share > 0.0}
    burn = Weight(max(0.0, 1.0 - math.fsum(vector.values())))
    if burn > 1e-12:
        vector[owner] = Weight(vector.get(owner, 0.0) + burn)
    else:
        burn = Weight(0.0)
    guard(vector, {line.uid for line in lines} | {owner})
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
    """The last plan for the hotkeys of now, for an outage of ours: what a hotkey that left had goes to the others in proportion.

    Nothing more is burned than was, unless nobody is left. Raises WeightsInvalid where nobody is, not even the subnet's owner.
    """
    kept = [line for line in last.lines if line.share > 0.0 and _stays(line, uids, registered_at)]
    earned = math.fsum(line.share for line in kept)
    burn = (last.burn if kept else 1.0) if owner is not None else 0.0
    scale = (1.0 - burn) / earned if kept else 0.0
    shares = {line.hotkey: Weight(line.share * scale) for line in kept}
    lines = {line.hotkey: line for line in last.lines if _stays(line, uids, registered_at)}
    moved = tuple(
        replace(lines.get(hotkey, Line(uid, hotkey, None, Weight(0.0))), uid=uid, share=shares.get(hotkey, Weight(0.0)))
        for hotkey, uid in sorted(uids.items(), key=lambda item: item[1])
    )
    return _with_burn(last.snapshot_hash, moved, Uid(-1) if owner is None else owner)


def _stays(line: Line, uids: Mapping[Hotkey, Uid], registered_at: Mapping[Hotkey, Block]) -> bool:
    if line.hotkey not in uids or line.hotkey not in registered_at:
        return False
    committed = 0 if line.entrant is None else int(line.entrant.rpartition("@")[2])
    return line.entrant is None or registered_at[line.hotkey] <= committed


def to_u16(vector: Mapping[Uid, Weight]) -> tuple[tuple[Uid, int], ...]:
    """The vector as the SDK puts it on the chain: by uid, scaled so that the largest is 65,535, rounded half to even, zeros left out.

    For a subnet without a limit on a single weight, as ours is; raises WeightsInvalid where nothing is left.
    """
    largest = max(vector.values(), default=0.0)
    if not largest > 0.0:
        raise WeightsInvalid("a vector has at least one target")
    scaled = ((uid, round(vector[uid] / largest * U16_MOST)) for uid in sorted(vector))
    return tuple((uid, value) for uid, value in scaled if value)
