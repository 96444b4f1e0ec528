"""A subnet to test against: the development chain with a time of its own, or a real node that the environment names."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import bittensor as bt
import pytest
from pydantic import Field

from neurons.chain import wallets
from neurons.chain.adapter import Chain, rpc_substrate
from neurons.devchain.events import Funded
from neurons.devchain.genesis import RAO
from neurons.devchain.operations import create, faucet, register
from neurons.devchain.subnet import Rules
from neurons.devchain.substrate import DevSubstrate
from scoring.types import Hotkey, Uid
from voice_api.settings import ProcessSettings

NETUID = 7
TIMEOUT = timedelta(seconds=30)
STAKE = 100 * RAO


class NodeSettings(ProcessSettings):
    """A real node to test against instead of the development chain.

    With a network and a netuid alone only reads and refusals are tested. What writes needs a wallet whose hotkey is registered
    there (`VOICE_TEST_WALLET`, `VOICE_TEST_HOTKEY`, `VOICE_TEST_WALLET_PATH`): its commitment and its weights are replaced, so
    name a subnet of your own. Weights also need stake and a validator permit.
    """

    network: str | None = Field(default=None, validation_alias="VOICE_TEST_NETWORK")
    netuid: int = Field(default=NETUID, validation_alias="VOICE_TEST_NETUID")
    wallet: str | None = Field(default=None, validation_alias="VOICE_TEST_WALLET")
    hotkey: str = Field(default="default", validation_alias="VOICE_TEST_HOTKEY")
    wallet_path: Path = Field(default=Path("~/.bittensor/wallets"), validation_alias="VOICE_TEST_WALLET_PATH")


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


@dataclass(frozen=True, slots=True)
class Subnet:
    """What the contract is tested on: `writer` is registered and may set weights, `stranger` is not registered."""

    chain: Chain
    netuid: int
    writer: bt.Wallet
    stranger: bt.Wallet
    sleep: Callable[[float], Awaitable[None]]

    async def pass_blocks(self, count: int) -> None:
        """Wait for so many further blocks."""
        target = await self.chain.head() + count
        while await self.chain.head() < target:
            await self.sleep(await self.chain.block_seconds())


@dataclass(frozen=True, slots=True)
class DevNet:
    """A development chain: owner at uid 0, `validators` (with stake), then `miners`, all registered; `stranger` is not."""

    path: Path
    time: Time
    owner: bt.Wallet
    validators: tuple[bt.Wallet, ...]
    miners: tuple[bt.Wallet, ...]
    stranger: bt.Wallet
    block_seconds: float

    def substrate(self) -> DevSubstrate:
        """A further process's view of the same chain."""
        return DevSubstrate(self.path, self.time, self.time.sleep)

    @asynccontextmanager
    async def substrate_opened(self) -> AsyncIterator[DevSubstrate]:
        """That view, connected."""
        substrate = self.substrate()
        await substrate.connect()
        yield substrate
        await substrate.close()

    def funding(self, wallet: bt.Wallet, amount: int) -> Funded:
        """An event that gives rao to a wallet's coldkey."""
        return Funded(wallet.coldkeypub.ss58_address, amount)

    def chain(self) -> Chain:
        """An adapter of its own on the same chain."""
        return Chain(self.substrate(), NETUID, TIMEOUT)

    async def pass_blocks(self, count: int) -> None:
        """Let so many blocks pass."""
        await self.time.sleep(count * self.block_seconds)

    def register(self, wallet: bt.Wallet, stake: int = 0) -> Uid:
        """Register a wallet's hotkey, with money from the faucet."""
        coldkey = wallet.coldkeypub.ss58_address
        faucet(self.path, coldkey, stake + RAO, clock=self.time)
        return register(self.path, Hotkey(wallet.hotkey.ss58_address), coldkey, stake, clock=self.time)


MakeDevNet = Callable[..., DevNet]


@pytest.fixture(scope="session")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], bt.Wallet]:
    """Real wallets by name, made once."""
    folder = tmp_path_factory.mktemp("wallets")
    return lambda name: wallets.create(name, "hotkey", folder)


@pytest.fixture
def devnet(tmp_path: Path, keyring: Callable[[str], bt.Wallet]) -> MakeDevNet:
    """Makes a development chain, by default with blocks of one second, by other rules where a test gives them."""

    def make(validators: int = 1, miners: int = 1, block_seconds: float = 1.0, **rules: Any) -> DevNet:
        net = DevNet(
            tmp_path / "chain.sqlite",
            Time(),
            keyring("owner"),
            tuple(keyring(f"validator{n}") for n in range(validators)),
            tuple(keyring(f"miner{n}") for n in range(miners)),
            keyring("stranger"),
            block_seconds,
        )
        create(
            net.path,
            netuid=NETUID,
            block_seconds=block_seconds,
            owner_coldkey=net.owner.coldkeypub.ss58_address,
            owner_hotkey=Hotkey(net.owner.hotkey.ss58_address),
            rules=Rules(**{"tempo": 5, "weights_rate_limit": 5, **rules}),
            seed=bytes(32),
            clock=net.time,
        )
        for validator in net.validators:
            net.register(validator, STAKE)
        for miner in net.miners:
            net.register(miner)
        return net

    return make


@pytest.fixture
async def subnet(devnet: MakeDevNet, keyring: Callable[[str], bt.Wallet]) -> AsyncIterator[Subnet]:
    """The subnet under test, past its first epochs."""
    settings = NodeSettings()
    if settings.network is not None:
        name, stranger = settings.wallet, keyring("stranger")
        writer = stranger if name is None else wallets.load(name, settings.hotkey, settings.wallet_path.expanduser())
        async with Chain(rpc_substrate(settings.network), settings.netuid, TIMEOUT) as chain:
            yield Subnet(chain, settings.netuid, writer, stranger, asyncio.sleep)
        return
    net = devnet()
    await net.pass_blocks(20)
    async with net.chain() as chain:
        yield Subnet(chain, NETUID, net.validators[0], net.stranger, net.time.sleep)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without a wallet of its own a real node is only read: what writes is deselected, and counted as such."""
    settings = NodeSettings()
    if settings.network is None or settings.wallet is not None:
        return
    writing = [item for item in items if item.get_closest_marker("writes") is not None]
    items[:] = [item for item in items if item not in writing]
    config.hook.pytest_deselected(items=writing)


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker of this folder."""
    config.addinivalue_line("markers", "writes: changes the chain with the writer's keys")
