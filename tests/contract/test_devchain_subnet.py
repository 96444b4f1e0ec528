"""A subnet that lives: stakes, permits, slots that change hands, and rules that change, through the real SDK client."""

from typing import TYPE_CHECKING, Any

import bittensor as bt
import pytest

from neurons.chain.types import Applied, Metagraph, RateLimited, Refused
from neurons.devchain.genesis import RAO
from neurons.devchain.operations import change, faucet, own, stake
from scoring.types import Block, Hotkey, Uid, Weight

if TYPE_CHECKING:
    from neurons.chain.adapter import Chain
    from tests.contract.conftest import DevNet, MakeDevNet

CALLS = bt.calls.SubtensorModule
STAKE = 100 * RAO


def address(wallet: bt.Wallet) -> Hotkey:
    """A wallet's hotkey."""
    return Hotkey(wallet.hotkey.ss58_address)


async def submitted(net: "DevNet", call: Any, wallet: bt.Wallet) -> str | None:
    """Sign a raw call with the coldkey; the error's name, if there is one."""
    async with net.substrate_opened() as substrate:
        result = await bt.Client("local", substrate=substrate).submit_call(call, wallet, signer="coldkey")
    return None if result.error is None else result.error.name


async def read(net: "DevNet", item: str, *more: Any) -> Any:
    """A storage item by the SDK's generic read."""
    async with net.substrate_opened() as substrate:
        return await bt.Client("local", substrate=substrate).query(("SubtensorModule", item), [7, *more])


async def weigh(net: "DevNet", chain: "Chain", who: int, *uids: int) -> None:
    """Let a validator give the same weight to each uid."""
    result = await chain.set_weights(net.validators[who], {Uid(uid): Weight(1.0) for uid in uids}, 0)
    assert isinstance(result, Applied)


async def now(chain: "Chain") -> Metagraph:
    """The metagraph at the head."""
    return await chain.metagraph(await chain.head())


async def test_stake_decides_who_validates_and_what_counts(devnet: "MakeDevNet") -> None:
    """The most stake has the permits; the majority of stake decides what counts, and moves with the stake."""
    net = devnet(validators=3, miners=2, tempo=10, max_validators=2)
    coldkey = net.validators[0].coldkeypub.ss58_address
    faucet(net.path, coldkey, 1_000 * RAO, clock=net.time)
    stake(net.path, address(net.validators[0]), coldkey, 200 * RAO, clock=net.time)
    await net.pass_blocks(10)
    async with net.chain() as chain:
        assert [neuron.validator_permit for neuron in (await now(chain)).neurons] == [False, True, True, False, False, False]
        refused = await chain.set_weights(net.validators[2], {Uid(4): Weight(1.0)}, 0)
        assert isinstance(refused, Refused) and refused.name == "NeuronNoValidatorPermit"
        await weigh(net, chain, 0, 4)
        await weigh(net, chain, 1, 5)
        paid = await _after(net, chain, 20)
        assert [neuron.incentive for neuron in paid.neurons][4:] == [1.0, 0.0]
        stake(net.path, address(net.validators[0]), coldkey, -290 * RAO, clock=net.time)
        paid = await _after(net, chain, 30)
        assert [neuron.incentive for neuron in paid.neurons][4:] == [0.0, 1.0]


async def _after(net: "DevNet", chain: "Chain", block: int) -> Metagraph:
    await net.pass_blocks(block - await chain.head())
    return await chain.metagraph(Block(block))


async def test_a_coldkey_stakes_by_signed_calls(devnet: "MakeDevNet") -> None:
    """`add_stake` and `remove_stake`, signed by the coldkey, move tokens; what the chain does not do it names."""
    net = devnet()
    faucet(net.path, net.miners[0].coldkeypub.ss58_address, 10 * RAO, clock=net.time)
    hotkey = address(net.miners[0])
    assert await submitted(net, CALLS.add_stake(hotkey=hotkey, netuid=7, amount_staked=4 * RAO), net.miners[0]) is None
    assert await submitted(net, CALLS.remove_stake(hotkey=hotkey, netuid=7, amount_unstaked=RAO), net.miners[0]) is None
    async with net.chain() as chain:
        neuron = (await now(chain)).neuron(hotkey)
        assert neuron is not None and neuron.stake == 3 * RAO
    stranger = address(net.stranger)
    unknown = CALLS.add_stake(hotkey=stranger, netuid=7, amount_staked=RAO)
    assert await submitted(net, unknown, net.miners[0]) == "HotKeyAccountNotExists"
    foreign = CALLS.remove_stake(hotkey=hotkey, netuid=7, amount_unstaked=RAO)
    assert await submitted(net, foreign, net.stranger) == "NotEnoughStakeToWithdraw"


