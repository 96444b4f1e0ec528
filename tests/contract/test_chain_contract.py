"""What every chain owes the project, through the adapter and the real SDK client: the development chain by default.

`VOICE_TEST_NETWORK` and `VOICE_TEST_NETUID` point it at a real node; see `NodeSettings` for what writes.
"""

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from bittensor.sp_core import ss58_encode

from neurons.chain.adapter import Chain
from neurons.chain.types import Applied, ChainUnavailable, CommitmentRecord, CommitmentStatus, RateLimited, Refused
from neurons.validator.weights.refusals import PERMANENT, obstacle, refusal_of
from scoring.types import Block, Hotkey, Uid, Weight
from scoring.weights.plan import to_u16

if TYPE_CHECKING:
    from tests.contract.conftest import Subnet

TEXT = b"v2:alice/voice:0123456789abcdef0123456789abcdef01234567:AAECAwQFBgcICQoLDA0ODw"


async def test_final_blocks_are_behind_the_head(subnet: "Subnet") -> None:
    """The newest final block is not newer than the head, and blocks take time."""
    finalized = await subnet.chain.finalized()
    assert 0 < finalized <= await subnet.chain.head()
    assert await subnet.chain.block_seconds() > 0


async def test_a_final_block_keeps_its_hash(subnet: "Subnet") -> None:
    """A hash is 32 bytes in lower case; each block has its own, and keeps it while further blocks come."""
    block = await subnet.chain.finalized()
    before = await subnet.chain.block_hash(block)
    assert re.fullmatch("0x[0-9a-f]{64}", before)
    assert before != await subnet.chain.block_hash(Block(block - 1))
    await subnet.pass_blocks(2)
    assert await subnet.chain.block_hash(block) == before


async def test_metagraph_is_of_a_final_block(subnet: "Subnet") -> None:
    """Without a block the metagraph is of the newest final one, and says so by number and hash."""
    before = await subnet.chain.finalized()
    metagraph = await subnet.chain.metagraph()
    assert before <= metagraph.block <= await subnet.chain.finalized()
    assert metagraph.block_hash == await subnet.chain.block_hash(metagraph.block)
    assert (metagraph.netuid, metagraph.tempo > 0) == (subnet.netuid, True)
    assert metagraph.neuron(metagraph.owner_hotkey) is not None


async def test_neurons_are_in_order_and_sound(subnet: "Subnet") -> None:
    """Uids count from 0, keys belong to their addresses, shares and blocks are in range."""
    metagraph = await subnet.chain.metagraph()
    assert [neuron.uid for neuron in metagraph.neurons] == list(range(len(metagraph.neurons)))
    for neuron in metagraph.neurons:
        assert ss58_encode(bytes.fromhex(neuron.public_key), 42) == neuron.hotkey
        assert 0 <= neuron.incentive <= 1 and neuron.stake >= 0
        assert neuron.registered_at_block <= metagraph.block
        assert neuron.immune_until_block == neuron.registered_at_block + metagraph.immunity_period


async def test_an_unknown_hotkey_has_nothing(subnet: "Subnet") -> None:
    """Neither a neuron nor a commitment is found for a hotkey that never came."""
    metagraph = await subnet.chain.metagraph()
    stranger = Hotkey(subnet.stranger.hotkey.ss58_address)
    assert (metagraph.neuron(stranger), metagraph.commitment(stranger)) == (None, None)


async def test_the_rules_of_weights_are_sound(subnet: "Subnet") -> None:
    """What a validator compares before it sends is in range, in the chain's own units."""
    rules = await subnet.chain.metagraph()
    assert rules.weights_version >= 0 and rules.weights_min_stake >= 0 and rules.weights_rate_limit >= 0
    assert (0 <= rules.min_allowed_weights <= 65_535, 1 <= rules.max_weights_limit <= 65_535) == (True, True)
    sealed = await subnet.chain.sealed(Hotkey(subnet.stranger.hotkey.ss58_address), Uid(0))
    assert sealed.waiting == () and sealed.reveal_period >= 0


async def test_weights_are_shares(subnet: "Subnet") -> None:
    """Each validator's row of weights sums to 1."""
    for row in (await subnet.chain.weights()).values():
        assert not row or sum(row.values()) == pytest.approx(1.0)


