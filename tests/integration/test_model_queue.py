"""The model queue between a real chain client and a real API: what is committed arrives, once, whatever is restarted."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import cast

import bittensor as bt
import httpx
import pytest

from neurons.api_client.client import ApiRefused, ApiUnavailable, VoiceApi
from neurons.chain import wallets
from neurons.chain.adapter import Chain
from neurons.chain.commitment import Commitment, encode
from neurons.chain.types import Applied, CommitmentRecord, CommitmentStatus, Metagraph
from neurons.devchain.operations import create, register
from neurons.devchain.subnet import Rules
from neurons.devchain.substrate import DevSubstrate
from neurons.model_queue import daemon
from scoring.competition import load
from scoring.errors import Code
from scoring.types import Block, BlockHash, Hotkey, PublicKey, Tag, Uid
from tests.builders import chain
from voice_api.db.database import Pool
from voice_api.db.registry import Registry
from voice_api.db.states import SubmissionState
from voice_api.db.submissions import Submissions
from voice_api.settings import ApiSettings

NETUID = 7
SCHEDULE = load()
HASH = BlockHash("0x" + "12" * 32)
GOOD = encode(Commitment("lab/voice", "0" * 40, Tag(b"t".hex() * 16)))


@dataclass
class Bed:
    """A dev chain whose time the test owns, and an API on this test's own database."""

    path: Path
    transport: httpx.ASGITransport
    writer: bt.Wallet
    receiver: str
    miner: bt.Wallet
    now: float = 1_000_000.0

    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.now += seconds

    @asynccontextmanager
    async def chain(self) -> AsyncIterator[Chain]:
        """A process's own connection to the chain."""
        async with Chain(DevSubstrate(self.path, lambda: self.now, self.sleep), NETUID, timedelta(seconds=20)) as chain:
            yield chain

    async def commit(self, text: bytes) -> None:
        """The miner commits, and the commitment becomes final."""
        async with self.chain() as chain:
            assert isinstance(await chain.commit(self.miner, text), Applied)
        await self.sleep(10)

    async def tick(self, writer: bt.Wallet | None = None) -> int:
        """One tick of a queue that was started just now."""
        client = VoiceApi("http://voice.test", writer or self.writer, self.receiver, transport=self.transport)
        async with self.chain() as chain, client as api:
            return await daemon.tick(chain, api, SCHEDULE)


class FullSubnet:
    """A chain on which each of `hotkeys` hotkeys has committed once, as the queue reads it."""

    def __init__(self, hotkeys: int) -> None:
        names = [Hotkey(f"hotkey-{number}") for number in range(hotkeys)]
        neurons = tuple(
            chain.a_neuron(
                uid=Uid(uid),
                hotkey=name,
                coldkey="cold",
                public_key=PublicKey("ab" * 32),
                validator_permit=False,
                last_update=Block(1),
                registered_at_block=Block(1),
                immune_until_block=Block(100),
            )
            for uid, name in enumerate(names)
        )
        commitments = tuple(CommitmentRecord(name, Block(50), GOOD.decode(), CommitmentStatus.PLAIN) for name in names)
        self._metagraph = chain.a_metagraph(
            netuid=NETUID,
            block=Block(60),
            block_hash=HASH,
            owner_hotkey=names[0],
            owner_coldkey="cold",
            neurons=neurons,
            commitments=commitments,
            tempo=20,
            immunity_period=100,
            weights_rate_limit=10,
        )

    async def metagraph(self) -> Metagraph:
        """Everything at block 60."""
        return self._metagraph

    async def block_hash(self, block: Block) -> BlockHash:  # as the adapter has it
        """The same of every block."""
        return HASH


class Counting(httpx.AsyncBaseTransport):
    """Passes requests on, and keeps what was asked for."""

    def __init__(self, inner: httpx.ASGITransport) -> None:
        self.inner, self.asked = inner, list[str]()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass one on."""
        self.asked.append(f"{request.method} {request.url.path}")
        return await self.inner.handle_async_request(request)


@pytest.fixture
async def bed(
    tmp_path: Path,
    writer: bt.Wallet,
    receiver: bt.Wallet,
    api_settings: Callable[..., ApiSettings],
    serve: Callable[[ApiSettings], Awaitable[httpx.ASGITransport]],
) -> Bed:
    """Owner at uid 0 and one miner at uid 1, past their first blocks."""
    owner, miner = (wallets.create(name, "default", tmp_path / "wallets") for name in ("owner", "miner"))
    transport = await serve(api_settings())
    bed = Bed(tmp_path / "chain.sqlite", transport, writer, receiver.hotkey.ss58_address, miner)
    create(
        bed.path,
        netuid=NETUID,
        block_seconds=1.0,
        owner_coldkey=owner.coldkeypub.ss58_address,
        owner_hotkey=Hotkey(owner.hotkey.ss58_address),
        rules=Rules(tempo=50),
        clock=lambda: bed.now,
    )
    register(bed.path, Hotkey(miner.hotkey.ss58_address), miner.coldkeypub.ss58_address, clock=lambda: bed.now)
    await bed.sleep(10)
    return bed


async def test_what_is_committed_arrives_once_however_often_the_queue_restarts(bed: Bed, pool: Pool) -> None:
    """Each tick is a new process's; the second and third find nothing new."""
    await bed.commit(GOOD)
    assert [await bed.tick() for _ in range(3)] == [1, 0, 0]
    (held,) = await Submissions(pool).page(limit=10)
    assert (held.hotkey, held.repo, held.state) == (bed.miner.hotkey.ss58_address, "lab/voice", SubmissionState.QUEUED)
    registry = await Registry(pool).latest()
    assert registry is not None
    assert [neuron.uid for neuron in registry.neurons] == [0, 1]


