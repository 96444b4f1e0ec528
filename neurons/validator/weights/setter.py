"""Setting weights, as a task of its own beside the validator's rounds: whatever the chain does to it, rounds go on."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar, assert_never

import bittensor as bt
import structlog

from neurons.chain.adapter import Chain
from neurons.chain.types import ChainUnavailable, Metagraph
from neurons.shutdown import Shutdown
from neurons.validator.weights import outcome, plan_input
from neurons.validator.weights import schedule as weight_schedule
from neurons.validator.weights.schedule import Due, NotYet, WeightHistory
from scoring.competition import Schedule
from scoring.types import Block, Hotkey
from scoring.weights.plan import WeightsInvalid
from scoring.weights.snapshot import PlanInput
from voice_api.db.ledger import Ledger
from voice_api.db.states import WeightOutcome
from voice_api.db.weights import WeightAttempt, Weights
from voice_api.errors import DatabaseUnavailable

T = TypeVar("T")
log = structlog.get_logger()

Opening = Callable[[int], AbstractAsyncContextManager[Chain]]
"""Opens a chain; the number says with which of its endpoints to begin."""
_CLOSING = timedelta(seconds=2)
_LONGEST_REST = 25
"""Pauses between two looks while nothing is due."""


class ChainConnection:
    """A connection to the chain that is dropped when it fails, and opened anew at the next endpoint."""

    def __init__(self, opening: Opening) -> None:
        self._opening, self._misses = opening, 0
        self._open: tuple[AsyncExitStack, Chain] | None = None

    async def chain(self) -> Chain:
        """The open chain; raises ChainUnavailable when it cannot be opened."""
        if self._open is None:
            stack = AsyncExitStack()
            self._open = stack, await stack.enter_async_context(self._opening(self._misses))
        return self._open[1]

    async def drop(self) -> None:
        """Give this endpoint up for the next one."""
        self._misses += 1
        await self.close()

    async def close(self) -> None:
        """Close the connection; one that does not answer is left as it is."""
        if self._open is not None:
            stack, self._open = self._open[0], None
            with suppress(ChainUnavailable, TimeoutError):
                async with asyncio.timeout(_CLOSING.total_seconds()):
                    await stack.aclose()


@dataclass(frozen=True, slots=True)
class Terms:
    """Whose weights, under which version key and rules; how long to wait between two looks, and how long a turn may take.

    `grace` is for an attempt under way when the end is asked for; what it sent by then is settled after the next start.
    """

    wallet: bt.Wallet
    version_key: int
    schedule: Schedule
    pause: timedelta
    deadline: timedelta
    grace: timedelta = timedelta(seconds=5)

    @property
    def hotkey(self) -> Hotkey:
        """The validator's."""
        return Hotkey(self.wallet.hotkey.ss58_address)


