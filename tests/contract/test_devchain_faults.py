"""A node that fails, as the adapter meets it: every process reads the table of faults before every call."""

import asyncio
import os
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from neurons.chain.adapter import Chain
from neurons.chain.types import Applied, ChainUnavailable, RateLimited, Refused
from neurons.devchain.faults import FaultKind, FaultPlan
from neurons.devchain.operations import add_fault, clear_faults, faults
from neurons.devchain.substrate import DevSubstrate
from scoring.errors import Code, PlatformError
from scoring.types import Block, Hotkey, Uid, Weight

if TYPE_CHECKING:
    from tests.contract.conftest import DevNet, MakeDevNet

PATIENCE = timedelta(seconds=1)


@pytest.fixture
async def net(devnet: "MakeDevNet") -> "DevNet":
    """A chain past its first epochs."""
    net = devnet()
    await net.pass_blocks(20)
    return net


def hasty(net: "DevNet") -> Chain:
    """An adapter that waits 0.3 s for an answer, and for a write eight block times longer."""
    return Chain(net.substrate(), 7, PATIENCE)


def fail(net: "DevNet", kind: FaultKind, **plan: object) -> int:
    """Begin a fault now."""
    return add_fault(net.path, FaultPlan(kind=kind, **plan), clock=net.time)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "plan", "why"),
    [
        pytest.param(FaultKind.STALL, {}, "did not answer within", id="frozen"),
        pytest.param(FaultKind.DROP, {}, "dropped the connection", id="dropped"),
        pytest.param(FaultKind.ERROR, {"name": "Unavailable"}, "Unavailable", id="an error"),
    ],
)
async def test_a_failing_read_is_an_outage(net: "DevNet", kind: FaultKind, plan: dict[str, str], why: str) -> None:
    """A read that meets a fault is the named outage; when the fault is cleared the same connection reads again."""
    async with hasty(net) as chain:
        fault = fail(net, kind, call="runtime_call", **plan)
        with pytest.raises(ChainUnavailable, match=why):
            await chain.metagraph()
        assert await chain.head() == 20
        assert clear_faults(net.path, fault) == 1
        assert (await chain.metagraph()).block == 17


async def test_a_stall_passes(net: "DevNet") -> None:
    """A stall that is shorter than the time limit only takes time."""
    async with hasty(net) as chain:
        fail(net, FaultKind.STALL, seconds=0.05, call="block_number")
        before = asyncio.get_running_loop().time()
        assert await chain.head() == 20
        assert asyncio.get_running_loop().time() - before >= 0.05


async def test_a_frozen_connect_is_an_outage(net: "DevNet") -> None:
    """A node that cannot even be greeted leaves nothing open."""
    fail(net, FaultKind.STALL, call="connect")
    chain = hasty(net)
    with pytest.raises(ChainUnavailable, match="did not answer within"):
        await chain.open()
    with pytest.raises(ChainUnavailable, match="not open"):
        await chain.head()


async def test_a_stale_node_stands_still(net: "DevNet") -> None:
    """Head, finality and hashes stay at the fault's block; what others do later is not seen until the fault ends."""
    async with hasty(net) as chain, net.chain() as other:
        fail(net, FaultKind.STALE, until_block=40)
        await net.pass_blocks(10)
        assert (await chain.head(), await chain.finalized()) == (20, 17)
        assert (await chain.metagraph()).block == 17
        with pytest.raises(ChainUnavailable, match="not there yet"):
            await chain.block_hash(Block(25))
        await net.pass_blocks(10)
        assert (await chain.head(), await other.head()) == (40, 40)


async def test_a_write_to_a_stale_node_has_no_known_outcome(devnet: "MakeDevNet") -> None:
    """The transaction is in a block that the node never shows: an outage for the writer, and there all the same."""
    net = devnet(block_seconds=0.0625)
    await net.pass_blocks(20)
    async with hasty(net) as chain:
        fault = fail(net, FaultKind.STALE)
        with pytest.raises(ChainUnavailable, match="did not answer within 2 s"):
            await chain.commit(net.miners[0], b"lost")
        clear_faults(net.path, fault)
    async with net.chain() as chain:
        record = (await chain.metagraph(await chain.head())).commitment(Hotkey(net.miners[0].hotkey.ss58_address))
        assert record is not None and (record.block, record.value) == (21, "lost")


@pytest.mark.parametrize("after", [pytest.param(False, id="before it arrived"), pytest.param(True, id="only its answer")])
async def test_a_lost_write(net: "DevNet", after: bool) -> None:
    """A connection that breaks during a write is an outage; whether the chain took it only the chain knows."""
    async with net.chain() as chain:
        fail(net, FaultKind.DROP, call="submit", after=after)
        with pytest.raises(ChainUnavailable, match="dropped"):
            await chain.set_weights(net.validators[0], {Uid(2): Weight(1.0)}, 0)
        assert (Uid(1) in await chain.weights(await chain.head())) is after
        clear_faults(net.path)
        again = await chain.set_weights(net.validators[0], {Uid(2): Weight(1.0)}, 0)
        assert isinstance(again, RateLimited if after else Applied)


