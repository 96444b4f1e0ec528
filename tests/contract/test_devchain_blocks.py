"""Blocks of the development chain: from the clock, final a few behind the head, the same for everybody, for ever."""

import asyncio
import hashlib
from typing import TYPE_CHECKING

import bittensor as bt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurons.chain.adapter import Chain
from neurons.chain.types import Applied, Metagraph
from neurons.devchain.node import Node
from scoring.types import Block, Hotkey, Uid, Weight

if TYPE_CHECKING:
    from tests.contract.conftest import DevNet, MakeDevNet


async def test_blocks_come_from_the_clock(devnet: "MakeDevNet") -> None:
    """Block n begins n block times after genesis; finality is three behind, and never below 0."""
    net = devnet()
    async with net.chain() as chain:
        assert (await chain.head(), await chain.finalized()) == (0, 0)
        net.time.now += 2.5
        assert (await chain.head(), await chain.finalized()) == (2, 0)
        net.time.now += 5.5
        assert (await chain.head(), await chain.finalized()) == (8, 5)


async def test_a_hash_is_of_seed_and_number(devnet: "MakeDevNet") -> None:
    """The hash of block 5 is sha256(seed ‖ 5 in 8 bytes)."""
    net = devnet()
    await net.pass_blocks(5)
    async with net.chain() as chain:
        assert await chain.block_hash(Block(5)) == "0x" + hashlib.sha256(bytes(32) + bytes(7) + b"\x05").hexdigest()


@pytest.mark.parametrize(
    ("final", "passed"),
    [pytest.param(False, 1, id="until a block holds it"), pytest.param(True, 4, id="until that block is final")],
)
async def test_a_writer_waits_as_it_asks(devnet: "MakeDevNet", final: bool, passed: int) -> None:
    """A transaction lands in the next block, and its sender waits for that block, or for its finality."""
    net = devnet()
    await net.pass_blocks(10)
    async with net.substrate_opened() as substrate:
        call = bt.calls.Commitments.set_commitment(netuid=7, info={"fields": [[{"Raw1": b"x"}]]})
        client = bt.Client("local", substrate=substrate)
        result = await client.submit_call(call, net.miners[0], signer="hotkey", wait_for_finalization=final)
        assert (result.success, result.extrinsic_id) == (True, "11-0000")
        assert await substrate.block_number() == 10 + passed
        assert result.block_hash == await substrate.block_hash(11)


async def test_not_waiting_is_possible(devnet: "MakeDevNet") -> None:
    """A sender that does not wait is back in the same block."""
    net = devnet()
    async with net.substrate_opened() as substrate:
        call = bt.calls.Commitments.set_commitment(netuid=7, info={"fields": [[{"Raw1": b"x"}]]})
        client = bt.Client("local", substrate=substrate)
        options = {"wait_for_inclusion": False, "wait_for_finalization": False}
        assert (await client.submit_call(call, net.miners[0], signer="hotkey", **options)).success
        assert await substrate.block_number() == 0


async def test_headers_follow_each_other(devnet: "MakeDevNet") -> None:
    """The SDK's subscription yields one header per block, each naming its parent's hash."""
    net = devnet()
    async with net.substrate_opened() as substrate:
        client = bt.Client("local", substrate=substrate)
        headers = []
        async for header in client.blocks(finalized=True):
            headers.append(header)
            if len(headers) == 3:
                break
        assert [header.number for header in headers] == [0, 1, 2]
        assert [header.parent_hash for header in headers[1:]] == [await substrate.block_hash(0), await substrate.block_hash(1)]


async def test_other_reads_of_the_sdk_work(devnet: "MakeDevNet") -> None:
    """Timestamp, block, balance, epoch and token symbol are read by the SDK's own methods; the rest is refused by name."""
    net = devnet()
    await net.pass_blocks(12)
    async with net.substrate_opened() as substrate:
        client = bt.Client("local", substrate=substrate)
        assert (await client.timestamp(12)).timestamp() == net.time.now
        info = await client.block_info(12)
        assert info is not None and info.hash == await substrate.block_hash(12)
        assert (await client.balances.get(net.miners[0].coldkeypub.ss58_address)).rao == 10**9
        assert await client.read("token_symbols") == {7: "β"}
        assert await client.query(("SubtensorModule", "LastEpochBlock"), [7]) == 10
        with pytest.raises(bt.ChainError, match=r"does not have SubtensorModule\.Bonds"):
            await client.query(("SubtensorModule", "Bonds"), [7, 0])
        with pytest.raises(bt.ChainError, match="does not have NeuronInfoRuntimeApi"):
            await client.neurons.all(7)