class WeightSetting:
    """Sets a validator's weights whenever they are due, and follows what it sent to its end."""

    def __init__(self, opening: Opening, ledger: Ledger, weights: Weights, terms: Terms) -> None:
        self._line, self._ledger, self._weights, self._terms = ChainConnection(opening), ledger, weights, terms
        self._woken = asyncio.Event()
        self._known: WeightHistory | None = None
        self._unwritten: list[WeightAttempt] = []
        self._said = ""

    def wake(self) -> None:
        """Look at once: something was folded."""
        self._woken.set()

    async def run(self, stop: Shutdown) -> None:
        """Turn after turn until asked to stop. A named outage, or a turn that took too long, waits for the next; a bug is raised."""
        try:
            while not stop.requested:
                self._woken.clear()
                rest = await _unless(stop, self._bounded_turn(), self._terms.grace)
                await _unless(stop, _within(self._woken.wait(), rest or self._terms.pause), timedelta(0))
        finally:
            await self._line.close()

    async def _bounded_turn(self) -> timedelta:
        """A turn within its deadline; how long to rest."""
        try:
            async with asyncio.timeout(self._terms.deadline.total_seconds()):
                return await self.turn()
        except TimeoutError:
            log.error("setting weights took too long, and was given up for now", seconds=self._terms.deadline.total_seconds())
        except ChainUnavailable as outage:
            log.warning("weights wait for the chain", code=outage.code, detail=outage.detail)
        except DatabaseUnavailable as outage:
            log.warning("weights wait for the database", code=outage.code, detail=outage.detail)
            return self._terms.pause
        await self._line.drop()
        return self._terms.pause

    async def turn(self) -> timedelta:
        """Settle what waits, decide, and set weights if they are due; how long to rest.

        Raises ChainUnavailable, or DatabaseUnavailable where nothing could be written down that has to be.
        """
        chain = await self._line.chain()
        metagraph = await chain.metagraph()
        outage = await self._read()
        if self._known is None:
            return self._terms.pause
        if not outage and self._known.waiting:
            await self._settle(chain, metagraph, self._known)
            await self._read()
        known = replace(self._known, attempts=(*reversed(self._unwritten), *self._known.attempts))
        decision = weight_schedule.decide(metagraph, self._terms.hotkey, known, self._terms.schedule, outage)
        match decision:
            case NotYet(block, why):
                self._say(why)
                return await self._rest(chain, metagraph.block, block)
            case Due(carry):
                await self._set(chain, metagraph, known, carry, outage)
                await self._read()  # what was sent just now is what an outage from now on is bridged with
                return self._terms.pause
            case unreachable:
                assert_never(unreachable)

    async def _read(self) -> str:
        """Read what the database knows; during its outage what it knew stays, and the outage's name is returned."""
        try:
            while self._unwritten:
                await self._weights.record(self._unwritten[0])
                del self._unwritten[0]
            head, attempts, planned = await self._ledger.head(), await self._weights.page(), await self._weights.planned()
            self._known = WeightHistory(head, attempts, await self._weights.waiting(), planned)
        except DatabaseUnavailable as outage:
            if self._known is None:  # nothing is ever set before the first full look
                log.warning("weights wait for the database", code=outage.code, detail=outage.detail)
            return "the database is away"
        return ""

    async def _settle(self, chain: Chain, metagraph: Metagraph, known: WeightHistory) -> None:
        neuron = metagraph.neuron(self._terms.hotkey)
        if neuron is None:
            return
        view = await chain.sealed(self._terms.hotkey, neuron.uid, metagraph.block)
        taken = frozenset(
            each.block
            for each in known.attempts
            if each.outcome in (WeightOutcome.SET, WeightOutcome.PENDING, WeightOutcome.APPLIED)
        )
        lasts = await chain.write_lasts()
        for end in outcome.settled(known.waiting, view, neuron.last_update, taken, lasts):
            if await self._weights.settle(end):
                _tell(end)

    async def _set(self, chain: Chain, metagraph: Metagraph, known: WeightHistory, carry: str, outage: str) -> None:
        """Plan, write down what is about to be sent, send it, and write down what came of it."""
        try:
            basis = self._basis(metagraph, known, carry)
            plan = plan_input.planned(basis)
        except WeightsInvalid as exc:
            log.error("no weights can be planned", why=str(exc))
            return
        head = max(await chain.head(), metagraph.block)
        attempt = WeightAttempt(block=head, snapshot_hash=basis.hash, plan_input=basis, plan=plan, outcome=WeightOutcome.SENDING)
        attempt = await self._begin(attempt, outage)
        if carry:
            log.error("the last weights are sent again, to the hotkeys of now", why=carry, snapshot=basis.hash)
        try:
            result = await chain.set_weights(self._terms.wallet, plan.vector, self._terms.version_key)
        except ChainUnavailable as lost:
            await self._end(replace(attempt, error=f"no answer: {lost.detail}"))
            raise
        await self._end(outcome.answered(attempt, result))

    def _basis(self, metagraph: Metagraph, known: WeightHistory, carry: str) -> PlanInput:
        if carry and known.planned is not None:
            return plan_input.carried(metagraph, known.planned.plan_input, carry)
        if known.head is None:
            raise WeightsInvalid("nothing was folded yet")
        return plan_input.snapshot(metagraph, known.head, self._terms.schedule)

    async def _begin(self, attempt: WeightAttempt, outage: str) -> WeightAttempt:
        """Write the attempt down; what an outage of the database keeps from being written is kept until it is over."""
        if not outage:
            return replace(attempt, id=await self._weights.record(attempt))
        self._unwritten.append(attempt)
        return attempt

    async def _end(self, end: WeightAttempt) -> None:
        """Write down what became of it."""
        _tell(end)
        if end.id:
            await self._weights.settle(end)
        else:
            self._unwritten[-1] = end

    def _say(self, why: str) -> None:
        """Say why nothing is set, once."""
        if why != self._said:
            self._said = why
            log.info("weights are not due", why=why)

    async def _rest(self, chain: Chain, now: Block, due: Block | None) -> timedelta:
        """Until weights are due; often enough to see what becomes of those that wait, and never for too long."""
        longest = self._terms.pause * (1 if self._known is None or self._known.waiting or due is None else _LONGEST_REST)
        if due is None:
            return longest
        return max(self._terms.pause, min(longest, timedelta(seconds=(due - now) * await chain.block_seconds())))


def _tell(end: WeightAttempt) -> None:
    """Say what became of an attempt."""
    facts: Mapping[str, Any] = {"block": end.block, "snapshot": end.snapshot_hash}
    match end.outcome:
        case WeightOutcome.SET:
            log.info("weights set", targets=len(end.plan.vector), burn=end.plan.burn, **facts)
        case WeightOutcome.PENDING:
            log.info("weights sealed", reveal_round=end.reveal_round, targets=len(end.plan.vector), **facts)
        case WeightOutcome.APPLIED:
            log.info("sealed weights count", seen=end.applied_block, **facts)
        case WeightOutcome.RATE_LIMITED:
            log.info("weights come too soon", next_block=end.next_block, **facts)
        case WeightOutcome.EXPIRED:
            log.error("sealed weights expired", why=end.error, **facts)
        case WeightOutcome.FAILED:
            log.error("weights refused", why=end.error, **facts)
        case WeightOutcome.SENDING:
            log.warning("whether the weights arrived is not known yet", why=end.error, **facts)
        case unreachable:
            assert_never(unreachable)


async def _unless(stop: Shutdown, work: Coroutine[Any, Any, T], grace: timedelta) -> T | None:
    """The work's result; None if the end was asked for, and it was not done within `grace` either."""
    task, asked = asyncio.ensure_future(work), asyncio.ensure_future(stop.asked())
    try:
        await asyncio.wait({task, asked}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({task}, timeout=grace.total_seconds())
        return task.result() if task.done() else None
    finally:
        for each in (task, asked):
            each.cancel()
        await asyncio.gather(task, asked, return_exceptions=True)


async def _within(work: Coroutine[Any, Any, object], limit: timedelta) -> None:
    """Await it, at most so long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(limit.total_seconds()):
            await work
