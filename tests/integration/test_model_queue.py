"""The model queue between a real chain client and a real API: what is committed arrives, once, whatever is restarted."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import bittensor as bt
import httpx
import pytest

from neurons.api_client.client import ApiRefused, ApiUnavailable, VoiceApi
from neurons.chain import wallets
from neurons.chain.adapter import Chain
from neurons.chain.commitment import Commitment, encode
from neurons.chain.types import Applied
from neurons.devchain.operations import create, register
from neurons.devchain.rules import Rules
from neurons.devchain.substrate import DevSubstrate
from neurons.model_queue import daemon
from scoring.competition import load
from scoring.errors import Code
from scoring.types import Hotkey
from voice_api.db.pool import Pool
from voice_api.db.registry import Registry
from voice_api.db.states import SubmissionState
from voice_api.db.submissions import Submissions
from voice_api.settings import ApiSettings

NETUID = 7
SCHEDULE = load()
GOOD = encode(Commitment("lab/voice", "0" * 40, b"t" * 16))


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
