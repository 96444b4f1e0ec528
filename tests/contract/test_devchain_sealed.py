"""Commit-reveal: the SDK's own timelocked commit is kept sealed, and waits, is opened, or expires."""

from typing import TYPE_CHECKING

import bittensor as bt
import pytest

from neurons.chain.types import Applied, RateLimited, SealedWeights
from neurons.devchain.operations import reveal
from scoring.errors import Code, PlatformError
from scoring.types import Block, Hotkey, Uid, Weight

if TYPE_CHECKING:
    from neurons.chain.adapter import Chain
    from tests.contract.conftest import DevNet, MakeDevNet

WANTED = {Uid(0): Weight(0.25), Uid(2): Weight(0.75)}
QUANTISED = {Uid(0): 21_845, Uid(2): 65_535}


@pytest.fixture
async def net(devnet: "MakeDevNet") -> "DevNet":
    """A chain past its second epoch (each 10 blocks) on which weights are sealed."""
    net = devnet(commit_reveal_weights_enabled=True, tempo=10)
    await net.pass_blocks(20)
    return net


def hotkey(net: "DevNet") -> Hotkey:
    """The validator's."""
    return Hotkey(net.validators[0].hotkey.ss58_address)


async def seal(net: "DevNet", chain: "Chain") -> Applied:
    """Set weights as the SDK does: sealed, in block 21, of epoch 2."""
    result = await chain.set_weights(net.validators[0], WANTED, 0)
    assert isinstance(result, Applied)
    return result


async def view(net: "DevNet", chain: "Chain") -> SealedWeights:
    """What is sealed and what counts now."""
    return await chain.sealed(hotkey(net), Uid(1), await chain.head())


async def test_the_sdk_seals(net: "DevNet") -> None:
    """With commit-reveal on the SDK seals by itself, tells the beacon's round, and nothing counts yet."""
    async with net.chain() as chain:
        result = await seal(net, chain)
        assert result.reveal_round is not None and result.reveal_round > 1_000_000
        found = await view(net, chain)
        assert [(commit.block, commit.epoch, commit.reveal_round) for commit in found.waiting] == [(21, 2, result.reveal_round)]
        assert (found.epoch, found.reveal_period, found.sealing, found.row) == (2, 1, True, {})
        assert await chain.weights(result.block) == {}


async def test_sealing_counts_as_setting(net: "DevNet") -> None:
    """Who sealed has updated, and may not seal again at once."""
    async with net.chain() as chain:
        result = await seal(net, chain)
        neuron = (await chain.metagraph(result.block)).neuron(hotkey(net))
        assert neuron is not None and neuron.last_update == result.block
        assert isinstance(await chain.set_weights(net.validators[0], WANTED, 0), RateLimited)


async def test_unopened_it_expires(net: "DevNet") -> None:
    """Without the beacon it waits through the epoch in which it would be opened, and is gone when that ends."""
    async with net.chain() as chain:
        result = await seal(net, chain)
        await net.pass_blocks(18)
        found = await view(net, chain)
        assert (found.epoch, found.commit(result.block) is not None) == (3, True)
        await net.pass_blocks(1)
        found = await view(net, chain)
        assert (found.block, found.epoch, found.waiting, found.row) == (40, 4, (), {})


async def test_opened_it_counts(net: "DevNet") -> None:
    """An injected reveal in its epoch applies the vector, which then pays."""
    async with net.chain() as chain:
        result = await seal(net, chain)
        await net.pass_blocks(10)
        assert reveal(net.path, hotkey(net), QUANTISED, clock=net.time) == 32
        await net.pass_blocks(1)
        found = await view(net, chain)
        assert (found.epoch, found.row, found.waiting) == (3, QUANTISED, ())
        await net.pass_blocks(9)
        metagraph = await chain.metagraph(Block(40))
        assert [round(neuron.incentive, 2) for neuron in metagraph.neurons] == [0.25, 0.0, 0.75]
        neuron = metagraph.neuron(hotkey(net))
        assert neuron is not None and neuron.last_update == result.block


@pytest.mark.parametrize(
    ("passed", "weights", "block", "name"),
    [
        pytest.param(0, QUANTISED, None, "RevealTooEarly", id="in its own epoch"),
        pytest.param(30, QUANTISED, 21, "ExpiredWeightCommit", id="too late, by block"),
        pytest.param(30, QUANTISED, None, "NoWeightsCommitFound", id="nothing waits"),
        pytest.param(10, {Uid(9): 1}, None, "UidVecContainInvalidOne", id="weights that the chain would not take"),
    ],
)
async def test_a_reveal_is_refused_by_name(
    net: "DevNet", passed: int, weights: dict[Uid, int], block: int | None, name: str
) -> None:
    """What the chain would not open, or not apply, is refused and leaves everything as it was."""
    async with net.chain() as chain:
        await seal(net, chain)
        await net.pass_blocks(passed)
        with pytest.raises(PlatformError, match=name) as caught:
            reveal(net.path, hotkey(net), weights, block, clock=net.time)
        assert caught.value.code is Code.CHAIN_REFUSED
        assert (await view(net, chain)).row == {}


def raw(net_of: str, version: int = 4) -> object:
    """A raw call past the SDK's own checks."""
    if net_of == "plain":
        return bt.calls.SubtensorModule.set_mechanism_weights(netuid=7, mecid=0, dests=[2], weights=[1], version_key=0)
    return bt.calls.SubtensorModule.commit_timelocked_mechanism_weights(
        netuid=7, mecid=0, commit=b"x" * 300, reveal_round=1, commit_reveal_version=version
    )


@pytest.mark.parametrize(
    ("enabled", "call", "rules", "name"),
    [
        pytest.param(True, raw("plain"), {}, "CommitRevealEnabled", id="plain where sealed is due"),
        pytest.param(False, raw("sealed"), {}, "CommitRevealDisabled", id="sealed where plain is due"),
        pytest.param(True, raw("sealed", version=3), {}, "IncorrectCommitRevealVersion", id="another sealing"),
        pytest.param(True, raw("sealed"), {"weights_rate_limit": 99}, "CommittingWeightsTooFast", id="too soon"),
        pytest.param(True, raw("sealed"), {"weights_min_stake": 10**12}, "NotEnoughStakeToSetWeights", id="too little stake"),
    ],
)
async def test_the_chain_refuses_by_name(
    devnet: "MakeDevNet", enabled: bool, call: object, rules: dict[str, int], name: str
) -> None:
    """Which of both ways is open is the chain's rule, and so is who may seal."""
    net = devnet(commit_reveal_weights_enabled=enabled, **rules)
    await net.pass_blocks(20)
    async with net.substrate_opened() as substrate:
        result = await bt.Client("local", substrate=substrate).submit_call(call, net.validators[0], signer="hotkey")
    assert result.error is not None and result.error.name == name


async def test_only_ten_may_wait(devnet: "MakeDevNet") -> None:
    """An eleventh sealed vector in one epoch is refused."""
    net = devnet(commit_reveal_weights_enabled=True, weights_rate_limit=0, tempo=100)
    await net.pass_blocks(5)
    async with net.substrate_opened() as substrate:
        client = bt.Client("local", substrate=substrate)
        results = [await client.submit_call(raw("sealed"), net.validators[0], signer="hotkey") for _ in range(11)]
    assert [result.success for result in results] == [True] * 10 + [False]
    assert results[-1].error is not None and results[-1].error.name == "TooManyUnrevealedCommits"
