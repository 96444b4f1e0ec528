"""The development chain refuses what a chain refuses, by the chain's own names, through the real SDK client."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import bittensor as bt
import pytest

from neurons.chain.types import Applied, RateLimited, Refused
from neurons.devchain.calls import Rejected
from neurons.devchain.faults import FaultKind, FaultPlan
from neurons.devchain.node import Extrinsic, Node, payload
from neurons.devchain.operations import add_fault
from neurons.validator.weights.refusals import PASSING, REFUSALS, Refusal, obstacle, refusal_of
from scoring.types import Hotkey, Uid, Weight

if TYPE_CHECKING:
    from tests.contract.conftest import DevNet, MakeDevNet

NETUID = 7
INVALID, LIMIT = "invalid_argument", "limit_exceeded"


def set_weights(uids: list[int], values: list[int], **overrides: int) -> Any:
    """The raw call, past the SDK's own checks."""
    arguments = {"netuid": NETUID, "mecid": 0, "version_key": 0, **overrides}
    return bt.calls.SubtensorModule.set_mechanism_weights(dests=uids, weights=values, **arguments)


def set_commitment(*texts: bytes, netuid: int = NETUID) -> Any:
    """The raw call with one field per text."""
    fields = [{f"Raw{len(text)}": text} for text in texts]
    return bt.calls.Commitments.set_commitment(netuid=netuid, info={"fields": [fields]})


async def outcome(net: "DevNet", call: Any, wallet: bt.Wallet) -> tuple[str | None, str]:
    """The error's name and code of a hotkey's raw call that fails."""
    async with net.substrate_opened() as substrate:
        result = await bt.Client("local", substrate=substrate).submit_call(call, wallet, signer="hotkey")
    assert not result.success
    assert result.error is not None and result.error.description is not None
    return result.error.name, result.error.code.value


@pytest.mark.parametrize(
    ("call", "rules", "expected"),
    [
        pytest.param(set_weights([1], [1, 2]), {}, ("WeightVecNotEqualSize", INVALID), id="lengths differ"),
        pytest.param(set_weights([1, 1], [1, 2]), {}, ("DuplicateUids", INVALID), id="uid twice"),
        pytest.param(set_weights([9], [1]), {}, ("UidVecContainInvalidOne", INVALID), id="uid not registered"),
        pytest.param(set_weights([0, 1, 2, 9], [1, 1, 1, 1]), {}, ("UidsLengthExceedUidsInSubNet", LIMIT), id="too many"),
        pytest.param(set_weights([0, 2], [1, 1]), {"min_allowed_weights": 3}, ("WeightVecLengthIsLow", INVALID), id="too few"),
        pytest.param(set_weights([], []), {}, ("WeightVecLengthIsLow", INVALID), id="none"),
        pytest.param(set_weights([0, 2], [1, 3]), {"max_weights_limit": 32_767}, ("MaxWeightExceeded", LIMIT), id="too large"),
        pytest.param(set_weights([2], [1]), {"weights_version": 2}, ("IncorrectWeightVersionKey", INVALID), id="old version"),
        pytest.param(set_weights([2], [1]), {"weights_rate_limit": 99}, ("SettingWeightsTooFast", "rate_limited"), id="too soon"),
        pytest.param(
            set_weights([2], [1]),
            {"weights_min_stake": 10**12},
            ("NotEnoughStakeToSetWeights", "insufficient_balance"),
            id="too little stake",
        ),
        pytest.param(set_weights([2], [1], netuid=8), {}, ("SubnetNotExists", "subnet_not_exists"), id="no subnet"),
        pytest.param(set_weights([2], [1], mecid=1), {}, ("MechanismDoesNotExist", "subnet_not_exists"), id="no mechanism"),
        pytest.param(set_commitment(b"x", netuid=8), {}, ("AccountNotAllowedCommit", "not_authorized"), id="commit elsewhere"),
        pytest.param(set_commitment(b"x", b"y"), {}, ("TooManyFieldsInCommitmentInfo", LIMIT), id="two fields"),
        pytest.param(set_commitment(b"x"), {"commitment_space": 99}, ("SpaceLimitExceeded", LIMIT), id="no space"),
    ],
)
async def test_refuses_a_validator_by_name(
    devnet: "MakeDevNet", call: Any, rules: dict[str, int], expected: tuple[str, str]
) -> None:
    """What breaks a rule is in a block, failed, with the chain's own name and the SDK's code."""
    net = devnet(**rules)
    await net.pass_blocks(20)
    assert await outcome(net, call, net.validators[0]) == expected


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        pytest.param(set_weights([0], [1]), ("HotKeyNotRegisteredInSubNet", "not_registered"), id="weights"),
        pytest.param(set_commitment(b"x"), ("AccountNotAllowedCommit", "not_authorized"), id="commitment"),
    ],
)
async def test_refuses_a_stranger_by_name(devnet: "MakeDevNet", call: Any, expected: tuple[str, str]) -> None:
    """Only registered hotkeys act on a subnet."""
    net = devnet()
    assert await outcome(net, call, net.stranger) == expected


