"""What the demo sees of its network: the API's submissions, the chain's weights and incentives, side by side."""

from collections.abc import Mapping
from dataclasses import dataclass

from scoring.types import Block, Hotkey, Uid


@dataclass(frozen=True, slots=True)
class MinerView:
    """One miner's standing. Scores are in [0, 1] (None before the first verdict), weight and incentive are shares in [0, 1]."""

    role: str
    hotkey: Hotkey
    uid: Uid
    repo: str
    revision: str
    state: str
    stage: str | None
    code: int | None
    reason: str | None
    copy_of: int | None
    submission: int | None
    score: float | None
    stderr: float | None
    king: bool
    weight: float
    incentive: float


@dataclass(frozen=True, slots=True)
class Observation:
    """The network at one moment. `weights_set` says that the validator's vector is on the chain, `burn` is the owner's share of it."""

    block: Block
    round: int
    waiting: int
    running: int
    weights_set: bool
    burn: float
    burn_incentive: float
    miners: tuple[MinerView, ...]

    @property
    def settled(self) -> bool:
        """Every miner has its verdict, and the chain pays for it."""
        judged = all(miner.state not in ("", "queued") for miner in self.miners)
        paid = any(miner.incentive > 0 for miner in self.miners)
        return judged and self.weights_set and paid

    def miner(self, role: str) -> MinerView:
        """The miner in a role; raises KeyError."""
        found: Mapping[str, MinerView] = {miner.role: miner for miner in self.miners}
        return found[role]
