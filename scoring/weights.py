"""Weights as a pure function of a snapshot: who earns which share, why, and what is burned."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from scoring.ranking import Record, State
from scoring.types import Block, Hotkey, SubmissionId, Uid, Weight

CONFIDENCE = 1.645
"""Standard errors below the mean at which a tail place is judged: the lower end of a one-sided 95 % interval."""


class WeightsInvalid(ValueError):
    """The last gate: a vector that must never reach the chain."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a plan depends on: the ledger's head, the metagraph read just before, and the competition's shares."""

    ledger_hash: str
    state: State
    block: Block
    owner: Uid
    uids: Mapping[Hotkey, Uid]
    shares: tuple[float, ...]
    tail_floor: float
    competition_hash: str

    @property
    def hash(self) -> str:
        """SHA-256 (hex) of the snapshot's canonical JSON."""
        canonical = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Line:
    """One uid's share and the reason for it."""

    uid: Uid
    hotkey: Hotkey | None
    submission: SubmissionId | None
    weight: Weight
    reason: str


@dataclass(frozen=True, slots=True)
class WeightPlan:
    """The vector (sums to 1), line by line; `burn` is the owner's share, which nobody earned."""

    snapshot_hash: str
    vector: Mapping[Uid, Weight]
    lines: tuple[Line, ...]
    burn: Weight


def plan(snapshot: Snapshot) -> WeightPlan:
    """Fixed shares by rank: the king first, then the tail by lower confidence bound; unearned shares are burned to the owner's uid."""
    places = _places(snapshot)
    lines = tuple(_line(snapshot, place, record) for place, record in enumerate(places) if record is not None)
    burn = Weight(max(0.0, 1.0 - math.fsum(line.weight for line in lines)) if len(lines) < len(snapshot.shares) else 0.0)
    if burn > 0.0:
        lines += (Line(snapshot.owner, None, None, burn, "burned: no eligible model holds this place"),)
    vector: dict[Uid, Weight] = {}
    for line in lines:
        vector[line.uid] = Weight(vector.get(line.uid, 0.0) + line.weight)
    _guard(vector, snapshot)
    return WeightPlan(snapshot.hash, vector, lines, burn)


def _places(snapshot: Snapshot) -> list[Record | None]:
    """The king's place (None: it left since the last fold), then registered others above the floor; no places without a king."""
    if snapshot.state.king is None:
        return []
    registered = [record for record in snapshot.state.records if record.hotkey in snapshot.uids]
    king = next((record for record in registered if record.submission == snapshot.state.king), None)
    tail = [r for r in registered if r.submission != snapshot.state.king and lower_bound(r) >= snapshot.tail_floor]
    tail.sort(key=lambda record: (-lower_bound(record), record.commit_block, record.tiebreak))
    return [king, *tail][: len(snapshot.shares)]


def lower_bound(record: Record) -> float:
    """Lower end of the confidence interval of a record's mean score."""
    return record.mean - CONFIDENCE * record.stderr


def _line(snapshot: Snapshot, place: int, record: Record) -> Line:
    evidence = f"{record.mean:.4f} ± {record.stderr:.4f} over {record.groups} groups"
    reason = f"king: {evidence}" if place == 0 else f"place {place + 1} by lower bound {lower_bound(record):.4f}: {evidence}"
    return Line(snapshot.uids[record.hotkey], record.hotkey, record.submission, Weight(snapshot.shares[place]), reason)


def _guard(vector: Mapping[Uid, Weight], snapshot: Snapshot) -> None:
    if not vector:
        raise WeightsInvalid("a vector has at least one target")
    if not all(math.isfinite(weight) and weight >= 0.0 for weight in vector.values()):
        raise WeightsInvalid("a weight is finite and not negative")
    if abs(math.fsum(vector.values()) - 1.0) > 1e-9:
        raise WeightsInvalid("weights sum to 1")
    if not set(vector) <= set(snapshot.uids.values()) | {snapshot.owner}:
        raise WeightsInvalid("a weight goes to a registered uid")