async def test_a_miner_needs_a_permit(devnet: "MakeDevNet") -> None:
    """Without stake there is no validator permit, and without a permit only a weight for oneself."""
    net = devnet()
    await net.pass_blocks(20)
    assert await outcome(net, set_weights([0], [1]), net.miners[0]) == ("NeuronNoValidatorPermit", "not_authorized")
    async with net.chain() as chain:
        assert isinstance(await chain.set_weights(net.miners[0], {Uid(2): Weight(1.0)}, 0), Applied)


@pytest.mark.parametrize("size", [pytest.param(127, id="127"), pytest.param(128, id="128")])
async def test_a_commitment_has_at_most_128_bytes(devnet: "MakeDevNet", size: int) -> None:
    """127 and 128 bytes fit; 129 cannot even be encoded, nor can a field that misstates its length."""
    net = devnet()
    async with net.substrate_opened() as substrate:
        client = bt.Client("local", substrate=substrate)
        assert (await client.submit_call(set_commitment(b"x" * size), net.miners[0], signer="hotkey")).success
        with pytest.raises(bt.ChainError, match="cannot be encoded"):
            await client.submit_call(set_commitment(b"x" * 129), net.miners[0], signer="hotkey")
        lying = bt.calls.Commitments.set_commitment(netuid=NETUID, info={"fields": [[{"Raw5": b"x"}]]})
        with pytest.raises(bt.ChainError, match="cannot be encoded"):
            await client.submit_call(lying, net.miners[0], signer="hotkey")


async def test_commitment_space_is_per_epoch(devnet: "MakeDevNet") -> None:
    """Two short commitments use up 200 bytes of space; the next epoch brings new space."""
    net = devnet(commitment_space=200, tempo=50)
    async with net.chain() as chain:
        outcomes = [await chain.commit(net.miners[0], text) for text in (b"one", b"two", b"three")]
        assert [type(result) for result in outcomes] == [Applied, Applied, RateLimited]
        await net.pass_blocks(50)
        assert isinstance(await chain.commit(net.miners[0], b"three"), Applied)


async def test_weights_may_be_set_again_in_time(devnet: "MakeDevNet") -> None:
    """The adapter says how many blocks are left; that many later the chain takes the weights."""
    net = devnet(weights_rate_limit=7)
    await net.pass_blocks(20)
    async with net.chain() as chain:
        weights = {Uid(0): Weight(1.0), Uid(2): Weight(3.0)}
        assert isinstance(await chain.set_weights(net.validators[0], weights, 0), Applied)
        await net.pass_blocks(2)
        waiting = await chain.set_weights(net.validators[0], weights, 0)
        assert isinstance(waiting, RateLimited) and waiting.blocks_left == 5
        await net.pass_blocks(5)
        assert isinstance(await chain.set_weights(net.validators[0], weights, 0), Applied)


@pytest.mark.parametrize(
    ("weights", "version_key", "rules", "expected"),
    [
        pytest.param({9: 1.0}, 0, {}, (INVALID, "UidVecContainInvalidOne"), id="uid not registered"),
        pytest.param({0: 1.0, 2: 1.0}, 0, {"min_allowed_weights": 3}, (INVALID, ""), id="too few: the SDK's own check"),
        pytest.param({2: 1.0}, 1, {"weights_version": 2}, (INVALID, "IncorrectWeightVersionKey"), id="old version key"),
    ],
)
async def test_the_adapter_tells_refusals(
    devnet: "MakeDevNet", weights: dict[int, float], version_key: int, rules: dict[str, int], expected: tuple[str, str]
) -> None:
    """A refused intent is told with the SDK's code and the chain's name."""
    net = devnet(**rules)
    await net.pass_blocks(20)
    async with net.chain() as chain:
        wanted = {Uid(uid): Weight(weight) for uid, weight in weights.items()}
        result = await chain.set_weights(net.validators[0], wanted, version_key)
    assert isinstance(result, Refused)
    assert (result.code, result.name) == expected


@pytest.mark.parametrize(
    ("rules", "writer", "row"),
    [
        pytest.param({"weights_min_stake": 10**12}, "validator", {2: 1}, id="too little stake"),
        pytest.param({"weights_version": 1}, "validator", {2: 1}, id="an old version key"),
        pytest.param({}, "miner", {0: 1}, id="no permit"),
        pytest.param({"min_allowed_weights": 3}, "validator", {0: 1, 2: 1}, id="too few"),
        pytest.param({"max_weights_limit": 32_766}, "validator", {0: 1, 2: 1}, id="too large"),
        pytest.param({"weights_min_stake": 10**12}, "owner", {2: 1}, id="the owner needs no stake"),
        pytest.param({"weights_min_stake": 10**12, "min_allowed_weights": 9}, "owner", {0: 1}, id="the owner for itself"),
        pytest.param({"min_allowed_weights": 9, "max_weights_limit": 1}, "miner", {2: 1}, id="anybody for itself"),
    ],
)
async def test_what_the_metagraph_tells_is_what_the_chain_says(
    devnet: "MakeDevNet", rules: dict[str, int], writer: str, row: dict[int, int]
) -> None:
    """The obstacle that is seen beforehand is the refusal that sending would meet, or there is none of either."""
    net = devnet(**rules)
    await net.pass_blocks(20)
    wallet = {"validator": net.validators[0], "miner": net.miners[0], "owner": net.owner}[writer]
    async with net.chain() as chain:
        metagraph = await chain.metagraph(await chain.head())
    neuron = metagraph.neuron(Hotkey(wallet.hotkey.ss58_address))
    assert neuron is not None
    seen = obstacle(metagraph, neuron, {Uid(uid): value for uid, value in row.items()}, 0)
    async with net.substrate_opened() as substrate:
        call = set_weights(list(row), list(row.values()))
        result = await bt.Client("local", substrate=substrate).submit_call(call, wallet, signer="hotkey")
    assert (None if seen is None else seen.refusal.name) == (result.error.name if result.error else None)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
