"""The chain, this host's clock beside it, and the hotkey's place on the subnet."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from neurons.chain.adapter import Chain
from neurons.chain.types import Metagraph, Neuron
from neurons.doctor.catalogue import CheckName
from neurons.doctor.finding import Finding, failing, unknown, warning, well
from neurons.doctor.words import lasting, skew
from scoring.types import Block, Hotkey

LONGEST_WAIT = timedelta(seconds=12.5)
"""The longest wait for another block: one of the public chain's comes every twelve seconds."""
_LATE_BLOCKS, _LATE = 4, timedelta(seconds=30)
"""The newest block may be so old: a few blocks that were missed, and the slowness of whoever tells of it."""
_MOST_UNFINALIZED = timedelta(minutes=5)
_RAO = 1e9
_NOT_REGISTERED = "not known: the hotkey is not registered"

Now = Callable[[], datetime]
Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainView:
    """The chain's newest block as a node tells of it."""

    head: Block
    head_at: datetime
    """The time that stands in the block."""
    finalized: Block
    block_seconds: float
    asked_at: datetime
    """By this host's clock."""
    moved: bool | None = None
    """Whether another block came while one was waited for; None where nobody had to wait."""

    @property
    def age(self) -> timedelta:
        """How old the newest block is by this host's clock; less than nothing where that is behind."""
        return self.asked_at - self.head_at

    @property
    def longest_age(self) -> timedelta:
        """How old it may be."""
        return max(_LATE_BLOCKS * timedelta(seconds=self.block_seconds), _LATE)


async def read_chain(chain: Chain, now: Now, sleep: Sleep = asyncio.sleep) -> ChainView:
    """The chain's head. Where it seems old, another block is waited for: either the chain stands, or this host's clock is wrong."""
    head, finalized, seconds = await chain.head(), await chain.finalized(), await chain.block_seconds()
    head_at, asked_at = await chain.time_of(head), now()
    view = ChainView(head=head, head_at=head_at, finalized=finalized, block_seconds=seconds, asked_at=asked_at)
    if view.age <= view.longest_age:
        return view
    await sleep(min(1.1 * seconds, LONGEST_WAIT.total_seconds()))
    return replace(view, moved=await chain.head() > head)


def head(view: ChainView) -> tuple[Finding, Finding]:
    """The rows of the chain and of this host's clock."""
    set_clock = "Set this host's clock by the network (`timedatectl set-ntp true`), then look again."
    if view.moved is False:
        value = f"it stands still: block {view.head} is {lasting(view.age)} old, and no other came"
        fix = "Name other endpoints in VOICE_FALLBACK_ENDPOINTS; where they show the same, the chain itself stands: wait."
        return failing(CheckName.CHAIN, value, fix), unknown(CheckName.CLOCK, "not known while the chain stands still")
    if abs(view.age) > view.longest_age:
        clock = failing(CheckName.CLOCK, f"this host's clock is {skew(view.age)} the chain's", set_clock)
        return _lag(view, ""), clock
    return _lag(view, f", {lasting(view.age)} old"), well(CheckName.CLOCK, f"agrees with block {view.head}")


def _lag(view: ChainView, age: str) -> Finding:
    behind = (view.head - view.finalized) * timedelta(seconds=view.block_seconds)
    value = f"block {view.head}{age}"
    if behind > max(_MOST_UNFINALIZED, _LATE_BLOCKS * timedelta(seconds=view.block_seconds)):
        fix = "Rounds wait for final blocks: wait, and try other endpoints in VOICE_FALLBACK_ENDPOINTS."
        return warning(CheckName.CHAIN, f"{value}; no block was finalized for {lasting(behind)}", fix)
    return well(CheckName.CHAIN, f"{value}, {view.head - view.finalized} not final yet")


def place(metagraph: Metagraph, hotkey: Hotkey) -> tuple[Finding, Neuron | None]:
    """The row of the hotkey's registration, and its neuron."""
    neuron = metagraph.neuron(hotkey)
    if neuron is None:
        fix = (
            "Register it (`btcli subnets register`, on network dev `voice dev register`), or correct VOICE_NETUID and the wallet."
        )
        return failing(CheckName.REGISTRATION, f"{hotkey} is not registered on subnet {metagraph.netuid}", fix), None
    return well(CheckName.REGISTRATION, f"uid {neuron.uid} of subnet {metagraph.netuid}"), neuron


def may_set_weights(metagraph: Metagraph, hotkey: Hotkey, version_key: int) -> tuple[Finding, ...]:
    """The rows of registration, stake, permit and version key of a validator."""
    registration, neuron = place(metagraph, hotkey)
    key = _version_key(metagraph, version_key)
    if neuron is None:
        return registration, unknown(CheckName.STAKE, _NOT_REGISTERED), unknown(CheckName.PERMIT, _NOT_REGISTERED), key
    is_owner = hotkey == metagraph.owner_hotkey
    return registration, _stake(metagraph, neuron, is_owner=is_owner), _permit(neuron, is_owner=is_owner), key


def _stake(metagraph: Metagraph, neuron: Neuron, *, is_owner: bool) -> Finding:
    value, least = f"{neuron.stake / _RAO:g} tokens", metagraph.weights_min_stake
    if neuron.stake >= least or is_owner:
        return well(CheckName.STAKE, value)
    return failing(CheckName.STAKE, f"{value}, and the chain takes weights from {least / _RAO:g} on", "Stake more on the hotkey.")


def _permit(neuron: Neuron, *, is_owner: bool) -> Finding:
    if neuron.validator_permit:
        return well(CheckName.PERMIT, "held")
    if is_owner:
        return well(CheckName.PERMIT, "none, and the subnet's owner needs none")
    fix = "Stake more: the most stake gets the permits, at the next epoch."
    return failing(CheckName.PERMIT, "the hotkey has no validator permit: the chain takes no weights from it", fix)


def _version_key(metagraph: Metagraph, version_key: int) -> Finding:
    if version_key >= metagraph.weights_version:
        return well(CheckName.VERSION_KEY, f"{version_key}, and the subnet takes {metagraph.weights_version} or more")
    value = f"VOICE_VERSION_KEY is {version_key}, and the subnet takes {metagraph.weights_version} or more"
    return failing(CheckName.VERSION_KEY, value, "Install the newest release, and set VOICE_VERSION_KEY to the subnet's number.")


def commitment(metagraph: Metagraph, hotkey: Hotkey) -> Finding:
    """The row of a miner's commitment."""
    found = metagraph.commitment(hotkey)
    if found is None:
        fix = "`voice miner run` publishes and commits a model; docs/miner.md begins there."
        return warning(CheckName.COMMITMENT, "nothing is committed yet", fix)
    return well(CheckName.COMMITMENT, f"{found.value or found.status.value}, in block {found.block}")
