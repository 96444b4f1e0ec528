"""The input of a plan: the ledger and the metagraph at one moment, or an older such input, carried over."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from scoring import canonical_json
from scoring.ranking.state import Record, State
from scoring.types import Block, Hotkey, Uid


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
    shares: tuple[float, ...]
    """The king's share, then those of the tail's places."""
    tail_floor: float
    """The lower bound from which on a submission may hold a place of the tail."""
    tie_band: float
    """Lower bounds this near each other count as equal."""
    tie_speed: float
    """A model that needs at most this part more time than the fastest is as fast."""
    competition_hash: str
    committed: Mapping[Hotkey, Block] = field(default_factory=dict)
    """The block of each hotkey's commitment on the chain, where it has one."""

    @property
    def hash(self) -> str:
        """SHA-256 (hex) of the snapshot's canonical JSON."""
        return canonical_json.digest(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """The snapshot as plain JSON data."""
        data = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        maps = {name: dict(data[name]) for name in ("uids", "registered_at", "committed")}
        return data | maps | {"state": self.state.to_json(), "shares": list(self.shares)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The snapshot that `to_json` wrote; raises ValueError for anything else."""
        try:
            return cls(**{**data, "state": State.from_json(data["state"]), "shares": tuple(data["shares"])})
        except (KeyError, TypeError) as exc:
            raise ValueError(f"this is no snapshot: {exc!r}") from exc

    def eligible(self, record: Record) -> bool:
        """Whether a record's hotkey is registered, and was when it committed: a uid or a hotkey that is used again inherits nothing."""
        since = self.registered_at.get(record.hotkey)
        return record.hotkey in self.uids and since is not None and since <= record.commit_block


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
            return cls(**{**data, "carried": Snapshot.from_json(data["carried"])})
        except (KeyError, TypeError) as exc:
            raise ValueError(f"this is no snapshot that was carried over: {exc!r}") from exc


PlanInput = Snapshot | CarriedOver


def plan_input(data: Mapping[str, Any]) -> PlanInput:
    """The input that `to_json` of either class wrote; raises ValueError for anything else."""
    return CarriedOver.from_json(data) if "carried" in data else Snapshot.from_json(data)
