"""The node: the log, the clock and the fold together. Any number of processes run one on the same file."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from bittensor.sp_core import verify

from neurons.devchain.calls import DevCall, Rejected, dispatch
from neurons.devchain.events import Event, Failed, LoggedEvent, Origin
from neurons.devchain.genesis import Clock, block_at, hash_of
from neurons.devchain.log import EventLog
from neurons.devchain.state import ChainState, advance, apply, at_genesis
from scoring.types import Block

_STATES_KEPT = 64


class NoSuchBlock(Exception):
    """A block that is not there yet, or a hash of no block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extrinsic:
    """A call with its signature over `payload`."""

    call: DevCall
    signer: str
    nonce: int
    signature: bytes
    crypto_type: int
    """0 for ed25519, 1 for sr25519."""


def payload(seed: str, signer: str, nonce: int, call: DevCall) -> bytes:
    """The bytes that a signer signs: this chain, its account, its nonce and the call."""
    return b"\n".join((b"devchain", seed.encode(), signer.encode(), str(nonce).encode(), call.data))


class Node:
    """One process's view of the chain. Its methods block on SQLite; threads may share it."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._log = EventLog(path)
        self._clock = clock
        self._lock = Lock()
        self._sealed = Block(-1)
        self._states: dict[int, ChainState] = {}
        self.genesis = self._log.genesis

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._log.close()

    def head(self) -> Block:
        """The newest block."""
        return block_at(self.genesis, self._clock())

    def finalized(self) -> Block:
        """The newest block that is final; 0 is from the beginning."""
        return Block(max(0, self.head() - self.genesis.finality_blocks))

    def state(self, block: int) -> ChainState:
        """The state after a block; raises NoSuchBlock for one to come."""
        with self._lock:
            self._seal(block)
            state = self._folded(block)
            self._keep(state)
            return state

    def events(self, after: int, upto: int) -> list[LoggedEvent]:
        """The events of the blocks after < block ≤ upto; raises NoSuchBlock for one to come."""
        with self._lock:
            self._seal(upto)
            return self._log.between(after, upto)

    def next_nonce(self, address: str) -> int:
        """An account's next nonce, with the transactions that the next block already holds."""
        with self._lock:
            return self._folded(max(self.head() + 1, self._log.last_block())).nonces.get(address, 0)

    def submit(self, extrinsic: Extrinsic) -> LoggedEvent:
        """Put a signed call into the next block; raises Rejected where a pool would not take it (signature, nonce)."""
        signed = payload(self.genesis.seed, extrinsic.signer, extrinsic.nonce, extrinsic.call)
        if not verify(signed, extrinsic.signature, extrinsic.signer, extrinsic.crypto_type):
            raise Rejected("BadProof")
        return self.transact(lambda state: self._outcome(extrinsic, state))

    def transact(self, decide: Callable[[ChainState], Event]) -> LoggedEvent:
        """Put the event that `decide` makes of the present state into the next block; an exception leaves the chain as it was."""
        with self._lock, self._log.writing():
            self._sealed = self.head()
            self._keep(self._folded(self._sealed))
            block = Block(max(self._sealed + 1, self._log.last_block()))
            event = decide(self._folded(block))
            return LoggedEvent(block, self._log.append(block, event), event)

    def _outcome(self, extrinsic: Extrinsic, state: ChainState) -> Event:
        expected = state.nonces.get(extrinsic.signer, 0)
        if extrinsic.nonce != expected:
            raise Rejected("Stale" if extrinsic.nonce < expected else "Future")
        origin = Origin(extrinsic.signer, extrinsic.nonce, extrinsic.signature.hex())
        try:
            return dispatch(extrinsic.call, origin, state, self.genesis)
        except Rejected as exc:
            return Failed(extrinsic.call.name, exc.name, origin)

    def _seal(self, block: int) -> None:
        """Make sure that nothing can be added to a block any more before it is read.

        A writer chooses its block while it holds the write lock. So a reader that gets that lock once the block has begun knows
        that each later writer chooses a later block.
        """
        if block > self._sealed:
            with self._log.writing():
                self._sealed = self.head()
        if not 0 <= block <= self._sealed:
            raise NoSuchBlock(f"block {block} is not there yet; the newest is {self._sealed}")

    def _folded(self, block: int) -> ChainState:
        """Fold from the nearest earlier state that is kept."""
        known = max((kept for kept in self._states if kept <= block), default=None)
        state = at_genesis(self.genesis) if known is None else self._states[known]
        for entry in self._log.between(state.block, block):
            state = apply(advance(state, entry.block), entry.event)
        return advance(state, block)

    def _keep(self, state: ChainState) -> None:
        """Remember a sealed state, and forget the oldest remembered one."""
        self._states[state.block] = state
        if len(self._states) > _STATES_KEPT:
            del self._states[next(iter(self._states))]

    def hash(self, block: int) -> str:
        """The hash of a block that is there; raises NoSuchBlock."""
        if not 0 <= block <= self.head():
            raise NoSuchBlock(f"block {block} is not there yet; the newest is {self.head()}")
        return hash_of(self.genesis, block)
