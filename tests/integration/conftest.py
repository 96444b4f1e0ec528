"""Builders of what the store takes, a store with a round to judge, and a validator on a chain that the test scripts."""

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, cast

import bittensor as bt
import httpx
import pytest
from bittensor.sp_core import ss58_encode
from pydantic import SecretStr
from redis import Redis

from neurons.chain.adapter import Chain
from neurons.chain.types import Applied, Metagraph, Neuron, WeightsResult
from neurons.validator import certification
from neurons.validator import daemon as validator
from neurons.validator.daemon import Store, ValidatorIdentity
from neurons.validator.weights.setter import Opening, Terms, WeightSetter
from scoring.competition import Schedule, load
from scoring.errors import Code
from scoring.model.fingerprint import tag_of
from scoring.receipts import receipt
from scoring.receipts.receipt import Circumstances, Finding, Placement
from scoring.report import EvaluationReport, Factor, GroupReport, SampleReport
from scoring.synthesis.families import FAMILIES
from scoring.types import (
    MICRO,
    Block,
    BlockHash,
    ContentHash,
    Entrant,
    Hotkey,
    Micro,
    PublicKey,
    RoundNumber,
    SubmissionId,
    TensorsHash,
    Uid,
)
from tests.builders import chain
from tests.builders.browser import SharedBrowser, shared
from tests.builders.ranking import SMALL
from tests.builders.speeches import crown, scored
from voice_api.db.database import Pool
from voice_api.db.evaluations import Claim, Verdict
from voice_api.db.queue import EvaluationQueue
from voice_api.db.rounds import NewRound, RoundEntry, Rounds
from voice_api.db.states import QueueName, VerdictState
from voice_api.db.submissions import NewSubmission, Submissions
from voice_api.keys import CertifiedKey, ServiceKey
from voice_api.runtime.redis_state import EPOCH
from voice_api.settings import ApiSettings, MetricsSettings
from voice_api.web.app import create_app
from voice_api.web.server import api_server
from workers.evaluation.receipt_signer import verdict_of

JudgedAlike = Callable[..., EvaluationReport]
SCHEDULE = load()
CONTENT = ContentHash("11" * 32)
"""What every commitment binds, and every verdict is about."""
LEASE = timedelta(minutes=1)
_NUMBERS = count(1)

REPORT = EvaluationReport(
    profile="embedded",
    profile_hash="f" * 64,
    judges={"scripted": "1"},
    samples=(
        SampleReport(
            prompt_id="p1",
            group_id="g1",
            score=Micro(750_000),
            gate=None,
            metrics={"wer": 0.05},
            utilities={Factor.DELIVERY: 0.5},
            pcm_sha256="a" * 64,
            seconds=1.25,
        ),
        SampleReport(
            prompt_id="p2",
            group_id="g2",
            score=Micro(650_000),
            gate=None,
            metrics={"wer": 0.1},
            utilities={Factor.DELIVERY: 0.25},
            pcm_sha256="b" * 64,
            seconds=1.5,
        ),
    ),
    groups=(GroupReport("g1", "single", Micro(750_000)), GroupReport("g2", "single", Micro(650_000))),
    score=Micro(700_000),
    stderr=Micro(50_000),
)


@pytest.fixture
def new_submission() -> Callable[..., NewSubmission]:
    """Build an accepted commitment of a hotkey of its own."""

    def build(**overrides: Any) -> NewSubmission:
        number = next(_NUMBERS)
        key = hashlib.sha256(str(number).encode()).hexdigest()
        standard = NewSubmission(
            hotkey=Hotkey(ss58_encode(bytes.fromhex(key))),
            public_key=PublicKey(key),
            commit_block=Block(100),
            tiebreak=key,
            commitment=f"v2:miner/model-{number}:…",
            repo=f"miner/model-{number}",
            revision=key[:40],
            tag=tag_of(CONTENT, PublicKey(key)),
        )
        return replace(standard, **overrides)

    return build


@pytest.fixture
def refused(new_submission: Callable[..., NewSubmission]) -> Callable[..., NewSubmission]:
    """Build a commitment that is refused on its own."""

    def build(**overrides: Any) -> NewSubmission:
        standard = {"repo": None, "revision": None, "tag": None, "code": Code.COMMITMENT_MALFORMED, "reason": "not a commitment"}
        return new_submission(**standard | overrides)

    return build


@pytest.fixture
def new_round() -> Callable[..., NewRound]:
    """Build a round."""

    def build(number: int, **overrides: Any) -> NewRound:
        start = Block(number * 40)
        standard = NewRound(
            round=RoundNumber(number),
            start_block=start,
            block_hash=BlockHash(f"0x{number:064x}"),
            deadline_block=Block(start + 160),
            competition_hash="c" * 64,
        )
        return replace(standard, **overrides)

    return build


