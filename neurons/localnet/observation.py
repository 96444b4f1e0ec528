"""What the demo sees of its network: the API's submissions, the chain's weights and incentives, side by side."""

from collections.abc import Mapping
from dataclasses import dataclass

from scoring.types import Block, Hotkey, Uid


@dataclass(frozen=True, slots=True, kw_only=True)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The network at one moment. `weights_block` is where the validator set its vector (None: not yet), `burn` the owner's share of it."""

    block: Block
    round: int
    waiting: int
    running: int
    weights_block: Block | None
    burn: float
    burn_incentive: float
    miners: tuple[MinerView, ...]

    @property
    def judged(self) -> bool:
        """Whether every miner has its verdict."""
        return all(miner.state not in ("", "queued") for miner in self.miners)

    def paid_after(self, block: Block) -> bool:
        """Whether weights were set after a block, and an epoch has paid everybody who has one."""
        paid = all(miner.incentive > 0 for miner in self.miners if miner.weight > 0)
        return self.weights_block is not None and self.weights_block > block and paid

    def miner(self, role: str) -> MinerView:
        """The miner in a role; raises KeyError."""
        found: Mapping[str, MinerView] = {miner.role: miner for miner in self.miners}
        return found[role]