async def test_a_commitment_is_not_sent_before_it_is_final(bed: Bed) -> None:
    """A block that may still be replaced is not read."""
    async with bed.chain() as chain:
        await chain.commit(bed.miner, GOOD)
    assert await bed.tick() == 0
    await bed.sleep(10)
    assert await bed.tick() == 1


@pytest.mark.parametrize(
    ("texts", "codes"),
    [
        pytest.param([b"gm"], [Code.COMMITMENT_MALFORMED], id="not a commitment"),
        pytest.param([b"\x00\xff'; drop table"], [Code.COMMITMENT_MALFORMED], id="bytes that no database takes"),
        pytest.param([GOOD, GOOD], [None, Code.TOO_EARLY], id="again inside the cooldown"),
        pytest.param([b"gm", GOOD], [Code.COMMITMENT_MALFORMED, None], id="a refused one starts no cooldown"),
        pytest.param([GOOD, GOOD, GOOD], [None, Code.TOO_EARLY, Code.TOO_EARLY], id="nor does one that came too early"),
    ],
)
async def test_every_commitment_is_recorded_with_its_code(
    bed: Bed, pool: Pool, texts: list[bytes], codes: list[Code | None]
) -> None:
    """Nothing is dropped in silence."""
    for text in texts:
        await bed.commit(text)
        assert await bed.tick() == 1
    assert [held.code for held in await Submissions(pool).page(limit=10)] == codes


async def test_a_queue_that_may_not_write_is_told_so(bed: Bed, stranger: bt.Wallet) -> None:
    """A wrong hotkey is no outage to wait out."""
    with pytest.raises(ApiRefused) as caught:
        await bed.tick(stranger)
    assert caught.value.code is Code.NOT_ALLOWED


async def test_an_api_that_is_away_loses_nothing(bed: Bed, pool: Pool) -> None:
    """The chain still has the commitment when the API is back."""
    await bed.commit(GOOD)
    client = VoiceApi("http://127.0.0.1:1", bed.writer, bed.receiver)
    async with bed.chain() as chain, client as api:
        with pytest.raises(ApiUnavailable):
            await daemon.tick(chain, api, SCHEDULE)
    assert await bed.tick() == 1
    assert len(await Submissions(pool).page(limit=10)) == 1


@pytest.mark.parametrize(
    ("hotkeys", "pages"), [pytest.param(256, 1, id="a full subnet: one page"), pytest.param(257, 2, id="one more: two pages")]
)
async def test_the_api_is_asked_once_for_a_page_of_commitments(
    hotkeys: int,
    pages: int,
    pool: Pool,
    writer: bt.Wallet,
    receiver: bt.Wallet,
    api_settings: Callable[..., ApiSettings],
    serve: Callable[[ApiSettings], Awaitable[httpx.ASGITransport]],
) -> None:
    """Two ticks over a full subnet stay far below the API's own limits, and every commitment is recorded once."""
    transport = Counting(await serve(api_settings(rate_per_minute=8, rate_address_per_minute=8)))
    chain = cast(Chain, FullSubnet(hotkeys))
    ticks, asked = [], []
    async with VoiceApi("http://voice.test", writer, receiver.hotkey.ss58_address, transport=transport) as api:
        for _ in range(2):
            ticks.append(await daemon.tick(chain, api, SCHEDULE))
            asked.append(list(transport.asked))
            transport.asked.clear()
    assert ticks == [hotkeys, 0]
    looked_up = ["POST /v1/registry", *["POST /v1/submissions/known"] * pages]
    assert asked == [[*looked_up, *["POST /v1/submissions"] * pages], looked_up]
    assert len(await Submissions(pool).page(limit=500)) == hotkeys