@pytest.fixture
def verdict() -> Callable[..., Verdict]:
    """Build a verdict with a score."""

    def build(**overrides: Any) -> Verdict:
        standard = Verdict(
            state=VerdictState.SCORED,
            receipt={"score": 700_000},
            receipt_hash="e" * 64,
            signature="5" * 128,
            certificate={"host": "bench"},
            report=REPORT,
        )
        return replace(standard, **overrides)

    return build


@pytest.fixture
def open_round(
    pool: Pool, new_submission: Callable[..., NewSubmission], new_round: Callable[..., NewRound]
) -> Callable[..., Awaitable[list[SubmissionId]]]:
    """Open a round that asks for some new submissions on the cpu queue, in their order; their ids."""

    async def build(number: int = 3, submissions: int = 1) -> list[SubmissionId]:
        ids = await Submissions(pool).add([new_submission() for _ in range(submissions)])
        entries = [RoundEntry(submission, None, QueueName.CPU, priority) for priority, submission in enumerate(ids)]
        assert await Rounds(pool).open(new_round(number), entries)
        return ids

    return build


@pytest.fixture(scope="session")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> bt.Wallet:
    """Whose hotkey the API answers as."""
    return _wallet(tmp_path_factory, "receiver")


@pytest.fixture(scope="session")
def writer(tmp_path_factory: pytest.TempPathFactory) -> bt.Wallet:
    """Whose hotkey may write."""
    return _wallet(tmp_path_factory, "writer")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> bt.Wallet:
    """Whose hotkey nobody allowed."""
    return _wallet(tmp_path_factory, "stranger")


@pytest.fixture
def api_settings(database_url: str, redis_url: str, receiver: bt.Wallet, writer: bt.Wallet) -> Callable[..., ApiSettings]:
    """Settings of an API that lets `writer` write to `receiver`, over a Redis that has remembered nonces for long."""
    with Redis.from_url(redis_url) as redis:
        redis.hset(EPOCH, mapping={"run": redis.info("server")["run_id"], "since": 0})

    def build(**overrides: Any) -> ApiSettings:
        standard = {
            "database_url": SecretStr(database_url),
            "redis_url": SecretStr(redis_url),
            "hotkey": receiver.hotkey.ss58_address,
            "writers": (writer.hotkey.ss58_address,),
            "rate_per_minute": 10_000,
            "rate_address_per_minute": 100_000,
        }
        return ApiSettings(**standard | overrides)

    return build


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[ApiSettings], Awaitable[httpx.ASGITransport]]]:
    """Start an API, lifespan included, and end it after the test."""
    async with AsyncExitStack() as stack:

        async def start(settings: ApiSettings) -> httpx.ASGITransport:
            app = create_app(settings)
            await stack.enter_async_context(app.router.lifespan_context(app))
            return httpx.ASGITransport(app)

        yield start


@pytest.fixture(scope="session")
def shared_browser() -> Iterator[SharedBrowser]:
    """One browser for all tests of this process that ask for it."""
    with shared() as browser:
        yield browser


@pytest.fixture
async def listen() -> AsyncIterator[Callable[..., str]]:
    """Serve an API on a port of this machine until the test ends, for what cannot be given a transport; its URL.

    Its numbers are shown where the second argument says.
    """
    async with AsyncExitStack() as stack:

        def start(settings: ApiSettings, shown: MetricsSettings | None = None) -> str:
            listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            server = api_server(create_app(settings), settings, shown)
            serving = asyncio.create_task(server.serve(sockets=[listening]))

            async def end() -> None:
                server.should_exit = True
                await serving

            stack.push_async_callback(end)
            return f"http://127.0.0.1:{listening.getsockname()[1]}"

        yield start


def _wallet(folders: pytest.TempPathFactory, name: str) -> bt.Wallet:
    wallet = bt.Wallet(name=name, hotkey="default", path=str(folders.mktemp("wallets")))
    wallet.create_new_hotkey(use_password=False, suppress=True)
    return wallet


def a_neuron(uid: int, hotkey: str, last_update: int = 0) -> Neuron:
    """A neuron that came at block 0."""
    return chain.a_neuron(uid=Uid(uid), hotkey=Hotkey(hotkey), coldkey=f"c{uid}", last_update=Block(last_update))


@dataclass
class ScriptedChain:
    """A chain at a block that the test sets; writes answer as scripted, and are applied at once when nothing is left of the script."""

    validator: str
    block: int = 725
    last_update: int = 0
    answers: list[WeightsResult | BaseException] = field(default_factory=list)
    miners: tuple[str, ...] = ("h2", "h3")

    async def metagraph(self) -> Metagraph:
        miners = (a_neuron(uid, hotkey) for uid, hotkey in enumerate(self.miners, 2))
        neurons = (a_neuron(0, "owner"), a_neuron(1, self.validator, self.last_update), *miners)
        block_hash = BlockHash(f"0x{self.block:064x}")
        return chain.a_metagraph(block=Block(self.block), block_hash=block_hash, neurons=neurons)

    async def block_hash(self, block: Block) -> BlockHash:
        return BlockHash(f"0x{block:064x}")

    async def head(self) -> Block:
        return Block(self.block)

    async def block_seconds(self) -> float:
        return 12.0

    async def set_weights(self, _wallet: bt.Wallet, _weights: object, _version_key: int) -> WeightsResult:
        answer = self.answers.pop(0) if self.answers else Applied(Block(self.block))
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, Applied):
            self.last_update = answer.block
        return answer


