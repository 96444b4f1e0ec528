"""The one adapter over `bittensor.Client`: everything the project reads from a chain or writes to it, in our own types."""

import asyncio
import math
from collections.abc import Awaitable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Self, TypeVar

import bittensor as bt
from bittensor.result import BittensorError, ConnectionNotReady, RpcConnectionError
from bittensor.settings import NETWORKS, default_archive_endpoints, default_fallback_endpoints, resolve_endpoint
from bittensor.sp_core import ss58_decode
from websockets.exceptions import WebSocketException

from neurons.chain.types import (
    COMMITMENT_BYTES,
    Applied,
    ChainUnavailable,
    CommitmentRecord,
    CommitmentStatus,
    CommitResult,
    Metagraph,
    Neuron,
    RateLimited,
    Refused,
    SealedCommit,
    SealedWeights,
    WeightMatrix,
    WeightsResult,
)
from scoring.errors import Code, PlatformError
from scoring.types import Block, BlockHash, Hotkey, PublicKey, Uid, to_block_hash

T = TypeVar("T")
_SubtensorModule = bt.storage.SubtensorModule

_WRITE_BLOCKS = 8
"""A write waits for its block: so many block times are added to its time limit."""
COMMIT_LASTS = 16
"""Blocks in which what was signed (a commitment, weights) may be included; after them it is void."""
_SPACE_NAMES = ("SpaceLimitExceeded",)
"""The chain's names for a commitment that comes too soon: its quota is of bytes per epoch."""
_KEPT_BYTES = COMMITMENT_BYTES + 1
"""A revealed commitment may be ten times as long as a plain one; what is kept of it stays within what the API stores."""


