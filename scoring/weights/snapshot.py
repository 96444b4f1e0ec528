"""All that weights depend on, at one moment."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from scoring.ranking import state as ledger
from scoring.ranking.state import Record, State
from scoring.types import Block, Hotkey, Uid


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The ledger's head, the metagraph read just before, and the competition's rules of shares.

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
        data = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        maps = {name: dict(data[name]) for name in ("uids", "registered_at", "committed")}
        return data | maps | {"state": ledger.to_json(self.state), "shares": list(self.shares)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Snapshot":
        """The snapshot that `to_json` wrote; raises KeyError, TypeError or ValueError for anything else."""
        return cls(**{**data, "state": ledger.from_json(data["state"]), "shares": tuple(data["shares"])})

    def eligible(self, record: Record) -> bool:
        """Whether a record's hotkey is registered, and was when it committed: a uid or a hotkey that is used again inherits nothing."""
        since = self.registered_at.get(record.hotkey)
        return record.hotkey in self.uids and since is not None and since <= record.commit_block
