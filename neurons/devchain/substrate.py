"""The SDK's `Substrate` protocol over a node of the development chain: intents, reads and wallets above it are the real ones."""

import asyncio
import functools
import inspect
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from bittensor import Balance, ChainError, ConnectionNotReady, ErrorCode, ExtrinsicResult
from bittensor.error_descriptions import DESCRIPTIONS

from neurons.devchain import storage
from neurons.devchain.calls import KNOWN, DevCall, Rejected, check
from neurons.devchain.events import Failed, LoggedEvent
from neurons.devchain.fault_injector import Draw, FaultInjector, NodeError
from neurons.devchain.genesis import Clock, number_of, starts_at
from neurons.devchain.node import Extrinsic, Node, NoSuchBlock, payload
from neurons.devchain.state import ChainState
from neurons.devchain.storage import NotServed
from neurons.devchain.unsupported import UnsupportedCalls, refuse
from scoring.types import Block

P = ParamSpec("P")
T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]

_LONGEST_NAP = 0.5
_STALE_NAP = 0.05


def _with_faults(
    method: Callable[Concatenate["DevSubstrate", P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate["DevSubstrate", P], Coroutine[Any, Any, T]]:
    """Let the faults strike a call by its name, and by the item that it reads or the call that it submits (`Module.Item`)."""

    @functools.wraps(method)
    async def faulty(self: "DevSubstrate", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._injector.call(
            _names(method.__name__.strip("_"), args), self._node.head(), lambda: method(self, *args, **kwargs)
        )

    return faulty


def _names(method: str, args: tuple[Any, ...]) -> tuple[str, ...]:
    match args:
        case (DevCall() as call, *_):
            return (method, call.name)
        case (str() as module, str() as item, *_):
            return (method, f"{module}.{item}")
        case _:
            return (method,)


class DevSubstrate(UnsupportedCalls):
    """The chain in one file. `clock`, `sleep` and `draw` are parameters so that a test may own the time and the chance."""

    def __init__(self, path: Path, clock: Clock = time.time, sleep: Sleep = asyncio.sleep, draw: Draw = random.random) -> None:
        self._path = path
        self._clock = clock
        self._sleep = sleep
        self._draw = draw
        self._opened: tuple[Node, FaultInjector] | None = None
        self.token_symbols: dict[int, str] = {}

    def balance(self, rao: int, netuid: int = 0) -> Balance:
        """An amount with this chain's token symbol."""
        return Balance(int(rao), netuid, self.token_symbols.get(netuid) if netuid else None)

    async def connect(self) -> None:
        """Open the file; raises ChainUnavailable if it is missing or damaged."""
        if self._opened is not None:
            return
        node = await asyncio.to_thread(Node, self._path, self._clock)
        self._opened = node, FaultInjector(self._path, self._draw)
        self.token_symbols = {node.genesis.netuid: storage.SYMBOL}
        async with AsyncExitStack() as on_failure:
            on_failure.push_async_callback(self.close)
            await self._injector.call(("connect",), self._node.head(), self.block_time)
            on_failure.pop_all()

    async def close(self) -> None:
        """Close the file."""
        if self._opened is not None:
            (node, injector), self._opened = self._opened, None
            await asyncio.to_thread(injector.close)
            await asyncio.to_thread(node.close)

    @_with_faults
    async def block_hash(self, block: int | None = None) -> str:
        """The hash of a block (default: the newest)."""
        return await self._hash(await self._head() if block is None else block)

    @_with_faults
    async def block_number(self) -> int:
        """The newest block."""
        return await self._head()

    @_with_faults
    async def finalized_block_number(self) -> int:
        """The newest final block."""
        return max(0, await self._head() - self._node.genesis.finality_blocks)

    @_with_faults
    async def block_time(self) -> float:
        """Seconds per block."""
        return self._node.genesis.block_seconds

    @_with_faults
    async def spec_version(self) -> int:
        """The runtime's version: a rule like others."""
        return (await self._state(None)).rules.spec_version

    @_with_faults
    async def get_block(self, block_number: int | None = None, block_hash: str | None = None) -> dict[str, Any] | None:
        """A block's header; its transactions are told by `events`."""
        number = await self._number(block_hash) if block_number is None else block_number
        found = await self._hash(number)
        parent = await self._hash(number - 1) if number > 0 else None
        return {"header": {"number": number, "hash": found, "parentHash": parent}, "extrinsics": []}

    @_with_faults
    async def query(
        self, module: str, storage_function: str, params: list[Any] | None = None, block_hash: str | None = None
    ) -> Any:
        """One storage item."""
        state = await self._state(block_hash)
        return await self._node_call(lambda: storage.value(module, storage_function, params or [], state, self._node.genesis))

    @_with_faults
    async def query_map(
        self, module: str, storage_function: str, params: list[Any] | None = None, block_hash: str | None = None
    ) -> list[tuple[Any, Any]]:
        """A whole storage map."""
        state = await self._state(block_hash)
        return await self._node_call(lambda: storage.rows(module, storage_function, params or [], state, self._node.genesis))

    async def map_has_entries(self, module: str, storage_function: str, params: list[Any], block_hash: str | None = None) -> bool:
        """Whether a storage map holds anything."""
        return bool(await self.query_map(module, storage_function, params, block_hash))

    @_with_faults
    async def query_batch(
        self, module: str, storage_function: str, param_sets: list[list[Any]], block_hash: str | None = None
    ) -> list[Any]:
        """One storage item for many keys, in their order."""
        state, genesis = await self._state(block_hash), self._node.genesis
        return await self._node_call(
            lambda: [storage.value(module, storage_function, params, state, genesis) for params in param_sets]
        )

    @_with_faults
    async def runtime_call(self, api: str, method: str, params: list[Any], block_hash: str | None = None) -> Any:
        """The metagraph is the only runtime call there is."""
        if (api, method) != ("SubnetInfoRuntimeApi", "get_metagraph"):
            refuse(f"{api}.{method}")
        return storage.metagraph(int(params[0]), await self._state(block_hash), self._node.genesis)

    async def blocks(self, *, finalized: bool = False) -> AsyncIterator[dict[str, Any]]:
        """Block headers as they come, from the present one on."""
        behind = self._node.genesis.finality_blocks if finalized else 0
        number = max(0, await self._head() - behind)
        while True:
            await self._until(number + behind)
            block = await self.get_block(number)
            if block is not None:
                yield block
            number += 1

    @_with_faults
    async def events(self, block_hash: str | None = None) -> list[dict[str, Any]]:
        """The events of a block (default: the newest), in order."""
        number = await self._number(block_hash)
        return [_record(entry) for entry in await self._node_call(self._node.events, number - 1, number)]

    async def compose(self, call: Any) -> DevCall:
        """A generated call, checked as an encoder would; raises ChainError for a call that is not known here."""
        module, function, params = call
        if (module, function) not in KNOWN:
            refuse(f"{module}.{function}")
        composed = DevCall(module, function, params)
        try:
            check(composed)
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise ChainError(f"{module}.{function} cannot be encoded: {exc}", code=ErrorCode.INVALID_ARGUMENT) from exc
        return composed

    @_with_faults
    async def account_next_index(self, address: str) -> int:
        """An account's next nonce, with the transactions that the next block already holds."""
        return await self._node_call(self._node.next_nonce, address)

    async def submit(
        self,
        call: DevCall,
        keypair: Any,
        *,
        nonce: int | None = None,
        period: int | None = None,  # noqa: ARG002 - the protocol names it
        wait_for_inclusion: bool = True,
        wait_for_finalization: bool = True,
    ) -> ExtrinsicResult:
        """Sign a call, put it into the next block, and wait as asked; the result tells a refusal.

        `period` has no effect: a transaction goes into the next block or none.
        """
        try:
            return await self._submit(call, keypair, nonce, wait_for_inclusion, wait_for_finalization)
        except NodeError as exc:
            return _failure(exc.reason)

    @_with_faults
    async def _submit(
        self, call: DevCall, keypair: Any, nonce: int | None, wait_for_inclusion: bool, wait_for_finalization: bool
    ) -> ExtrinsicResult:
        extrinsic = await self._sign(call, keypair, nonce)
        try:
            entry = await asyncio.to_thread(self._node.submit, extrinsic)
        except Rejected as exc:
            return _failure(exc.name)
        if not (wait_for_inclusion or wait_for_finalization):
            return ExtrinsicResult(success=True, message="Submitted (not waiting).")
        await self._until(entry.block + (self._node.genesis.finality_blocks if wait_for_finalization else 0))
        failed = entry.event.error if isinstance(entry.event, Failed) else None
        result = ExtrinsicResult(success=True, message="Success") if failed is None else _failure(failed)
        return replace(
            result,
            block_hash=self._node.hash(entry.block),
            extrinsic_id=f"{entry.block}-{entry.index:04d}",
            fee=Balance.from_rao(0),
            events=[_record(entry)],
        )

    @property
    def _node(self) -> Node:
        return self._both()[0]

    @property
    def _injector(self) -> FaultInjector:
        return self._both()[1]

    def _both(self) -> tuple[Node, FaultInjector]:
        if self._opened is None:
            raise ConnectionNotReady("the development chain is not open; connect first")
        return self._opened

    async def _head(self) -> int:
        return await self._injector.head(self._node.head())

    async def _hash(self, block: int) -> str:
        if block > await self._head():
            raise ChainError(f"block {block} is not there yet", code=ErrorCode.NOT_FOUND)
        return await self._node_call(self._node.hash, block)

    async def _node_call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run work that may block on SQLite in a thread, and raise the SDK's own errors."""
        try:
            return await asyncio.to_thread(function, *args, **kwargs)
        except NoSuchBlock as exc:
            raise ChainError(str(exc), code=ErrorCode.NOT_FOUND) from exc
        except NotServed as exc:
            raise ChainError(f"the development chain does not have {exc}", code=ErrorCode.NOT_FOUND) from exc

    async def _number(self, block_hash: str | None) -> int:
        head = await self._head()
        number = head if block_hash is None else number_of(self._node.genesis, block_hash, Block(head))
        if number is None:
            raise ChainError(f"there is no block {block_hash}", code=ErrorCode.NOT_FOUND)
        return number

    async def _state(self, block_hash: str | None) -> ChainState:
        return await self._node_call(self._node.state, await self._number(block_hash))

    async def _until(self, block: int) -> None:
        """Sleep until a block has begun, and the node knows it."""
        while await self._head() < block:
            left = starts_at(self._node.genesis, block) - self._clock()
            await self._sleep(min(max(left, 0.001), _LONGEST_NAP) if left > 0 else _STALE_NAP)

    async def _sign(self, call: DevCall, keypair: Any, nonce: int | None) -> Extrinsic:
        signer = str(keypair.ss58_address)
        index = await self.account_next_index(signer) if nonce is None else nonce
        signed = keypair.sign(payload(self._node.genesis.seed, signer, index, call))
        signature = bytes(await signed if inspect.isawaitable(signed) else signed)
        return Extrinsic(call=call, signer=signer, nonce=index, signature=signature, crypto_type=int(keypair.crypto_type))


def _record(entry: LoggedEvent) -> dict[str, Any]:
    """An event of a block, as the SDK expects it."""
    event = entry.event
    body = {name: getattr(event, name) for name in event.__slots__ if name != "origin"}
    return {"extrinsic_idx": entry.index, "event": {"module_id": "Dev", "event_id": type(event).__name__, "attributes": body}}


def _failure(name: str) -> ExtrinsicResult:
    """The result of a refused transaction, by the chain's name for the reason."""
    error = ChainError(DESCRIPTIONS.get(name, name), name)
    return ExtrinsicResult(success=False, message=error.message, error=error)