class Chain:
    """One subnet of one chain. Every method raises ChainUnavailable when the chain does not answer, or not in time.

    `substrate` is the SDK's own seam: its RPC backend, or the development chain.
    """

    def __init__(self, substrate: bt.Substrate, netuid: int, timeout: timedelta, network: str = "local") -> None:
        self._substrate = substrate
        self._client = bt.Client(network, substrate=substrate)
        self._netuid = netuid
        self._timeout = timeout

    @property
    def netuid(self) -> int:
        """The subnet's number."""
        return self._netuid

    async def head(self) -> Block:
        """The newest block; it may still be replaced."""
        return Block(await self._bounded(self._client.block()))

    async def finalized(self) -> Block:
        """The newest block that cannot be replaced any more."""
        return Block(await self._bounded(self._client.finalized_block()))

    async def block_seconds(self) -> float:
        """Seconds from one block to the next."""
        return await self._bounded(self._client.block_time())

    async def block_hash(self, block: Block) -> BlockHash:
        """The hash of a block that exists."""
        return to_block_hash(await self._bounded(self._substrate.block_hash(block)))

    async def time_of(self, block: Block) -> datetime:
        """The time that stands in a block that exists."""
        snapshot = await self._bounded(self._client.at(block))
        milliseconds = await self._bounded(snapshot.query(bt.storage.Timestamp.Now, []))
        if milliseconds is None:
            raise ChainUnavailable(f"the node tells no time of block {block}")
        return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)

    async def metagraph(self, block: Block | None = None) -> Metagraph:
        """Neurons, commitments and rules at a block (default: the newest finalized one)."""
        at = await self.finalized() if block is None else block
        block_hash = await self.block_hash(at)
        snapshot = await self._bounded(self._client.at(at))
        found, least, milliseconds = await self._bounded(
            asyncio.gather(
                snapshot.subnets.metagraph(self._netuid),
                snapshot.query(_SubtensorModule.StakeThreshold, []),
                snapshot.query(bt.storage.Timestamp.Now, []),
            )
        )
        if found is None:
            raise ChainUnavailable(f"there is no subnet {self._netuid} on this network; name another netuid")
        made_at = datetime.fromtimestamp(int(milliseconds or 0) / 1000, UTC)
        return metagraph_of(found, at, block_hash, made_at=made_at, weights_min_stake=int(least or 0))

    async def weights(self, block: Block | None = None) -> WeightMatrix:
        """Read each validator's weights at a block (default: the newest finalized one), as shares that sum to 1."""
        at = await self.finalized() if block is None else block
        snapshot = await self._bounded(self._client.at(at))
        rows = await self._bounded(snapshot.weights.weights(self._netuid))
        return {Uid(uid): {Uid(target): share for target, share in row.items()} for uid, row in rows.items()}

    async def sealed(self, hotkey: Hotkey, uid: Uid, block: Block | None = None) -> SealedWeights:
        """A validator's weights that wait sealed, and those that count, at a block (default: the newest finalized one)."""
        at = await self.finalized() if block is None else block
        snapshot = await self._bounded(self._client.at(at))
        epochs = await self._bounded(snapshot.weights.timelocked_weight_commits(self._netuid))
        index, period, sealing, row = await self._bounded(
            asyncio.gather(
                snapshot.query(_SubtensorModule.SubnetEpochIndex, [self._netuid]),
                snapshot.query(_SubtensorModule.RevealPeriodEpochs, [self._netuid]),
                snapshot.query(_SubtensorModule.CommitRevealWeightsEnabled, [self._netuid]),
                snapshot.query(_SubtensorModule.Weights, [self._netuid, uid]),
            )
        )
        waiting = tuple(
            SealedCommit(Block(commit["commit_block"]), epoch, commit["reveal_round"])
            for epoch, commits in epochs.items()
            for commit in commits
            if commit["hotkey"] == hotkey
        )
        weights = {Uid(int(target)): int(value) for target, value in row or []}
        epoch, period = int(index or 0), int(period or 0)
        return SealedWeights(block=at, epoch=epoch, reveal_period=period, sealing=bool(sealing), waiting=waiting, row=weights)

    async def commit(self, wallet: bt.Wallet, text: bytes) -> CommitResult:
        """Publish a commitment signed by the wallet's hotkey, and wait until a block holds it.

        The signed commitment can be in no block later than `COMMIT_LASTS` blocks after the newest one, however this ends.
        """
        if len(text) > COMMITMENT_BYTES:
            message = f"a commitment has at most {COMMITMENT_BYTES} bytes, this one {len(text)}"
            return Refused(bt.ErrorCode.LIMIT_EXCEEDED.value, "", message)
        sent = self._client.submit_call(
            self._commitment(text), wallet, signer="hotkey", period=COMMIT_LASTS, wait_for_finalization=False
        )
        outcome = await self._written(sent)
        return RateLimited(None, outcome.message) if isinstance(outcome, Refused) and outcome.name in _SPACE_NAMES else outcome

    async def commit_fee(self, wallet: bt.Wallet, text: bytes) -> int:
        """Ask the chain for the fee of a commitment, in rao, which the hotkey's own account pays; nothing is signed."""
        call = await self._bounded(self._substrate.compose(self._commitment(text)))
        return int((await self._bounded(self._substrate.estimate_fee(call, wallet.hotkey))).rao)

    async def balance(self, address: str) -> int:
        """An account's free tokens, in rao."""
        account = await self._bounded(self._substrate.query("System", "Account", [address]))
        return int(account["data"]["free"]) if account else 0

    def _commitment(self, text: bytes) -> bt.calls.Call:
        return bt.calls.Commitments.set_commitment(netuid=self._netuid, info={"fields": [[{f"Raw{len(text)}": text}]]})

    async def set_weights(self, wallet: bt.Wallet, weights: Mapping[Uid, float], version_key: int) -> WeightsResult:
        """Set the hotkey's weights as the subnet asks (plain, or sealed until later) and wait until a block holds them.

        Only their ratios count. A vector of `scoring.weights.plan.to_u16` within the subnet's limit reaches the chain as it is.
        """
        try:
            intent = bt.SetWeights(netuid=self._netuid, weights=dict(weights), version_key=version_key)
        except BittensorError as exc:
            return Refused(bt.ErrorCode.INVALID_ARGUMENT.value, "", str(exc))
        outcome = await self._written(self._client.execute(intent, wallet, period=COMMIT_LASTS, wait_for_finalization=False))
        if isinstance(outcome, RateLimited):
            metagraph = await self.metagraph(await self.head())
            neuron = metagraph.neuron(Hotkey(wallet.hotkey.ss58_address))
            waited = None if neuron is None else metagraph.block - neuron.last_update
            return RateLimited(None if waited is None else max(0, metagraph.weights_rate_limit - waited), outcome.message)
        return outcome

    async def write_lasts(self) -> int:
        """Blocks after the newest one in which a write that begins now may still be included, however it ends."""
        return COMMIT_LASTS + _WRITE_BLOCKS + math.ceil(self._timeout.total_seconds() / await self.block_seconds())

    async def aclose(self) -> None:
        """Close the connection."""
        await self._bounded(self._substrate.close())

    async def __aenter__(self) -> Self:
        """Open the connection."""
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connection."""
        await self.aclose()

    async def open(self) -> None:
        """Open the connection. The client's own `connect` would also keep a cache of token symbols in the user's home."""
        await self._bounded(self._substrate.connect())

    async def _bounded(self, work: Awaitable[T], extra: float = 0.0) -> T:
        """Await within the time limit (`extra` seconds longer), and name every outage."""
        limit = self._timeout.total_seconds() + extra
        try:
            async with asyncio.timeout(limit):
                return await work
        except TimeoutError as exc:
            raise ChainUnavailable(f"the chain did not answer within {limit:.0f} s") from exc
        except (BittensorError, WebSocketException, OSError) as exc:
            raise ChainUnavailable(f"the chain did not answer as it should: {exc}") from exc

    async def _written(self, work: Awaitable[bt.ExtrinsicResult]) -> Applied | RateLimited | Refused:
        """Await a write and decide by `success` and the error's code; a result is truthy only by accident."""
        extra = _WRITE_BLOCKS * await self.block_seconds()
        try:
            result = await self._bounded(work, extra)
        except ChainUnavailable as exc:
            refusal = _refusal(exc.__cause__)
            if refusal is None:
                raise
            return refusal
        if not result.success:
            return _refused(result.error or bt.ChainError(result.message))
        if result.extrinsic_id is None:
            raise ChainUnavailable("the chain took the transaction and did not say in which block")
        block, _, _index = result.extrinsic_id.partition("-")
        return Applied(Block(int(block)), result.data.get("reveal_round"))


