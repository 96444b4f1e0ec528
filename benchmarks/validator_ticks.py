"""A validator's ticks, and the model queue's, over years of history: what each kind of tick costs, and how often it asks for something."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import bittensor as bt
import httpx

from benchmarks.validator_history import TRACK, History, a_commitment, content, hotkey_of, public_key
from neurons.api_client.client import VoiceApi
from neurons.chain.adapter import Chain
from neurons.chain.commitment import Commitment, encode
from neurons.chain.types import CommitmentRecord, CommitmentStatus, Metagraph
from neurons.model_queue import daemon as model_queue
from neurons.validator import certification
from neurons.validator import daemon as validator
from neurons.validator.daemon import Store, ValidatorIdentity
from scoring.competition import Schedule
from scoring.receipts import receipt
from scoring.receipts.receipt import Circumstances, Finding, Placement
from scoring.synthesis.families import FAMILIES
from scoring.types import Block, BlockHash, Hotkey, RoundNumber, Tag, TensorsHash, Uid
from tests.builders.chain import a_metagraph, a_neuron
from tests.judged_alike import judged_alike
from voice_api.db.database import Connection, Pool
from voice_api.db.evaluations import Claim, Verdict
from voice_api.db.queue import EvaluationQueue
from voice_api.db.states import QueueName
from voice_api.keys import CertifiedKey, ServiceKey
from workers.evaluation.receipt_signer import verdict_of

_LEASE = timedelta(minutes=5)
KINDS = ("opens a round", "waits for verdicts", "closes a round", "folds a round", "waits for blocks")


@dataclass(frozen=True, slots=True)
class TickCost:
    """One kind of tick: seconds of the slowest of some, its processor's own among them, and statements or requests of one."""

    what: str
    seconds: float
    cpu_seconds: float
    asked: int


class CountingPool(Pool):
    """A pool that counts the statements that go through it."""

    def __init__(self, pool: Pool) -> None:
        self._inner, self.asked = pool, 0

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection, and count what is asked over it."""

        def count(_query: object) -> None:
            self.asked += 1

        async with self._inner.connection() as connection:
            with connection.query_logger(count):
                yield connection


@dataclass(slots=True)
class FullChain:
    """A chain at a block that is set, on which every miner of a history is registered and has committed."""

    validator: Hotkey
    history: History
    block: Block
    later: int = 0
    """Blocks after those of the history at which everybody committed."""

    async def metagraph(self) -> Metagraph:
        """Owner, validator and miners."""
        miners = tuple(
            a_neuron(uid=Uid(place + 2), hotkey=hotkey_of(place), coldkey=f"c{place}", public_key=public_key(place))
            for place in range(self.history.miners)
        )
        own = (a_neuron(uid=Uid(0), hotkey=Hotkey("owner")), a_neuron(uid=Uid(1), hotkey=self.validator))
        commitments = tuple(self._commitment(place) for place in range(self.history.miners))
        return a_metagraph(
            block=self.block, block_hash=await self.block_hash(self.block), neurons=(*own, *miners), commitments=commitments
        )

    def _commitment(self, place: int) -> CommitmentRecord:
        found = a_commitment(place, self.history)
        text = encode(Commitment(str(found.repo), str(found.revision), Tag(str(found.tag)))).decode()
        return CommitmentRecord(found.hotkey, Block(found.commit_block + self.later), text, CommitmentStatus.PLAIN)

    async def block_hash(self, block: Block) -> BlockHash:
        """A hash of each block."""
        return BlockHash(f"0x{block:064x}")


@dataclass(slots=True, kw_only=True)
class ValidatorBench:
    """A validator over a history that `fill` made, its chain, and a worker that it certified."""

    pool: CountingPool
    chain: FullChain
    wallet: bt.Wallet
    worker: CertifiedKey
    schedule: Schedule
    folder: Path
    costs: dict[str, TickCost] = field(default_factory=dict)

    @classmethod
    def over(cls, pool: Pool, wallet: bt.Wallet, history: History, schedule: Schedule, folder: Path) -> "ValidatorBench":
        """With a fresh service key."""
        key = ServiceKey.at(folder / "service.key")
        certificate = certification.certify(wallet, key.address, "bench", timedelta(days=1), datetime.now(UTC))
        chain = FullChain(Hotkey(wallet.hotkey.ss58_address), history, Block(history.rounds * schedule.round_blocks))
        return cls(
            pool=CountingPool(pool),
            chain=chain,
            wallet=wallet,
            worker=CertifiedKey(key, certificate),
            schedule=schedule,
            folder=folder,
        )

    async def play(self, number: RoundNumber) -> None:
        """One round from its opening to the tick after its fold; each kind of tick is measured."""
        blocks = self.schedule.at(number).round.blocks
        self.chain.block = Block(number * blocks + 5)
        await self._tick(KINDS[0], done=True)
        await self._tick(KINDS[1], done=False)
        await self._judge()
        await self._tick(KINDS[2], done=True)
        await self._tick(KINDS[3], done=True)
        await self._tick(KINDS[4], done=False)

    async def _tick(self, what: str, *, done: bool) -> None:
        store = Store.over(self.pool, self.chain.validator)
        identity = ValidatorIdentity(self.wallet, self.folder / "revocations.json")
        asked, began, spent = self.pool.asked, time.perf_counter(), time.process_time()
        did = await validator.tick(cast(Chain, self.chain), store, identity, self.schedule)
        found = TickCost(what, time.perf_counter() - began, time.process_time() - spent, self.pool.asked - asked)
        if did is not done:
            raise RuntimeError(f"the tick that {what} did {'something' if did else 'nothing'}")
        before = self.costs.get(what, found)
        slowest = max(found, before, key=lambda cost: cost.seconds)
        self.costs[what] = replace(slowest, asked=found.asked)

    async def _judge(self) -> None:
        """Every evaluation of the open round gets a signed verdict."""
        queue = EvaluationQueue(self.pool)
        while (claim := await queue.claim(QueueName.CPU, "bench", _LEASE)) is not None:
            await queue.finish(claim, self._verdict(claim))

    def _verdict(self, claim: Claim) -> Verdict:
        rules = self.schedule.at(claim.round)
        track, place = rules.named(TRACK), int(str(claim.hotkey).removeprefix("hotkey"))
        family = track.families[0]
        report = judged_alike(track, track.groups(claim.block_hash), 0.5 + place / 1000)
        bound = content(place)
        finding = Finding(content_hash=bound, tensors_hash=TensorsHash(bound[::-1]), code=None, reason=None, report=report)
        placed = Placement.of(FAMILIES[family], track, claim.block_hash)
        document = receipt.build(claim, placed, finding, Circumstances("x86_64 Linux", datetime.now(UTC), {}))
        return verdict_of(receipt.sign(document, self.worker), placed, finding)


class CountingTransport(httpx.AsyncBaseTransport):
    """Passes requests on, and counts them."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner, self.asked = inner, 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass one on."""
        self.asked += 1
        return await self._inner.handle_async_request(request)


async def queue_tick(bench: ValidatorBench, url: str, what: str, transport: Any = None) -> TickCost:
    """One tick of the model queue against an API that lets the validator's hotkey write."""
    counting = CountingTransport(transport or httpx.AsyncHTTPTransport())
    bench.chain.block = Block(bench.chain.block + 1)
    async with VoiceApi(url, bench.wallet, bench.chain.validator, transport=counting) as api:
        began, spent = time.perf_counter(), time.process_time()
        await model_queue.tick(cast(Chain, bench.chain), api, bench.schedule)
        return TickCost(what, time.perf_counter() - began, time.process_time() - spent, counting.asked)
