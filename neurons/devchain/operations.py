"""A developer's operations on a chain, which need no signature: create it, fund, register, stake, rule, let it fail, look at it."""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from neurons.devchain import calls, log
from neurons.devchain.calls import Rejected, ensure
from neurons.devchain.events import Event, Funded, LoggedEvent, Owned, Registered, Ruled, describe
from neurons.devchain.faults import Fault, FaultPlan, FaultTable
from neurons.devchain.genesis import Clock, Genesis
from neurons.devchain.node import Node
from neurons.devchain.state import ChainState
from neurons.devchain.subnet import Rules
from scoring.errors import Code, PlatformError
from scoring.types import Block, BlockHash, Hotkey, Uid


@dataclass(frozen=True, slots=True)
class BlockSummary:
    """A block and its events, one line each."""

    number: Block
    hash: BlockHash
    events: tuple[str, ...]


def create(
    path: Path,
    *,
    netuid: int,
    block_seconds: float,
    owner_coldkey: str,
    owner_hotkey: Hotkey,
    rules: Rules | None = None,
    seed: bytes | None = None,
    clock: Clock = time.time,
) -> None:
    """Make a chain whose block 0 begins now, with the owner's neuron at uid 0.

    `seed` (default: 32 random bytes) makes the block hashes. Raises ChainUnavailable if the file exists or cannot be written,
    PlatformError(SETTING_INVALID) for a block time that is not positive.
    """
    if block_seconds <= 0:
        raise PlatformError(Code.SETTING_INVALID, f"a block takes more than 0 s, not {block_seconds}")
    chosen = secrets.token_bytes(32) if seed is None else seed
    log.create(
        path,
        Genesis(
            netuid=netuid,
            block_seconds=block_seconds,
            started=clock(),
            seed=chosen.hex(),
            owner_hotkey=owner_hotkey,
            owner_coldkey=owner_coldkey,
            rules=rules or Rules(),
        ),
    )


def faucet(path: Path, coldkey: str, amount: int, *, clock: Clock = time.time) -> Block:
    """Give rao to a coldkey; returns the block that will hold it."""
    if amount <= 0:
        raise PlatformError(Code.ARGUMENT_INVALID, f"the faucet gives more than 0 rao, not {amount}")
    return _transact(path, clock, lambda _: Funded(coldkey, amount)).block


def register(path: Path, hotkey: Hotkey, coldkey: str, stake: int = 0, *, clock: Clock = time.time) -> Uid:
    """Register a hotkey with a stake in rao, paid with the registration's cost from the coldkey's balance; returns its uid.

    Raises PlatformError(CHAIN_REFUSED) with the chain's own name for why not.
    """
    entry = _transact(path, clock, lambda state: calls.register(hotkey, coldkey, stake, state))
    if not isinstance(entry.event, Registered):
        raise PlatformError(Code.INTERNAL, f"a registration became {type(entry.event).__name__}")
    return Uid(entry.event.uid)


def stake(path: Path, hotkey: Hotkey, coldkey: str, amount: int, *, clock: Clock = time.time) -> Block:
    """Move rao from a coldkey's balance to a hotkey, or back where less than 0 (all, where that is more than there is).

    Returns the block that will hold it; raises PlatformError(CHAIN_REFUSED).
    """

    def decide(state: ChainState) -> Event:
        if amount < 0:
            return calls.unstake(hotkey, coldkey, -amount, state)
        return calls.stake(hotkey, coldkey, amount, state)

    return _transact(path, clock, decide).block


def change(path: Path, name: str, value: int, *, clock: Clock = time.time) -> Block:
    """Set a hyperparameter (a switch to 0 or 1); returns the block from which on it holds.

    Raises PlatformError: ARGUMENT_INVALID for a name or value that there is not, CHAIN_REFUSED for fewer uids than are taken.
    """

    def decide(state: ChainState) -> Event:
        try:
            state.rules.changed(name, value)
        except ValueError as exc:
            raise PlatformError(Code.ARGUMENT_INVALID, str(exc)) from exc
        ensure(name != "max_uids" or value >= len(state.neurons), "MaxAllowedUIdsLessThanCurrentUIds")
        return Ruled(name, value)

    return _transact(path, clock, decide).block


def own(path: Path, hotkey: Hotkey, *, clock: Clock = time.time) -> Block:
    """Let the subnet's owner name another hotkey as its own; returns the block from which on it is."""
    return _transact(path, clock, lambda _: Owned(hotkey)).block


def reveal(
    path: Path, hotkey: Hotkey, weights: Mapping[Uid, int], sealed_in: int | None = None, *, clock: Clock = time.time
) -> Block:
    """Open a hotkey's sealed weights (of a block; default: the earliest that wait) as these u16 weights; returns the block.

    The public beacon would open it on a real chain; offline a developer gives the weights. Raises PlatformError(CHAIN_REFUSED).
    """
    wanted = calls.WeightsRequest(tuple(weights), tuple(weights.values()), 2**64 - 1)
    return _transact(path, clock, lambda state: calls.reveal(hotkey, wanted, state, sealed_in)).block


def blocks(path: Path, limit: int, *, clock: Clock = time.time) -> list[BlockSummary]:
    """The newest blocks, the newest first, at most `limit`."""
    with _node(path, clock) as node:
        head = node.head()
        first = max(0, head - limit + 1)
        found = {n: list(entries) for n, entries in groupby(node.events(first - 1, head), key=lambda entry: entry.block)}
        numbers = [Block(n) for n in range(head, first - 1, -1)]
        return [BlockSummary(n, BlockHash(node.hash(n)), tuple(describe(e.event) for e in found.get(n, []))) for n in numbers]


@contextmanager
def _node(path: Path, clock: Clock) -> Iterator[Node]:
    node = Node(path, clock)
    try:
        yield node
    finally:
        node.close()


def _transact(path: Path, clock: Clock, decide: Callable[[ChainState], Event]) -> LoggedEvent:
    with _node(path, clock) as node:
        try:
            return node.transact(decide)
        except Rejected as exc:
            raise PlatformError(Code.CHAIN_REFUSED, f"the chain refused: {exc.name}") from exc


def add_fault(path: Path, plan: FaultPlan, *, clock: Clock = time.time) -> int:
    """Let the node fail from now on, for every process; returns the fault's id."""
    with _node(path, clock) as node, closing(FaultTable(path)) as table:
        return table.add(plan, node.head())


def faults(path: Path) -> list[Fault]:
    """All faults, those that are over too, with how often each struck."""
    with closing(FaultTable(path)) as table:
        return table.all()


def clear_faults(path: Path, fault: int | None = None) -> int:
    """Forget one fault, or all; returns how many."""
    with closing(FaultTable(path)) as table:
        return table.clear(fault)