def metagraph_of(
    found: bt.Metagraph, block: Block, block_hash: BlockHash, *, made_at: datetime, weights_min_stake: int
) -> Metagraph:
    """Translate the SDK's metagraph at `block`; raises ChainUnavailable if the node left out a field that we need.

    `weights_min_stake` (rao) is a rule of the whole chain, which no metagraph tells.
    """
    rules = found.raw
    immunity = _number(rules, "immunity_period")
    commitments = [*found.commitments.values(), *found.unregistered_commitments.values()]
    return Metagraph(
        netuid=found.netuid,
        block=block,
        block_hash=block_hash,
        made_at=made_at,
        owner_hotkey=Hotkey(found.owner_hotkey),
        owner_coldkey=found.owner_coldkey,
        neurons=tuple(_neuron(neuron, immunity) for neuron in found.neurons),
        commitments=tuple(sorted((record_of(commitment) for commitment in commitments), key=lambda r: (r.block, r.hotkey))),
        tempo=found.tempo,
        activity_cutoff=_number(rules, "activity_cutoff"),
        immunity_period=immunity,
        weights_rate_limit=_number(rules, "weights_rate_limit"),
        weights_version=_number(rules, "weights_version"),
        weights_min_stake=weights_min_stake,
        min_allowed_weights=_number(rules, "min_allowed_weights"),
        max_weights_limit=_number(rules, "max_weights_limit"),
    )


def _number(rules: Mapping[str, Any], name: str) -> int:
    try:
        return int(rules[name])
    except (KeyError, TypeError, ValueError) as exc:
        raise ChainUnavailable(f"the node's metagraph has no number {name!r}: its runtime is unknown here") from exc


