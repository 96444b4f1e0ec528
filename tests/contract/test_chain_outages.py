"""Whatever fails below the adapter is told as one named outage that says what to do."""

import asyncio
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bittensor as bt
import pytest

from neurons.chain.adapter import Chain
from neurons.chain.types import ChainUnavailable, Refused
from neurons.cli.options import open_chain
from neurons.devchain.substrate import DevSubstrate
from neurons.settings import ChainSettings
from scoring.errors import Code, PlatformError
from scoring.types import Uid, Weight

if TYPE_CHECKING:
    from tests.contract.conftest import MakeDevNet

SOON = timedelta(seconds=1)


async def opened(network: str, devchain: Path = Path("nowhere")) -> None:
    """Connect and read once."""
    settings = ChainSettings(network=network, netuid=7, devchain=devchain, chain_timeout=0.5)
    async with open_chain(settings) as chain:
        await chain.metagraph()


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def test_a_silent_node(silent_port: int) -> None:
    """A node that never answers is an outage after the time limit."""
    with pytest.raises(ChainUnavailable, match="did not answer"):
        await opened(f"ws://127.0.0.1:{silent_port}")


async def test_nobody_listens(unused_tcp_port: int) -> None:
    """A refused connection is an outage."""
    with pytest.raises(ChainUnavailable, match="did not answer"):
        await opened(f"ws://127.0.0.1:{unused_tcp_port}")


async def test_a_network_that_is_none() -> None:
    """A wrong network is a wrong setting, and no outage that a daemon would wait for."""
    with pytest.raises(PlatformError, match=r"no network is called mainnet: there are dev") as caught:
        await opened("mainnet")
    assert caught.value.code is Code.SETTING_INVALID


def other_sqlite(path: Path) -> None:
    """A SQLite file of something else."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("create table something (id integer)")


def no_genesis(path: Path) -> None:
    """A chain's file without its first row."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("create table genesis (singleton integer, body text)")


def of_version(version: int) -> Callable[[Path], None]:
    """Makes a chain's file of a version, with a genesis that nobody can read."""

    def make(path: Path) -> None:
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("create table genesis (singleton integer, body text)")
            db.execute("insert into genesis values (1, '{}')")
            db.execute(f"pragma user_version = {version:d}")

    return make


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        pytest.param(lambda _: None, "there is no development chain at", id="missing"),
        pytest.param(lambda path: path.mkdir(), "there is no development chain at", id="a folder"),
        pytest.param(lambda path: path.write_bytes(b"no database" * 99), "not a database", id="not SQLite"),
        pytest.param(lambda path: path.write_bytes(b""), "no such table", id="empty"),
        pytest.param(other_sqlite, "no such table", id="another SQLite file"),
        pytest.param(no_genesis, "has no genesis", id="no genesis"),
        pytest.param(of_version(0), "made by an older version; create a new one", id="an older version"),
        pytest.param(of_version(3), "made by a newer version", id="a newer version"),
        pytest.param(of_version(2), "cannot be read by this version", id="unreadable genesis"),
    ],
)
async def test_a_spoilt_file(tmp_path: Path, spoil: Callable[[Path], None], why: str) -> None:
    """A missing or damaged file is an outage that says so."""
    path = tmp_path / "chain.sqlite"
    spoil(path)
    with pytest.raises(ChainUnavailable, match=why):
        await opened("dev", path)


async def test_a_damaged_event(devnet: "MakeDevNet") -> None:
    """An event that nobody wrote is an outage, and not a crash."""
    net = devnet()
    with closing(sqlite3.connect(net.path)) as db, db:
        db.execute("insert into events (block, kind, body) values (1, 'funded', '{}')")
    await net.pass_blocks(5)
    async with net.chain() as chain:
        with pytest.raises(ChainUnavailable, match="damaged event"):
            await chain.metagraph()


async def test_a_locked_file(devnet: "MakeDevNet") -> None:
    """A writer that holds the file too long is an outage after the adapter's own limit."""
    net = devnet()
    await net.pass_blocks(5)
    async with Chain(net.substrate(), 7, SOON) as chain:
        holder = sqlite3.connect(net.path, isolation_level=None)
        holder.execute("begin immediate")
        with pytest.raises(ChainUnavailable, match="within"):
            await chain.metagraph()
        holder.close()
        await asyncio.sleep(0.2)


async def test_a_subnet_that_is_not(devnet: "MakeDevNet") -> None:
    """Another netuid is told by name."""
    net = devnet()
    async with Chain(net.substrate(), 8, SOON) as chain:
        with pytest.raises(ChainUnavailable, match="there is no subnet 8"):
            await chain.metagraph()


async def test_not_opened_is_an_outage(devnet: "MakeDevNet") -> None:
    """A chain that was never opened says so."""
    with pytest.raises(ChainUnavailable, match="not open"):
        await devnet().chain().head()


class Answering(DevSubstrate):
    """A chain whose `submit` gives a scripted answer."""

    answer: bt.ExtrinsicResult | Exception

    async def submit(self, *_: Any, **__: Any) -> bt.ExtrinsicResult:
        """Give it."""
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def answering(net: Any, answer: bt.ExtrinsicResult | Exception) -> Chain:
    """An adapter on a chain that answers as told."""
    substrate = Answering(net.path, net.time, net.time.sleep)
    substrate.answer = answer
    return Chain(substrate, 7, SOON)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(bt.ChainError("the websocket closed"), id="a lost connection in the SDK's clothes"),
        pytest.param(bt.RpcConnectionError("gone"), id="the SDK's own outage"),
        pytest.param(ConnectionResetError("reset"), id="a reset"),
        pytest.param(bt.ExtrinsicResult(success=True), id="success without a block"),
    ],
)
async def test_an_unknown_outcome_is_an_outage(devnet: "MakeDevNet", answer: bt.ExtrinsicResult | Exception) -> None:
    """A write whose outcome nobody knows is never told as applied or refused."""
    net = devnet()
    async with answering(net, answer) as chain:
        with pytest.raises(ChainUnavailable):
            await chain.commit(net.miners[0], b"x")


async def test_a_failure_without_an_error_is_refused(devnet: "MakeDevNet") -> None:
    """A result is judged by `success`, whatever else it carries."""
    net = devnet()
    await net.pass_blocks(20)
    async with answering(net, bt.ExtrinsicResult(success=False, message="no")) as chain:
        result = await chain.set_weights(net.validators[0], {Uid(2): Weight(1.0)}, 0)
    assert result == Refused("unknown", "", "no")