async def test_a_block_to_come_is_an_outage(subnet: "Subnet") -> None:
    """What is asked about a block that is not there yet is told as the named outage."""
    with pytest.raises(ChainUnavailable):
        await subnet.chain.metagraph(Block(await subnet.chain.head() + 1_000_000))


async def test_129_bytes_are_refused(subnet: "Subnet") -> None:
    """A commitment of more than 128 bytes is not sent."""
    result = await subnet.chain.commit(subnet.stranger, b"x" * 129)
    assert isinstance(result, Refused)
    assert "at most 128 bytes, this one 129" in result.message


async def test_a_stranger_cannot_commit(subnet: "Subnet") -> None:
    """A hotkey that is not registered may not commit."""
    assert isinstance(await subnet.chain.commit(subnet.stranger, TEXT), Refused)


async def test_a_stranger_cannot_set_weights(subnet: "Subnet") -> None:
    """A hotkey that is not registered may not set weights, and is told so by the code."""
    result = await subnet.chain.set_weights(subnet.stranger, {Uid(0): Weight(1.0)}, 0)
    assert isinstance(result, Refused)
    assert (result.code, refusal_of(result).kind) == ("not_registered", PERMANENT)


@pytest.mark.parametrize(
    "weights",
    [
        pytest.param({}, id="none"),
        pytest.param({Uid(0): Weight(0.0)}, id="all zero"),
        pytest.param({Uid(0): Weight(float("nan"))}, id="not a number"),
        pytest.param({Uid(0): Weight(-1.0)}, id="negative"),
        pytest.param({Uid(70_000): Weight(1.0)}, id="no uid"),
    ],
)
@pytest.mark.writes
async def test_meaningless_weights_are_refused(subnet: "Subnet", weights: dict[Uid, Weight]) -> None:
    """Weights that mean nothing are refused (or come too soon), and never sent."""
    result = await subnet.chain.set_weights(subnet.writer, weights, 0)
    assert isinstance(result, Refused | RateLimited)


@pytest.mark.writes
async def test_a_commitment_is_read_back(subnet: "Subnet") -> None:
    """A commitment is there from its block on, and not before."""
    hotkey = Hotkey(subnet.writer.hotkey.ss58_address)
    result = await subnet.chain.commit(subnet.writer, TEXT)
    assert isinstance(result, Applied)
    before = await subnet.chain.metagraph(Block(result.block - 1))
    after = await subnet.chain.metagraph(result.block)
    assert after.commitment(hotkey) == CommitmentRecord(hotkey, result.block, TEXT.decode(), CommitmentStatus.PLAIN)
    assert before.commitment(hotkey) != after.commitment(hotkey)


@pytest.mark.writes
async def test_weights_are_read_back_and_limited(subnet: "Subnet") -> None:
    """Weights are applied, are those that were sent to the last unit (unless sealed), and may not be set again at once."""
    chain = subnet.chain
    neuron = (await chain.metagraph()).neuron(Hotkey(subnet.writer.hotkey.ss58_address))
    assert neuron is not None
    rules = await chain.metagraph()
    row = dict(to_u16({Uid(0): Weight(0.25), neuron.uid: Weight(0.75)}, rules.max_weights_limit))
    assert obstacle(rules, neuron, row, rules.weights_version) is None
    result = await chain.set_weights(subnet.writer, row, rules.weights_version)
    assert isinstance(result, Applied)
    if result.reveal_round is None:
        found = (await chain.sealed(neuron.hotkey, neuron.uid, result.block)).row
        assert found == row
    assert await _again(chain, subnet, neuron.uid)


async def _again(chain: Chain, subnet: "Subnet", uid: Uid) -> bool:
    """Whether setting weights at once again is told as too soon, with the blocks that are left."""
    result = await chain.set_weights(subnet.writer, {uid: Weight(1.0)}, 0)
    limit = (await chain.metagraph()).weights_rate_limit
    return isinstance(result, RateLimited) and result.blocks_left is not None and 0 < result.blocks_left <= limit


@pytest.mark.writes
async def test_history_stays(subnet: "Subnet") -> None:
    """What an old block held is the same after later changes, to the last field."""
    block = await subnet.chain.finalized()
    before = await subnet.chain.metagraph(block)
    result = await subnet.chain.commit(subnet.writer, TEXT + b"Q")
    assert isinstance(result, Applied)
    await subnet.pass_blocks(10)
    assert await subnet.chain.metagraph(block) == before
    assert replace(await subnet.chain.metagraph(), block=before.block, block_hash=before.block_hash) != before