async def test_an_error_by_name(net: "DevNet") -> None:
    """A write that the node answers with a name is told as that refusal, and changed nothing."""
    async with net.chain() as chain:
        fail(net, FaultKind.ERROR, call="SubtensorModule.set_*", name="NeuronNoValidatorPermit")
        result = await chain.set_weights(net.validators[0], {Uid(2): Weight(1.0)}, 0)
        assert isinstance(result, Refused) and (result.code, result.name) == ("not_authorized", "NeuronNoValidatorPermit")
        assert isinstance(await chain.commit(net.miners[0], b"another call"), Applied)
        assert await chain.weights(await chain.head()) == {}


async def test_a_share_of_the_calls(net: "DevNet") -> None:
    """A fault with a share of 0.25 strikes when the draw is below it, and counts its strikes."""
    draws = iter([0.0, 0.25, 0.9, 0.249])
    substrate = DevSubstrate(net.path, net.time, net.time.sleep, lambda: next(draws))
    async with Chain(substrate, 7, PATIENCE) as chain:
        fail(net, FaultKind.DROP, call="block_number", share=0.25)
        outcomes: list[Block | None] = []
        for _ in range(4):
            try:
                outcomes.append(await chain.head())
            except ChainUnavailable:
                outcomes.append(None)
    assert outcomes == [None, 20, 20, None]
    assert [fault.hits for fault in faults(net.path)] == [2]


async def test_faults_end_by_themselves(net: "DevNet") -> None:
    """A fault is over at its last block, and stays in the list with what it did."""
    async with hasty(net) as chain:
        fail(net, FaultKind.DROP, until_block=22)
        with pytest.raises(ChainUnavailable):
            await chain.head()
        await net.pass_blocks(2)
        assert await chain.head() == 22
    assert [(fault.since, fault.hits, fault.acts(22)) for fault in faults(net.path)] == [(20, 1, False)]


MEETS = """
import asyncio, sys
from datetime import timedelta
from pathlib import Path
from neurons.chain.adapter import Chain
from neurons.devchain.substrate import DevSubstrate
from neurons.chain.types import ChainUnavailable
async def main():
    async with Chain(DevSubstrate(Path(sys.argv[1])), 7, timedelta(seconds=5)) as chain:
        print(await chain.block_seconds(), flush=True)
        input()
        try:
            print(await chain.block_seconds())
        except ChainUnavailable as outage:
            print(outage.detail)
asyncio.run(main())
"""


def test_another_process_meets_it_at_once(devnet: "MakeDevNet") -> None:
    """A fault strikes a process that had connected before."""
    net = devnet()
    child = subprocess.Popen([sys.executable, "-c", MEETS, net.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None and child.stdout.readline() == "1.0\n"
    fail(net, FaultKind.DROP)
    told, _ = child.communicate("\n", timeout=30)
    assert "dropped the connection" in told


async def test_only_one_process_meets_it(net: "DevNet") -> None:
    """A fault of one process's node is none of the others'."""
    async with hasty(net) as chain:
        fail(net, FaultKind.DROP, pid=os.getppid())
        fail(net, FaultKind.STALE, pid=os.getppid())
        await net.pass_blocks(1)
        assert await chain.head() == 21
        fail(net, FaultKind.DROP, pid=os.getpid())
        with pytest.raises(ChainUnavailable):
            await chain.head()
    assert [fault.hits for fault in faults(net.path)] == [0, 0, 1]


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        pytest.param(FaultPlan(kind=FaultKind.DROP, share=0.0), "a share is above 0", id="no share"),
        pytest.param(FaultPlan(kind=FaultKind.DROP, share=1.5), "a share is above 0", id="more than all"),
        pytest.param(FaultPlan(kind=FaultKind.STALL, seconds=0.0), "a stall lasts more than 0 s", id="no time"),
        pytest.param(FaultPlan(kind=FaultKind.STALE, after=True), "only a stall or a drop", id="stale afterwards"),
    ],
)
def test_meaningless_faults_are_refused(devnet: "MakeDevNet", plan: FaultPlan, why: str) -> None:
    """A plan that means nothing begins no fault."""
    net = devnet()
    with pytest.raises(PlatformError, match=why) as caught:
        add_fault(net.path, plan, clock=net.time)
    assert caught.value.code is Code.ARGUMENT_INVALID
    assert faults(net.path) == []


async def test_closing_waits_for_calls_that_were_given_up(net: "DevNet") -> None:
    """Who stops waiting for a call leaves a thread behind in the file; closing at that moment, again and again, ends nothing else."""
    for _ in range(60):
        substrate = net.substrate()
        await substrate.connect()
        calls = [asyncio.create_task(substrate.query("SubtensorModule", "Tempo", [7])) for _ in range(8)]
        await asyncio.sleep(0)
        for call in calls:
            call.cancel()
        await substrate.close()
        assert all(isinstance(told, asyncio.CancelledError) for told in await asyncio.gather(*calls, return_exceptions=True))