async def test_another_subnet_is_empty(devnet: "MakeDevNet") -> None:
    """There is one subnet: another has no metagraph and no rows."""
    net = devnet()
    async with net.substrate_opened() as substrate:
        client = bt.Client("local", substrate=substrate)
        assert await client.subnets.metagraph(8) is None
        assert await client.weights.weights(8) == {}


async def steps(net: "DevNet", chain: Chain, choices: list[int]) -> None:
    """Let things happen: commitments, weights, registrations and time."""
    for choice in choices:
        match choice:
            case 0:
                await chain.commit(net.miners[0], str(await chain.head()).encode())
            case 1:
                await chain.set_weights(net.validators[0], {Uid(0): Weight(1.0), Uid(2): Weight(1.0 + choice)}, 0)
            case 2:
                await net.pass_blocks(4)
            case _:
                await chain.commit(net.stranger, b"refused")


async def retold(net: "DevNet", choices: list[int]) -> None:
    """Whatever is read while things happen is the same when a fresh reader reads it afterwards."""
    seen: list[Metagraph] = []
    async with net.chain() as chain:
        for choice in choices:
            await steps(net, chain, [choice])
            seen.append(await chain.metagraph(await chain.head()))
    async with net.chain() as fresh:
        assert [await fresh.metagraph(metagraph.block) for metagraph in reversed(seen)] == seen[::-1]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(choices=st.lists(st.integers(0, 3), max_size=8))
def test_history_never_changes(devnet: "MakeDevNet", choices: list[int]) -> None:
    """State at any block is the same read then, and read later by another process in another order."""
    net = devnet(weights_rate_limit=2)
    asyncio.run(retold(net, choices))
    net.path.unlink()


async def test_many_old_blocks_can_be_read(devnet: "MakeDevNet") -> None:
    """More blocks than states are kept can be read back, each with its own commitment."""
    net = devnet(commitment_space=10**6)
    hotkey = Hotkey(net.miners[0].hotkey.ss58_address)
    async with net.chain() as chain:
        blocks = []
        for number in range(80):
            result = await chain.commit(net.miners[0], str(number).encode())
            assert isinstance(result, Applied)
            blocks.append(result.block)
        records = [(await chain.metagraph(block)).commitment(hotkey) for block in blocks]
    assert [record.value for record in records if record is not None] == [str(number) for number in range(80)]


def test_what_is_read_is_settled(devnet: "MakeDevNet") -> None:
    """Once a block was read nothing enters it any more: a writer that comes later gets a later block."""
    net = devnet()
    net.time.now += 10
    node = Node(net.path, net.time)
    before = node.state(10)
    entry = node.transact(lambda _: net.funding(net.miners[0], 5))
    assert entry.block == 11
    net.time.now += 1
    assert node.state(10) == before
    assert node.state(11).balances != before.balances
    node.close()


def test_a_clock_set_back_keeps_the_order(devnet: "MakeDevNet") -> None:
    """When the clock steps back, events still follow those that were there."""
    net = devnet()
    net.time.now += 100
    node = Node(net.path, net.time)
    first = node.transact(lambda _: net.funding(net.miners[0], 5))
    net.time.now -= 50
    second = node.transact(lambda _: net.funding(net.miners[0], 5))
    assert (first.block, first.index, second.block, second.index) == (101, 0, 101, 1)
    node.close()


def test_a_refused_change_leaves_nothing(devnet: "MakeDevNet") -> None:
    """Whatever is raised while the next event is decided leaves the chain as it was, and its lock free."""
    net = devnet()
    node = Node(net.path, net.time)
    with pytest.raises(ZeroDivisionError):
        node.transact(lambda state: net.funding(net.miners[0], 1 // state.nonces.get("nobody", 0)))
    assert node.transact(lambda _: net.funding(net.miners[0], 5)).block == 1
    node.close()
