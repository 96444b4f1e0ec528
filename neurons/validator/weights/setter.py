"""Setting weights, as a task of its own beside the validator's rounds: whatever the chain does to it, rounds go on."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Self, assert_never

import bittensor as bt
import structlog

from neurons.chain.adapter import Chain
from neurons.chain.types import ChainUnavailable, Metagraph
from neurons.settings import ValidatorSettings
from neurons.shutdown import Shutdown, unless_stopped
from neurons.validator.weights.decision import Decision, Due, NotYet, WeightHistory, decide, make_plan, next_input, read_history
from neurons.validator.weights.history_shown import show_history
from neurons.validator.weights.outcome import answered, log_outcome, settled
from scoring.competition import Schedule
from scoring.types import Block, Hotkey
from scoring.weights.plan import WeightsInvalid
from voice_api.db.ledger import Ledger
from voice_api.db.states import RefusalClass, WeightOutcome
from voice_api.db.submissions import Submissions
from voice_api.db.weights import UnreadableAttempt, WeightAttempt, Weights
from voice_api.errors import DatabaseUnavailable
from voice_api.runtime.validator_metrics import ValidatorMetrics

log = structlog.get_logger()
Opening = Callable[[int], AbstractAsyncContextManager[Chain]]
"""Opens a chain; the number says with which of its endpoints to begin."""
_CLOSING = timedelta(seconds=2)
_LONGEST_REST, _LONGEST_SECONDS = 25, timedelta(minutes=5)
"""Pauses between two looks while nothing is due, and their time: who watches is to see within it that the chain stands still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms under which a validator sets weights."""

    wallet: bt.Wallet
    version_key: int
    """The subnet's, which the chain compares with its own."""
    schedule: Schedule
    pause: timedelta
    """Between two looks."""
    deadline: timedelta
    """A turn that takes longer is given up."""
    grace: timedelta = timedelta(seconds=5)
    """For an attempt under way when the end is asked for; it is settled after the next start."""

    @classmethod
    def of(cls, settings: ValidatorSettings, wallet: bt.Wallet, schedule: Schedule) -> Self:
        """The terms that the settings name."""
        timing = {"pause": settings.pause, "deadline": settings.weights_deadline}
        return cls(wallet=wallet, version_key=settings.version_key, schedule=schedule, **timing)

    @property
    def hotkey(self) -> Hotkey:
        """The validator's."""
        return Hotkey(self.wallet.hotkey.ss58_address)


