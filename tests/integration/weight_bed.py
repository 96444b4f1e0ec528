"""A validator's ledger in a real database, and its weights on a development chain whose time the test moves and whose node it lets fail."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import bittensor as bt

from neurons.chain import wallets
from neurons.chain.adapter import Chain
from neurons.chain.types import Applied, Metagraph, SealedWeights
from neurons.devchain import operations
from neurons.devchain.faults import FaultKind, FaultPlan
from neurons.devchain.genesis import RAO
from neurons.devchain.subnet import Rules
from neurons.devchain.substrate import DevSubstrate
from neurons.validator.weights.setter import Terms, WeightSetter
from scoring.competition import Schedule, load
from scoring.ranking.state import Record
from scoring.types import Block, Hotkey, RoundNumber
from tests.builders import ranking
from tests.builders.ledger import a_ledger_entry, some_inputs
from voice_api.db.database import Pool
from voice_api.db.ledger import Ledger, LedgerEntry
from voice_api.db.submissions import Submissions
from voice_api.db.weights import WeightAttempt, Weights

NETUID = 7
SCHEDULE = load()
PATIENCE = timedelta(seconds=2)
"""For one answer of the chain."""


class Time:
    """A clock that only moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.now += seconds
        await asyncio.sleep(0)


@dataclass
class Bed:
    """Owner at uid 0, the validator at 1, then two miners, whose models committed at block 10; blocks of one second."""

    path: Path
    pool: Pool
    wallet: bt.Wallet
    miners: tuple[Hotkey, ...]
    schedule: Schedule = SCHEDULE
    time: Time = field(default_factory=Time)
    turns: list[int] = field(default_factory=list)
    deadline: timedelta = timedelta(seconds=20)
    grace: timedelta = timedelta(seconds=5)

    @property
    def hotkey(self) -> Hotkey:
        """The validator's."""
        return Hotkey(self.wallet.hotkey.ss58_address)

    @property
    def ledger(self) -> Ledger:
        """The validator's."""
        return Ledger(self.pool, self.hotkey)

    @property
    def weights(self) -> Weights:
        """The validator's."""
        return Weights(self.pool, self.hotkey)

    @asynccontextmanager
    async def opening(self, turn: int) -> AsyncIterator[Chain]:
        """A connection of its own; the turns that were asked for are kept."""
        self.turns.append(turn)
        async with Chain(DevSubstrate(self.path, self.time, self.time.sleep), NETUID, PATIENCE) as chain:
            yield chain

    def setting(self, pool: Pool | None = None, behind: Callable[[], bool] = lambda: False) -> WeightSetter:
        """The task of a validator that has just started."""
        pool = pool or self.pool
        terms = Terms(
            wallet=self.wallet,
            version_key=0,
            schedule=self.schedule,
            pause=timedelta(seconds=0.01),
            deadline=self.deadline,
            grace=self.grace,
        )
        ledger, weights, submissions = Ledger(pool, self.hotkey), Weights(pool, self.hotkey), Submissions(pool)
        return WeightSetter(self.opening, ledger, weights, submissions, terms, behind=behind)

    async def pass_blocks(self, count: int) -> None:
        """Let so many blocks pass."""
        await self.time.sleep(count)

    async def fold(self, number: int = 1, king: int = 0, best: float = 0.8) -> LedgerEntry:
        """A round in which every miner was scored, the king `best`; it committed after all others, of which one has a credit of .02."""
        head = await self.ledger.head()
        records = tuple(
            a_record(hotkey, best, 20) if place == king else a_record(hotkey, best - 0.2, 10)
            for place, hotkey in enumerate(self.miners)
        )
        name = records[king].entrant
        ordered = tuple(sorted(records, key=lambda record: record.entrant))
        former = next((record.entrant for record in records if record.entrant != name), name)
        state = ranking.a_state(
            round=RoundNumber(number),
            king=name,
            king_since=Block(0),
            throne="king since block 0: it scored",
            records=ordered,
            leads=(ranking.a_credit(1, lead=0.02, entrant=former),),
        )
        inputs = some_inputs(counted={f"{place:064x}": "00" for place in range(len(self.miners))})
        entry = a_ledger_entry(number, previous="" if head is None else head.state_hash, state=state, inputs=inputs)
        await self.ledger.append(entry)
        return entry

    async def commit(self, place: int) -> None:
        """The miner at a place commits something."""
        async with self.opening(-1) as chain:
            wallet = wallets.load(f"m{place + 1}", "default", self.path.parent / "wallets")
            assert isinstance(await chain.commit(wallet, b"v2:x"), Applied)

    def fail(self, kind: FaultKind, **plan: object) -> int:
        """Let the node fail from now on."""
        return operations.add_fault(self.path, FaultPlan(kind=kind, **plan), clock=self.time)  # type: ignore[arg-type]

    def heal(self) -> None:
        """Let the node be sound again."""
        operations.clear_faults(self.path)

    async def metagraph(self) -> Metagraph:
        """At the newest block."""
        async with self.opening(-1) as chain:
            return await chain.metagraph(await chain.head())

    async def on_chain(self) -> SealedWeights:
        """What of this validator counts, or waits, at the newest block."""
        async with self.opening(-1) as chain:
            neuron = (await chain.metagraph(await chain.head())).neuron(self.hotkey)
            assert neuron is not None
            return await chain.sealed(self.hotkey, neuron.uid, await chain.head())

    async def outcomes(self) -> list[str]:
        """How all attempts stand, oldest first."""
        return [attempt.outcome.value for attempt in reversed(await self.weights.page())]


def a_record(hotkey: Hotkey, mean: float, committed: int) -> Record:
    """32 groups of the same score, of what was committed in a block."""
    return ranking.a_record(committed, mean, groups=32, hotkey=hotkey)


def vector(attempt: WeightAttempt) -> dict[int, int]:
    """What an attempt meant to set."""
    return {int(uid): value for uid, value in attempt.row.items()}


def register(bed: Bed, wallet: bt.Wallet, stake: int = 0) -> Hotkey:
    """A wallet's hotkey on the subnet, with money from the faucet."""
    coldkey, hotkey = wallet.coldkeypub.ss58_address, Hotkey(wallet.hotkey.ss58_address)
    operations.faucet(bed.path, coldkey, stake + RAO, clock=bed.time)
    operations.register(bed.path, hotkey, coldkey, stake, clock=bed.time)
    return hotkey


def make(folder: Path, pool: Pool, time: Time | None = None, block_seconds: float = 1.0, **rules: int | bool) -> Bed:
    """The chain, the wallets and the registrations."""
    owner, validator, *miners = (
        wallets.create(name, "default", folder / "wallets") for name in ("owner", "validator", "m1", "m2")
    )
    bed = Bed(folder / "chain.sqlite", pool, validator, (), time=time or Time())
    operations.create(
        bed.path,
        netuid=NETUID,
        block_seconds=block_seconds,
        owner_coldkey=owner.coldkeypub.ss58_address,
        owner_hotkey=Hotkey(owner.hotkey.ss58_address),
        rules=Rules(**{"tempo": 20, "weights_rate_limit": 5, **rules}),  # type: ignore[arg-type]
        seed=bytes(32),
        clock=bed.time,
    )
    register(bed, validator, 100 * RAO)
    bed.miners = tuple(register(bed, miner) for miner in miners)
    return bed
