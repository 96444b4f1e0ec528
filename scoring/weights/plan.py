"""Weights as a pure function of a snapshot: who earns which share, and what is burned."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from scoring.ranking.selection import Threshold, lower_bound, not_clearly_better, ranked
from scoring.ranking.state import Record, Refusal
from scoring.types import Block, Entrant, Hotkey, Uid, Weight
from scoring.weights import explanation
from scoring.weights.explanation import Field
from scoring.weights.snapshot import Snapshot as Snapshot

U16_MOST = 65_535
ROUNDING = 1e-12
"""What shares that sum to 1 may differ from it by arithmetic alone."""


class WeightsInvalid(ValueError):
    """The last gate: a vector that must never reach the chain."""


@dataclass(frozen=True, slots=True)
class UidShare:
    """One registered uid's share, and why it is what it is.

    `place` is 0 for the king, 1 … for the tail, None for none; `rank` counts from 1 over all hotkeys that could be paid, in the order
    in which places are given. `evidence` says what is known of its model, `lineage` whose weights those are, `lacks` why it is not
    paid ('' if it is). What is burned to the owner's uid is no part of its line's `share`.
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

    @property
    def reason(self) -> str:
        """In one sentence."""
        if self.place is None:
            return self.lacks
        return f"{'king' if self.place == 0 else f'place {self.place + 1}'}: {self.evidence}"


@dataclass(frozen=True, slots=True)
class WeightPlan:
    """The vector (sums to 1; no zeros) and a line for each registered uid; `burn` is the part of the owner's that nobody earned."""

    snapshot_hash: str
    vector: Mapping[Uid, Weight]
    lines: tuple[UidShare, ...]
    burn: Weight

    def to_json(self) -> dict[str, Any]:
        """As plain JSON data."""
        vector = {str(uid): weight for uid, weight in self.vector.items()}
        lines = [asdict(line) for line in self.lines]
        return {"snapshot_hash": self.snapshot_hash, "vector": vector, "lines": lines, "burn": self.burn}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "WeightPlan":
        """The plan that `to_json` wrote; raises KeyError, TypeError or ValueError for anything else."""
        vector = {Uid(int(uid)): Weight(weight) for uid, weight in data["vector"].items()}
        return cls(**{**data, "vector": vector, "lines": tuple(UidShare(**line) for line in data["lines"])})


def plan(snapshot: Snapshot) -> WeightPlan:
    """Fixed shares by rank: the king first, then the tail by lower confidence bound; unearned shares are burned to the owner's uid.

    The tail is for who was clearly the best when it came. A hotkey holds one place. The king's place is nobody else's: without a king,
    or when it left since the last round, it is burned.
    """
    behind = not_clearly_better(snapshot.state.records, snapshot.state.king)
    order = _order(snapshot, behind)
    field = _field(snapshot, order, behind)
    ranks = {record.entrant: rank for rank, record in enumerate(order, 1)}
    of_hotkey = {record.hotkey: record for record in snapshot.state.records} | {record.hotkey: record for record in order}
    refusals = {refusal.hotkey: refusal for refusal in snapshot.state.refusals}
    lines = []
    for hotkey, uid in sorted(snapshot.uids.items(), key=lambda item: item[1]):
        record = of_hotkey.get(hotkey)
        if record is not None:
            lines.append(_line(snapshot, uid, record, field, ranks.get(record.entrant)))
        else:
            lines.append(_empty(snapshot, uid, hotkey, refusals.get(hotkey)))
    return _with_burn(snapshot.hash, tuple(lines), snapshot.owner)


def _order(snapshot: Snapshot, behind: Mapping[Entrant, Threshold]) -> list[Record]:
    """The best of each hotkey that could be paid, the king first, then in the order in which places are given."""
    eligible = [record for record in snapshot.state.records if snapshot.eligible(record)]
    king = [record for record in eligible if record.entrant == snapshot.state.king]
    others = [record for record in eligible if record.entrant != snapshot.state.king]
    tail = [record for record in others if _earns(record, snapshot, behind)]
    rest = [record for record in others if not _earns(record, snapshot, behind)]
    order: dict[Hotkey, Record] = {}
    for part in (king, tail, rest):
        for record in ranked(part, snapshot.tie_band, snapshot.tie_speed):
            order.setdefault(record.hotkey, record)
    return list(order.values())


def _earns(record: Record, snapshot: Snapshot, behind: Mapping[Entrant, Threshold]) -> bool:
    return lower_bound(record) >= snapshot.tail_floor and record.entrant not in behind


def _field(snapshot: Snapshot, order: Sequence[Record], behind: Mapping[Entrant, Threshold]) -> Field:
    king = snapshot.state.king
    tail = [r for r in order if r.entrant != king and _earns(r, snapshot, behind)][: len(snapshot.shares) - 1]
    places = {record.entrant: place for place, record in enumerate(tail, 1)}
    places |= {record.entrant: 0 for record in order if record.entrant == king}
    full = len(tail) == len(snapshot.shares) - 1
    return Field(places, behind, min((lower_bound(record) for record in tail), default=None) if full else None)


def _line(snapshot: Snapshot, uid: Uid, record: Record, field: Field, rank: int | None) -> UidShare:
    place = field.places.get(record.entrant)
    return UidShare(
        uid=uid,
        hotkey=record.hotkey,
        entrant=record.entrant,
        share=Weight(0.0 if place is None else snapshot.shares[place]),
        place=place,
        rank=rank,
        evidence=explanation.evidence(snapshot.state, record),
        lineage=explanation.lineage(record),
        lacks=explanation.lacks(snapshot, record, field),
    )


def _empty(snapshot: Snapshot, uid: Uid, hotkey: Hotkey, refusal: Refusal | None) -> UidShare:
    lacks = explanation.without_record(snapshot, hotkey, refusal)
    copied = "" if refusal is None or refusal.original is None else f"the weights of {refusal.original}"
    return UidShare(uid, hotkey, None if refusal is None else refusal.entrant, Weight(0.0), lineage=copied, lacks=lacks)


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
        replace(lines.get(hotkey, UidShare(uid, hotkey, None, Weight(0.0))), uid=uid, share=shares.get(hotkey, Weight(0.0)))
        for hotkey, uid in sorted(uids.items(), key=lambda item: item[1])
    )
    return _with_burn(last.snapshot_hash, moved, owner)


def _stays(line: UidShare, uids: Mapping[Hotkey, Uid], registered_at: Mapping[Hotkey, Block]) -> bool:
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