async def test_every_refusal_can_be_played(devnet: "MakeDevNet", refusal: Refusal) -> None:
    """The node answers with the name; the adapter tells it so that its class is known again, or that it comes too soon."""
    net = devnet()
    await net.pass_blocks(20)
    plan = FaultPlan(kind=FaultKind.ERROR, call="SubtensorModule.set_mechanism_weights", name=refusal.name)
    add_fault(net.path, plan, clock=net.time)
    async with net.chain() as chain:
        result = await chain.set_weights(net.validators[0], {Uid(2): 1.0}, 0)
    if isinstance(result, RateLimited):
        assert refusal.kind is PASSING
    else:
        assert isinstance(result, Refused)
        assert (result.name, refusal_of(result)) == (refusal.name, refusal)


async def test_too_large_a_weight_is_clipped_by_the_sdk(devnet: "MakeDevNet") -> None:
    """The intent fits the weights to the subnet's limit instead of being refused."""
    net = devnet(max_weights_limit=39_321)
    await net.pass_blocks(20)
    async with net.chain() as chain:
        result = await chain.set_weights(net.validators[0], {Uid(0): Weight(0.1), Uid(2): Weight(0.9)}, 0)
        assert isinstance(result, Applied)
        assert (await chain.weights(result.block))[Uid(1)] == pytest.approx({Uid(0): 0.4, Uid(2): 0.6}, abs=1e-3)


@pytest.mark.parametrize("text", [b"\xff\x00\\caf\xc3\xa9", bytes(range(128))], ids=["other bytes", "every byte below 128"])
async def test_any_bytes_reach_the_parser(devnet: "MakeDevNet", text: bytes) -> None:
    """Whatever a miner commits comes back as printable ASCII that tells each byte."""
    net = devnet()
    async with net.chain() as chain:
        result = await chain.commit(net.miners[0], text)
        assert isinstance(result, Applied)
        record = (await chain.metagraph(result.block)).commitment(Hotkey(net.miners[0].hotkey.ss58_address))
    assert record is not None
    assert record.value.isascii() and record.value.isprintable()
    assert record.value.encode().decode("unicode_escape").encode("latin-1") == text


def forged(node: Node, net: "DevNet", **overrides: Any) -> Extrinsic:
    """A miner's signed commitment with something changed after it was signed."""
    hotkey = net.miners[0].hotkey
    call = asyncio.run(net.substrate().compose(set_commitment(b"mine")))
    signature = bytes(hotkey.sign(payload(node.genesis.seed, hotkey.ss58_address, 0, call)))
    honest: dict[str, Any] = {"call": call, "signer": hotkey.ss58_address, "nonce": 0, "signature": signature, "crypto_type": 1}
    return Extrinsic(**{**honest, **overrides})


@pytest.mark.parametrize(
    ("change", "error"),
    [
        pytest.param(lambda net: {"signer": net.validators[0].hotkey.ss58_address}, "BadProof", id="another signer"),
        pytest.param(lambda _: {"nonce": 1}, "BadProof", id="another nonce"),
        pytest.param(lambda _: {"signature": bytes(64)}, "BadProof", id="no signature"),
        pytest.param(
            lambda net: {"call": asyncio.run(net.substrate().compose(set_commitment(b"yours")))}, "BadProof", id="another call"
        ),
    ],
)
def test_a_signature_binds_everything(devnet: "MakeDevNet", change: Callable[["DevNet"], dict[str, Any]], error: str) -> None:
    """The signer is who the transaction says, and it is about this call and this nonce."""
    net = devnet()
    node = Node(net.path, net.time)
    with pytest.raises(Rejected) as caught:
        node.submit(forged(node, net, **change(net)))
    assert caught.value.name == error
    node.close()


def test_a_transaction_counts_once(devnet: "MakeDevNet") -> None:
    """The same signed transaction cannot be sent twice."""
    net = devnet()
    node = Node(net.path, net.time)
    extrinsic = forged(node, net)
    node.submit(extrinsic)
    with pytest.raises(Rejected) as caught:
        node.submit(extrinsic)
    assert caught.value.name == "Stale"
    node.close()