class WeightSetter:
    """Sets a validator's weights whenever they are due, and follows each attempt to its end."""

    def __init__(
        self,
        opening: Opening,
        ledger: Ledger,
        weights: Weights,
        submissions: Submissions,
        terms: Terms,
        *,
        behind: Callable[[], bool] = lambda: False,
        metrics: ValidatorMetrics | None = None,
    ) -> None:
        """`behind` says whether rounds that are not in this database wait to be folded."""
        self._behind, self._submissions = behind, submissions
        self._metrics = metrics or ValidatorMetrics()
        self._connection, self._ledger, self._weights, self._terms = ChainConnection(opening), ledger, weights, terms
        self._woken = asyncio.Event()
        self._history: WeightHistory | None = None
        self._unwritten: list[WeightAttempt] = []
        self._held, self._said = "", ""
        self._started: Block | None = None
        self._named: set[int] = set()

    def wake(self) -> None:
        """Look at once: something was folded."""
        self._woken.set()

    async def run(self, stop: Shutdown) -> None:
        """Turn after turn until asked to stop. A named outage, or a turn that took too long, waits for the next; a bug is raised."""
        try:
            while not stop.requested:
                self._woken.clear()
                rest = await unless_stopped(stop, self._bounded_turn(), self._terms.grace)
                await unless_stopped(stop, _within(self._woken.wait(), rest or self._terms.pause))
        finally:
            await self._connection.close()

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
        await self._connection.drop()
        return self._terms.pause

    async def turn(self) -> timedelta:
        """Settle what waits, decide, and set weights if they are due; how long to rest.

        Raises ChainUnavailable; DatabaseUnavailable where an attempt could not be recorded.
        """
        chain = await self._connection.chain()
        metagraph = await chain.metagraph()
        self._show(metagraph)
        outage = await self._read()
        if self._history is None:
            return self._terms.pause
        if not outage and self._history.waiting:
            await self._settle(chain, metagraph, self._history)
            await self._read()
        history = replace(self._history, attempts=(*reversed(self._unwritten), *self._history.attempts))
        try:
            decision = self._decide(metagraph, history, outage)
        except WeightsInvalid as exc:
            log.error("no weights can be planned", why=str(exc))
            self._metrics.weights.weigh(RefusalClass.OURS, held=False)
            return self._terms.pause
        self._say(decision)
        match decision:
            case NotYet(block):
                return await self._rest(chain, metagraph.block, block)
            case Due(held):
                await self._set(chain, metagraph, history, held, outage)
                await self._read()  # what was sent just now is what an outage from now on is bridged with
                return self._terms.pause
            case unreachable:
                assert_never(unreachable)

    def _decide(self, metagraph: Metagraph, history: WeightHistory, outage: str) -> Decision:
        self._started = metagraph.block if self._started is None else self._started
        terms = self._terms
        return decide(
            metagraph, terms.hotkey, history, terms.schedule, outage, version_key=terms.version_key, started=self._started
        )

    async def _read(self) -> str:
        """Read the history; during an outage of the database the last one stays, and the outage's name is returned."""
        try:
            while self._unwritten:
                await self._weights.record(self._unwritten[0])
                del self._unwritten[0]
            found = await read_history(self._ledger, self._weights, self._submissions)
            self._history = replace(found, behind=found.behind or self._behind())
            show_history(self._metrics, found, self._terms.schedule)
            self._name_unreadable(self._history)
        except DatabaseUnavailable as outage:
            if self._history is None:  # nothing is ever set before the first full look
                log.warning("weights wait for the database", code=outage.code, detail=outage.detail)
            return "the database is away"
        return ""

    def _show(self, metagraph: Metagraph) -> None:
        """Show the chain as this turn found it, and how old the weights are that it has."""
        neuron = metagraph.neuron(self._terms.hotkey)
        self._metrics.chain.saw(metagraph.block, metagraph.made_at)
        last_update = None if neuron is None else neuron.last_update
        self._metrics.weights.stand(last_update=last_update, block=metagraph.block, cutoff=metagraph.activity_cutoff)

    def _name_unreadable(self, history: WeightHistory) -> None:
        """Name each attempt that cannot be read, once: weights are planned as if there were none."""
        for attempt in history.attempts:
            if isinstance(attempt, UnreadableAttempt) and attempt.id not in self._named:
                self._named.add(attempt.id)
                log.error("an attempt is no plan to hold", code=attempt.fault.code, detail=attempt.fault.detail)

    async def _settle(self, chain: Chain, metagraph: Metagraph, history: WeightHistory) -> None:
        neuron = metagraph.neuron(self._terms.hotkey)
        if neuron is None:
            return
        view = await chain.sealed(self._terms.hotkey, neuron.uid, metagraph.block)
        lasts = await chain.write_lasts()
        for end in settled(history, view, neuron.last_update, lasts):
            known = next(attempt for attempt in history.waiting if attempt.id == end.id)
            if await self._weights.settle(end) and end.outcome is not known.outcome:
                self._tell(end)

    async def _set(self, chain: Chain, metagraph: Metagraph, history: WeightHistory, held: str, outage: str) -> None:
        """Plan, record the attempt, send it, and record its end."""
        given = next_input(metagraph, history, self._terms.schedule, held)
        plan = make_plan(given)
        head = max(await chain.head(), metagraph.block)
        attempt = WeightAttempt(block=head, snapshot_hash=given.hash, plan_input=given, plan=plan, outcome=WeightOutcome.SENDING)
        attempt = await self._begin(attempt, outage)
        if held:
            log.error("the last weights are sent again, to the hotkeys of now", why=held, snapshot=given.hash)
        try:
            result = await chain.set_weights(self._terms.wallet, attempt.row, self._terms.version_key)
        except ChainUnavailable as lost:
            await self._end(replace(attempt, error=f"no answer: {lost.detail}"))
            raise
        await self._end(answered(attempt, result))

    async def _begin(self, attempt: WeightAttempt, outage: str) -> WeightAttempt:
        """Record the attempt, or keep it here until the database's outage is over."""
        if not outage:
            return replace(attempt, id=await self._weights.record(attempt))
        self._unwritten.append(attempt)
        return attempt

    async def _end(self, end: WeightAttempt) -> None:
        """Record the attempt's end."""
        self._tell(end)
        if end.id:
            await self._weights.settle(end)
        else:
            self._unwritten[-1] = end

    def _tell(self, end: WeightAttempt) -> None:
        log_outcome(end)
        self._metrics.weights.attempted(end.outcome, end.refusal)

    def _say(self, decision: Decision) -> None:
        """Say once why the last plan is held, that it is no longer, and why nothing is set; and show it.

        What is due now is shown by the next decision: only then it is known whether the chain took it.
        """
        if isinstance(decision, NotYet):
            self._metrics.weights.weigh(decision.stopped, held=decision.held != "")
        if decision.held != self._held:
            self._held = decision.held
            if decision.held:
                log.error("weights hold the last plan", why=decision.held)
            else:
                log.info("weights hold the last plan no longer")
        why = decision.why if isinstance(decision, NotYet) else ""
        if why != self._said:
            self._said = why
            if isinstance(decision, NotYet) and decision.block is None:
                log.warning("no weights are set", why=why)
            elif why:
                log.info("weights are not due", why=why)

    async def _rest(self, chain: Chain, now: Block, due: Block | None) -> timedelta:
        """The time until weights are due; shorter while attempts wait for their end, and never too long."""
        at_once = self._history is None or self._history.waiting or due is None
        longest = self._terms.pause if at_once else min(self._terms.pause * _LONGEST_REST, _LONGEST_SECONDS)
        if due is None:
            return longest
        return max(self._terms.pause, min(longest, timedelta(seconds=(due - now) * await chain.block_seconds())))


async def _within(work: Coroutine[Any, Any, object], limit: timedelta) -> None:
    """Await it, at most so long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(limit.total_seconds()):
            await work


class ChainConnection:
    """One open chain at a time."""

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
