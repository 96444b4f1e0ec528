"""A look at the demo's network, as anybody could take one: the API's submissions beside the chain's weights; and what is expected of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from neurons.api_client.client import VoiceApi
from neurons.chain.adapter import Chain
from neurons.chain.types import Metagraph
from neurons.localnet.network import Miner
from scoring.errors import Code
from scoring.types import MICRO, Block, Hotkey, Micro, Uid
from voice_api.schemas import LeaderboardRowOut, QueueRowOut

_NEAR_ZERO = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class MinerView:
    """One miner's state."""

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
    """In [0, 1]: the ledger's over all rounds, before it ranks the submission its last verdict's; None before the first verdict."""
    stderr: float | None
    """In [0, 1]; None before the first verdict."""
    track: str | None
    """None before the family was known."""
    king: bool
    weight: float
    """The validator's weight: a share in [0, 1]."""
    incentive: float
    """The chain's incentive: a share in [0, 1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The network at one moment."""

    block: Block
    round: int
    waiting: int
    running: int
    weights_block: Block | None
    """The block in which the validator set its vector; None: not yet."""
    burn: float
    """The owner's share of the vector."""
    burn_incentive: float
    """The owner's incentive."""
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


async def observe(api: VoiceApi, chain: Chain, validator: Hotkey, miners: tuple[Miner, ...], round_blocks: int) -> Observation:
    """The network now: chain values are those of the newest finalized block."""
    metagraph = await chain.metagraph()
    matrix = await chain.weights(metagraph.block)
    standings = {row.hotkey: row for row in await api.leaderboard()}
    queue = {row.hotkey: row for row in await api.queue()}
    neuron = metagraph.neuron(validator)
    vector: Mapping[Uid, float] = {} if neuron is None else matrix.get(neuron.uid, {})
    owner = metagraph.neuron(metagraph.owner_hotkey)
    owner_uid = owner.uid if owner is not None else Uid(0)
    running = sum(entry.state == "running" for entry in queue.values())
    return Observation(
        block=metagraph.block,
        round=metagraph.block // round_blocks,
        waiting=len(queue) - running,
        running=running,
        weights_block=neuron.last_update if neuron is not None and vector else None,
        burn=vector.get(owner_uid, 0.0),
        burn_incentive=owner.incentive if owner is not None else 0.0,
        miners=tuple(_miner(m, metagraph, vector, standings.get(m.hotkey), queue.get(m.hotkey)) for m in miners),
    )


def _miner(
    miner: Miner,
    metagraph: Metagraph,
    vector: Mapping[Uid, float],
    standing: LeaderboardRowOut | None,
    waiting: QueueRowOut | None,
) -> MinerView:
    neuron = metagraph.neuron(miner.hotkey)
    uid = neuron.uid if neuron is not None else Uid(-1)
    held = None if standing is None else standing.submission
    return MinerView(
        role=miner.role,
        hotkey=miner.hotkey,
        uid=uid,
        repo=miner.repo,
        revision=miner.revision,
        state="" if held is None else held.state,
        stage=None if waiting is None else waiting.stage,
        code=None if held is None else held.code,
        reason=None if held is None else held.reason,
        copy_of=None if held is None else held.copy_of,
        submission=None if held is None else held.id,
        score=None if standing is None else _first(standing.score, standing.last_score),
        stderr=None if standing is None or held is None else _first(standing.stderr, held.stderr),
        track=None if standing is None else standing.track,
        king=standing is not None and standing.king,
        weight=vector.get(uid, 0.0),
        incentive=neuron.incentive if neuron is not None else 0.0,
    )


def _first(*values: Micro | None) -> float | None:
    """The first value that is there, in [0, 1]."""
    return next((value / MICRO for value in values if value is not None), None)


@dataclass(frozen=True, slots=True)
class Expectation:
    """One expectation and whether it held."""

    text: str
    held: bool


def check(seen: Observation) -> tuple[Expectation, ...]:
    """Every expectation of the six miners, in their order."""
    clear, worse, copy = seen.miner("clear"), seen.miner("worse"), seen.miner("copy")
    others = [miner.weight for miner in seen.miners if miner is not clear]
    on_top = clear.king and clear.weight > max(others) and clear.weight > seen.burn and clear.incentive > 0
    lower = worse.state == "scored" and _score(worse) < _score(clear)
    named = copy.copy_of == clear.submission and f"submission {clear.submission}," in (copy.reason or "")
    wrong = seen.miner("wrong-words")
    return (
        Expectation("the trained voice is king and has the largest weight", on_top),
        Expectation("the formant voice is scored lower and earns less than the king", lower and worse.weight < clear.weight),
        Expectation(
            "the copy is recognised, names the earlier commit, and earns nothing",
            copy.state == "copy" and copy.code == Code.COPY and named and copy.weight == 0,
        ),
        Expectation("wrong words score near 0", wrong.state == "scored" and _score(wrong) <= _NEAR_ZERO and wrong.weight == 0),
        Expectation(
            "the pickle is refused before anything is loaded, with its code",
            _rejected(seen.miner("pickle"), Code.FILE_NOT_ALLOWED),
        ),
        Expectation(
            "the hanging model is stopped at its deadline, by its own fault", _rejected(seen.miner("hang"), Code.SAMPLE_TIMEOUT)
        ),
    )


def _rejected(miner: MinerView, code: Code) -> bool:
    return miner.state == "rejected" and miner.code == code and miner.weight == 0


def _score(miner: MinerView) -> float:
    return -1.0 if miner.score is None else miner.score