@dataclass
class ValidatorBed:
    """A chain, a database, and a validator that remembers nothing from tick to tick."""

    chain: ScriptedChain
    pool: Pool
    wallet: bt.Wallet
    worker: CertifiedKey
    revocations: Path
    judged_alike: JudgedAlike
    issuers: frozenset[Hotkey] = frozenset()
    schedule: Schedule = SCHEDULE
    families: Mapping[Hotkey, str] = field(default_factory=dict)
    """By hotkey, what its repository says; that of all others says the first one."""

    @property
    def hotkey(self) -> Hotkey:
        return Hotkey(self.wallet.hotkey.ss58_address)

    @property
    def store(self) -> Store:
        return Store.over(self.pool, self.hotkey)

    async def tick(self) -> bool:
        """One tick of a validator that has just started."""
        return await validator.tick(cast(Chain, self.chain), self.store, self.identity, self.schedule)

    @property
    def identity(self) -> ValidatorIdentity:
        """Its wallet, and whose workers it counts."""
        return ValidatorIdentity(self.wallet, self.revocations, self.issuers)

    def terms(self, pause: timedelta = timedelta(seconds=1)) -> Terms:
        """The terms under which it sets weights."""
        deadline = timedelta(seconds=30)
        return Terms(wallet=self.wallet, version_key=0, schedule=self.schedule, pause=pause, deadline=deadline)

    @property
    def opening(self) -> Opening:
        """Opens its chain."""
        return cast(Opening, lambda _turn: nullcontext(self.chain))

    async def set_weights(self) -> None:
        """One turn of the task beside the ticks, just started."""
        store = self.store
        await WeightSetter(self.opening, store.ledger, store.weights, store.submissions, self.terms()).turn()

    async def claim(self) -> Claim:
        """The next evaluation, which must be there."""
        claim = await EvaluationQueue(self.pool).claim(QueueName.CPU, "w1", LEASE)
        assert claim is not None
        return claim

    async def judge(self, claim: Claim, score: int) -> None:
        """Write a verdict with an honest receipt."""
        await EvaluationQueue(self.pool).finish(claim, self.verdict(claim, score))

    def verdict(self, claim: Claim, score: int, signer: CertifiedKey | None = None) -> Verdict:
        """About the same score in each of the round's groups, signed by the worker's key."""
        rules = self.schedule.at(claim.round)
        family = self.families.get(claim.hotkey, rules.families[0])
        track = rules.track_of(family)
        place = Placement.of(FAMILIES[family], track, claim.block_hash)
        report = self.judged_alike(track, track.groups(claim.block_hash), score / MICRO)
        finding = Finding(
            content_hash=CONTENT, tensors_hash=TensorsHash(f"{claim.submission_id:064x}"), code=None, reason=None, report=report
        )
        judged = replace(claim, competition_hash=rules.hash)  # rounds of tests may name any
        document = receipt.build(judged, place, finding, Circumstances("x86_64 Linux", datetime.now(UTC), {}))
        return verdict_of(receipt.sign(document, signer or self.worker), place, finding)

    async def head(self) -> tuple[RoundNumber, Entrant | None]:
        """The ledger's last round, and the king of the track "small"."""
        head = await self.store.ledger.head()
        assert head is not None
        return head.round, head.kings.get(SMALL)


@pytest.fixture
async def stack(
    pool: Pool, writer: bt.Wallet, new_submission: Callable[..., NewSubmission], tmp_path: Path, judged_alike: JudgedAlike
) -> ValidatorBed:
    """Two registered miners with a submission each, before the first round, and a worker that the validator certified."""
    key = ServiceKey.at(tmp_path / "service.key")
    certificate = certification.certify(writer, key.address, "host-1", timedelta(days=1), datetime.now(UTC))
    chain = ScriptedChain(writer.hotkey.ss58_address)
    stack = ValidatorBed(chain, pool, writer, CertifiedKey(key, certificate), tmp_path / "revocations.json", judged_alike)
    await stack.store.submissions.add(
        [new_submission(hotkey=Hotkey(hotkey), commit_block=Block(100 + n)) for n, hotkey in enumerate(("h2", "h3"))]
    )
    return stack


@pytest.fixture
async def king(
    pool: Pool,
    api_settings: Callable[..., ApiSettings],
    new_submission: Callable[..., NewSubmission],
    new_round: Callable[..., NewRound],
    verdict: Callable[..., Verdict],
) -> NewSubmission:
    """Who holds the top in the ledger of the validator that the API answers as; of a family that hears descriptions."""
    commitment = new_submission(hotkey=Hotkey("king-hotkey"), repo="miner/king")
    await scored(pool, commitment, new_round(3), verdict())
    await crown(pool, api_settings().hotkey, commitment, 3)
    return commitment