async def test_a_coldkey_registers_by_a_signed_call(devnet: "MakeDevNet") -> None:
    """`burned_register` takes the cost and gives a slot, once."""
    net = devnet(registration_cost=RAO // 2)
    faucet(net.path, net.stranger.coldkeypub.ss58_address, RAO, clock=net.time)
    call = CALLS.burned_register(netuid=7, hotkey=address(net.stranger))
    assert await submitted(net, call, net.stranger) is None
    assert await read(net, "Uids", address(net.stranger)) == 3
    assert await submitted(net, call, net.stranger) == "HotKeyAlreadyRegisteredInSubNet"


async def test_a_slot_changes_hands(devnet: "MakeDevNet") -> None:
    """In a full subnet the least earning mortal goes. Its uid is another's, who is not paid for what the old one was given.

    The old one's commitment stays readable.
    """
    net = devnet(miners=2, tempo=10, max_uids=4, immunity_period=5)
    loser = net.miners[1]
    async with net.chain() as chain:
        await chain.commit(loser, b"mine")
        await net.pass_blocks(9)
        row = {Uid(2): Weight(3.0), Uid(3): Weight(1.0)}
        assert isinstance(await chain.set_weights(net.validators[0], row, 0), Applied)
        assert [neuron.incentive for neuron in (await _after(net, chain, 20)).neurons][2:] == pytest.approx(
            [0.75, 0.25], abs=1e-4
        )
        assert net.register(net.stranger) == 3
        came = await _after(net, chain, 21)
        taken, gone = came.neurons[3], came.commitment(address(loser))
        assert (taken.hotkey, taken.registered_at_block, taken.incentive) == (address(net.stranger), 21, 0.0)
        assert came.neuron(address(loser)) is None and gone is not None and gone.value == "mine"
        assert [neuron.incentive for neuron in (await _after(net, chain, 30)).neurons][2:] == [1.0, 0.0]
        assert isinstance(await chain.set_weights(net.validators[0], row, 0), Applied)
        assert [neuron.incentive for neuron in (await _after(net, chain, 40)).neurons][2:] == pytest.approx(
            [0.75, 0.25], abs=1e-4
        )


async def test_stake_waits_for_a_hotkey_that_lost_its_slot(devnet: "MakeDevNet") -> None:
    """A validator that was replaced has its stake again when it registers again."""
    net = devnet(miners=0, tempo=10, max_uids=2, immunity_period=0)
    assert net.register(net.stranger) == 1
    async with net.chain() as chain:
        assert (await _after(net, chain, 1)).neurons[1].stake == 0
        assert net.register(net.validators[0]) == 1
        assert (await _after(net, chain, 2)).neurons[1].stake == STAKE


async def test_registration_has_a_pace(devnet: "MakeDevNet") -> None:
    """A block takes so many registrations and no more; a closed subnet takes none."""
    net = devnet(miners=0, max_regs_per_block=2)
    faucet(net.path, net.stranger.coldkeypub.ss58_address, RAO, clock=net.time)
    call = CALLS.burned_register(netuid=7, hotkey=address(net.stranger))
    change(net.path, "max_regs_per_block", 0, clock=net.time)
    assert await submitted(net, call, net.stranger) == "TooManyRegistrationsThisBlock"
    change(net.path, "max_regs_per_block", 1, clock=net.time)
    change(net.path, "registration_allowed", 0, clock=net.time)
    assert await submitted(net, call, net.stranger) == "SubNetRegistrationDisabled"
    change(net.path, "registration_allowed", 1, clock=net.time)
    assert await submitted(net, call, net.stranger) is None


async def test_a_new_tempo_is_seen_and_kept(devnet: "MakeDevNet") -> None:
    """A shorter tempo that is already over ends the epoch at once, then each 4 blocks; history still tells the old one."""
    net = devnet(tempo=10)
    await net.pass_blocks(14)
    assert change(net.path, "tempo", 4, clock=net.time) == 15
    await net.pass_blocks(16)
    assert (await read(net, "Tempo"), await read(net, "LastEpochBlock"), await read(net, "SubnetEpochIndex")) == (4, 28, 5)
    async with net.chain() as chain:
        assert [(await chain.metagraph(Block(block))).tempo for block in (14, 15)] == [10, 4]


async def test_rules_bind_from_their_block(devnet: "MakeDevNet") -> None:
    """The weights' rate limit, the commitments' space and the version key change while the chain runs."""
    net = devnet(weights_rate_limit=0)
    await net.pass_blocks(20)
    async with net.chain() as chain:
        await weigh(net, chain, 0, 2)
        await weigh(net, chain, 0, 2)
        change(net.path, "weights_rate_limit", 50, clock=net.time)
        await net.pass_blocks(1)
        limited = await chain.set_weights(net.validators[0], {Uid(2): Weight(1.0)}, 0)
        assert isinstance(limited, RateLimited) and limited.blocks_left == 49
        change(net.path, "commitment_space", 99, clock=net.time)
        assert isinstance(await chain.commit(net.miners[0], b"x"), RateLimited)
        change(net.path, "weights_version", 3, clock=net.time)
        await net.pass_blocks(1)
        assert (await now(chain)).weights_version == 3


async def test_the_owners_hotkey_and_the_runtime_change(devnet: "MakeDevNet") -> None:
    """Another hotkey of the owner and another runtime are read as a real node tells them."""
    net = devnet()
    await net.pass_blocks(3)
    own(net.path, address(net.miners[0]), clock=net.time)
    change(net.path, "spec_version", 7, clock=net.time)
    await net.pass_blocks(1)
    async with net.chain() as chain, net.substrate_opened() as substrate:
        assert (await chain.metagraph(Block(3))).owner_hotkey == address(net.owner)
        assert (await now(chain)).owner_hotkey == address(net.miners[0])
        assert await substrate.spec_version() == 7


@pytest.mark.parametrize("block", [pytest.param(True, id="before"), pytest.param(False, id="after")])
async def test_history_tells_the_rules_of_its_time(devnet: "MakeDevNet", block: bool) -> None:
    """A metagraph of an old block carries the rules that held then, also for a reader who comes later."""
    net = devnet(immunity_period=5)
    await net.pass_blocks(5)
    changed = change(net.path, "immunity_period", 9, clock=net.time)
    await net.pass_blocks(5)
    async with net.chain() as chain:
        found = await chain.metagraph(Block(changed - 1 if block else changed))
    assert found.immunity_period == (5 if block else 9)