def _neuron(neuron: bt.MetagraphNeuron, immunity: int) -> Neuron:
    return Neuron(
        uid=Uid(neuron.uid),
        hotkey=Hotkey(neuron.hotkey),
        coldkey=neuron.coldkey,
        public_key=PublicKey(bytes(ss58_decode(neuron.hotkey)).hex()),
        stake=neuron.total_stake.rao,
        incentive=neuron.incentive,
        dividends=neuron.dividends,
        emission=neuron.emission.rao,
        validator_permit=neuron.validator_permit,
        active=neuron.active,
        last_update=Block(neuron.last_update),
        registered_at_block=Block(neuron.block_at_registration),
        immune_until_block=Block(neuron.block_at_registration + immunity),
    )


def record_of(commitment: bt.NeuronCommitment) -> CommitmentRecord:
    r"""Translate one commitment, whatever it holds; one that is too long is cut, and still too long to be read as a shorter one.

    Its value is printable ASCII: all other bytes, and the backslash, become `\xNN`.
    """
    status = CommitmentStatus(commitment.status)
    match status:
        case CommitmentStatus.PLAIN:  # the SDK's own text would turn other than UTF-8 into hex
            variants = [item for field in commitment.fields if isinstance(field, dict) for item in field.items()]
            data = b"".join(bytes.fromhex(value.removeprefix("0x")) for name, value in variants if name.startswith("Raw"))
        case CommitmentStatus.REVEALED:
            data = (commitment.value or "").encode("utf-8", "surrogatepass")
        case CommitmentStatus.SEALED | CommitmentStatus.FAILED:
            data = b""
    value = "".join(chr(byte) if 0x20 <= byte < 0x7F and byte != 0x5C else f"\\x{byte:02x}" for byte in data[:_KEPT_BYTES])
    return CommitmentRecord(Hotkey(commitment.hotkey), Block(commitment.block), value, status)


def _refusal(cause: BaseException | None) -> RateLimited | Refused | None:
    """Translate a refusal of the SDK itself, before anything was sent; None for an outage.

    A raised ChainError with an unknown code is a failed connection in the SDK's clothes.
    """
    match cause:
        case ConnectionNotReady() | RpcConnectionError():
            return None
        case bt.ChainError():
            return None if cause.code is bt.ErrorCode.UNKNOWN else _refused(cause)
        case BittensorError():
            return Refused(bt.ErrorCode.INVALID_ARGUMENT.value, "", str(cause))
        case _:
            return None


def _refused(error: bt.ChainError) -> RateLimited | Refused:
    if error.code is bt.ErrorCode.RATE_LIMITED:
        return RateLimited(None, error.message)
    return Refused(error.code.value, error.name or "", error.message)


def rpc_substrate(network: str, fallbacks: Sequence[str] = (), turn: int = 0) -> bt.Substrate:
    """The SDK's connection to a network that it knows; raises PlatformError(SETTING_INVALID) for one that it does not know.

    An endpoint that cannot be reached is replaced by the next one: `fallbacks`, or what the SDK knows for the network. One that can be
    reached and does not answer is not: `turn` says with which of them to begin.
    """
    label, first, *others = endpoints(network, fallbacks, turn)
    return bt.RpcSubstrate(first, fallback_endpoints=others, archive_endpoints=default_archive_endpoints(label))


def endpoints(network: str, fallbacks: Sequence[str], turn: int) -> tuple[str, ...]:
    """The network's label, then where it is reached, in the order in which to try: the `turn`-th first."""
    try:
        label, endpoint = resolve_endpoint(network)
    except ValueError as exc:
        known = f"there are dev, {', '.join(sorted(NETWORKS))}, and nodes by their addresses, ws://… or wss://…"
        raise PlatformError(Code.SETTING_INVALID, f"no network is called {network}: {known}") from exc
    urls = list(dict.fromkeys([endpoint, *(fallbacks or default_fallback_endpoints(label))]))
    start = turn % len(urls)
    return (label, *urls[start:], *urls[:start])
