"""Rules that change while a duel is open: whole validators on one database, of which one upgrades in time, one late, and one never."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import bittensor as bt
import pytest

from neurons.shutdown import Shutdown
from neurons.validator import daemon
from scoring.competition import Schedule, load
from scoring.errors import Code
from scoring.ranking.duel import DuelOutcome
from scoring.report import Factor
from scoring.types import RoundNumber
from scoring.weights.plan import CarriedOver, Snapshot
from tests.builders.ranking import SMALL
from voice_api.db.ledger import LedgerEntry
from voice_api.db.queue import EvaluationQueue
from voice_api.db.states import QueueName
from voice_api.db.weights import WeightAttempt
from voice_api.runtime.process_metrics import Ticks

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed

LEASE = timedelta(minutes=1)
PAUSE = timedelta(milliseconds=20)
CHANGE = RoundNumber(7)
"""The first round of the second version."""
OLD = load()
_FACTORS = {
    Factor.INTELLIGIBILITY: 0.3,
    Factor.NATURALNESS: 0.5,
    Factor.DELIVERY: 0.0,
    Factor.CLEANLINESS: 0.1,
    Factor.CONSISTENCY: 0.1,
}
_TRACK = OLD.version[0].track[0].model_copy(update={"factors": _FACTORS})
_SECOND = OLD.version[0].model_copy(update={"from_round": CHANGE, "track": (_TRACK,)})
NEW = OLD.model_copy(update={"version": (*OLD.version, _SECOND)})
"""The next release's rules: from CHANGE on scores are weighted otherwise, which is another scale."""


@dataclass
class RunningValidator:
    """A validator's whole daemon over a bed's chain, which can be ended and started again with other rules."""

    bed: "ValidatorBed"
    url: str
    stop: Shutdown = field(default_factory=Shutdown)
    ticks: Ticks = field(default_factory=Ticks)
    task: "asyncio.Task[None] | None" = None

    def start(self, schedule: Schedule) -> None:
        """Begin with these rules."""
        self.bed.schedule, self.stop, self.ticks = schedule, Shutdown(), Ticks()
        terms = self.bed.terms(PAUSE)
        serving = daemon.serve(self.url, self.bed.opening, self.bed.identity, terms, stop=self.stop, ticks=self.ticks)
        self.task = asyncio.create_task(serving)

    @property
    def shown(self) -> tuple[float | None, float | None, float | None]:
        """What it shows: rounds that counted nothing, whether the last plan is held, and whether a fault of ours stops weights."""
        value = self.ticks.registry.get_sample_value
        stopped = value("voice_weights_stopped", {"class": "ours"})
        return value("voice_rounds_uncounted"), value("voice_weights_held"), stopped

    async def shows(self, *numbers: float) -> bool:
        """Whether it shows these."""
        return self.shown == numbers

    async def end(self) -> None:
        """End it as a signal does; raises what it raised."""
        self.stop.request()
        if self.task is not None:
            await self.task

    async def ledger(self) -> tuple[LedgerEntry, ...]:
        """All that it folded."""
        return await self.bed.store.ledger.page()

    async def last_set(self) -> WeightAttempt:
        """Its last attempt to set weights."""
        found = await self.bed.store.weights.latest()
        assert found is not None
        return found


@dataclass
class Field:
    """Validators that share rounds, and workers who have the second version's rules in time."""

    early: RunningValidator
    late: RunningValidator
    never: RunningValidator

    @property
    def all(self) -> Sequence[RunningValidator]:
        return (self.early, self.late, self.never)

    async def play(self, number: int, *, h2: int, h3: int, first: RunningValidator | None = None) -> None:
        """A round from opening until every ledger has it; `first` opens it before the others look."""
        block = number * 360 + 5
        if first is not None:
            first.bed.chain.block = block
            await self.until(lambda: self._latest_is(number))
        for each in self.all:
            each.bed.chain.block = block

        async def folded() -> bool:
            await self._work(h2, h3)
            heads = [await each.bed.store.ledger.head() for each in self.all]
            return all(head is not None and head.round == number for head in heads)

        await self.until(folded)

    async def weigh(self, number: int, who: Sequence[RunningValidator] | None = None) -> None:
        """Later in the round, when the chain takes weights again: until these (all) have set theirs."""
        waited = self.all if who is None else who
        for each in self.all:
            each.bed.chain.block = number * 360 + 150

        async def weighed() -> bool:
            attempts = [await each.bed.store.weights.latest() for each in waited]
            return all(attempt is not None and attempt.block == number * 360 + 150 for attempt in attempts)

        await self.until(weighed)

    async def _work(self, h2: int, h3: int) -> None:
        """Judge what waits by the workers' rules; what was opened under others is handed back, as workers do."""
        queue, workers = EvaluationQueue(self.early.bed.pool), replace(self.early.bed, schedule=NEW)
        while claim := await queue.claim(QueueName.CPU, "w1", LEASE):
            if claim.competition_hash == NEW.at(claim.round).hash:
                await workers.judge(claim, {"h2": h2, "h3": h3}[claim.hotkey])
            else:
                await queue.hand_back(claim, Code.COMPETITION_MISMATCH, "other rules", None)

    async def _latest_is(self, number: int) -> bool:
        found = await self.early.bed.store.rounds.latest()
        return found is not None and found.round == number

    async def until(self, done: Callable[[], Awaitable[bool]]) -> None:
        """Wait for it while all go on; raises what ended one of them."""
        async with asyncio.timeout(20):
            while not await done():
                for each in self.all:
                    if each.task is not None and each.task.done():
                        each.task.result()
                await asyncio.sleep(0.02)


@pytest.fixture
async def validators(stack: "ValidatorBed", database_url: str, tmp_path: Path) -> AsyncIterator[Field]:
    """Three validators that count the first one's workers; the first has the second version from the start."""
    beds = [stack]
    for name in ("late", "never"):
        wallet = bt.Wallet(name=name, hotkey="default", path=str(tmp_path))
        wallet.create_new_hotkey(use_password=False, suppress=True)
        chain = replace(stack.chain, validator=wallet.hotkey.ss58_address, answers=[])
        beds.append(
            replace(stack, wallet=wallet, chain=chain, revocations=tmp_path / f"{name}.json", issuers=frozenset({stack.hotkey}))
        )
    running = [RunningValidator(bed, database_url) for bed in beds]
    async with AsyncExitStack() as ends:
        for each, schedule in zip(running, (NEW, OLD, OLD), strict=True):
            ends.push_async_callback(each.end)
            each.start(schedule)
        yield Field(*running)


async def play_until_the_change(validators: Field) -> None:
    """h2 is king after round 4, its duel with h3 opens in round 5 and takes a step in round 6: hardly better by the old scale."""
    for number, score in ((2, 600_000), (3, 600_000), (4, 600_000), (5, 625_000), (6, 625_000)):
        await validators.play(number, h2=600_000, h3=score)
    mine, *others = [await each.ledger() for each in validators.all]
    assert others == [mine, mine]
    duel = mine[-1].state.of(SMALL).duel
    assert duel is not None
    assert (duel.challenger, duel.rounds) == ("h3@101", 1)


async def change_while_a_duel_is_open(validators: Field) -> WeightAttempt:
    """Play the change's first round, too, and return the plan that each validator set before it."""
    await play_until_the_change(validators)
    await validators.weigh(6)
    before = await validators.early.last_set()
    await validators.play(CHANGE, h2=650_000, h3=800_000, first=validators.early)
    await validators.weigh(CHANGE)
    return before


async def test_who_upgrades_in_time_begins_records_anew_and_nobody_is_crowned_by_two_scales(validators: Field) -> None:
    """The king stays, the open duel ends without a result, and the next one counts groups of the new scale alone."""
    await change_while_a_duel_is_open(validators)
    *_, before, after = await validators.early.ledger()
    assert (before.state.of(SMALL).king, after.state.of(SMALL).king) == ("h2@100", "h2@100")
    assert before.state.of(SMALL).scale != after.state.of(SMALL).scale
    assert after.state.of(SMALL).leads == tuple(credit.closed() for credit in before.state.of(SMALL).leads)
    assert [(duel.entrant, duel.outcome, duel.rounds) for duel in after.state.of(SMALL).ended] == [
        ("h3@101", DuelOutcome.NEW_SCALE, 1)
    ]
    assert [(record.entrant, record.groups) for record in after.state.of(SMALL).records] == [("h2@100", 32), ("h3@101", 32)]
    duel = after.state.of(SMALL).duel
    assert duel is not None
    assert (duel.challenger, duel.opened, duel.groups) == ("h3@101", CHANGE, 0)
    await validators.play(8, h2=650_000, h3=800_000)
    *_, crowned = await validators.early.ledger()
    assert crowned.state.of(SMALL).king == "h3@101"
    lead = next(credit for credit in crowned.state.of(SMALL).leads if credit.entrant == "h3@101")
    assert (lead.over, lead.groups, round(lead.total / lead.groups, -4)) == ("h2@100", 32, 150_000)
    rounds = await validators.early.bed.store.rounds.page()
    assert {found.competition_hash for found in rounds if found.round >= CHANGE} == {NEW.at(CHANGE).hash}


async def test_who_upgrades_late_holds_its_last_plan_and_folds_to_the_same_bytes_after_a_reset(
    validators: Field,
) -> None:
    """Every receipt is refused for one reason, which the plan that is sent again names; nothing is burned for it."""
    late = validators.late
    before = await change_while_a_duel_is_open(validators)
    await validators.play(8, h2=650_000, h3=800_000)
    await validators.weigh(8)
    *_, entry = await late.ledger()
    assert (entry.kings.get(SMALL), entry.inputs.counted, len(entry.inputs.distrusted)) == ("h2@100", {}, 2)
    held = await late.last_set()
    assert isinstance(held.plan_input, CarriedOver)
    assert held.plan_input.why.startswith("in round 8 none of 2 receipts counts: the receipt is of another competition_hash")
    assert (held.plan.vector, held.plan.burn) == (before.plan.vector, before.plan.burn)
    await validators.until(lambda: late.shows(2, 1, 0))
    assert late.ticks.registry.get_sample_value("voice_track_refused", {"track": "small"}) == 1
    await late.end()
    assert await late.bed.store.ledger.reset(CHANGE) == 2  # as `voice validator ledger reset --from 7 --yes` does
    late.start(NEW)
    await validators.play(9, h2=650_000, h3=800_000)
    await validators.weigh(9)
    assert await late.ledger() == await validators.early.ledger()
    mine, theirs = await late.last_set(), await validators.early.last_set()
    assert isinstance(mine.plan_input, Snapshot)
    assert (mine.plan.vector, mine.ledger_hash) == (theirs.plan.vector, theirs.ledger_hash)
    await validators.until(lambda: late.shows(0, 0, 0))


async def test_who_never_upgrades_holds_its_last_plan_until_the_activity_cutoff_and_says_so(validators: Field) -> None:
    """After it nothing is set: nobody is paid for ever by what was known once. The others go on all the while."""
    before = await change_while_a_duel_is_open(validators)
    await validators.play(19, h2=650_000, h3=800_000, first=validators.early)
    await validators.weigh(19)
    last = await validators.never.last_set()
    assert isinstance(last.plan_input, CarriedOver)
    assert (last.plan.vector, last.plan.burn) == (before.plan.vector, before.plan.burn)
    await validators.play(21, h2=650_000, h3=800_000, first=validators.early)
    await validators.weigh(21, [validators.early])
    await validators.until(lambda: validators.never.shows(3, 0, 1))
    assert (await validators.never.last_set()).id == last.id
    assert validators.early.shown == (0, 0, 0)


async def test_a_round_that_a_late_validator_opens_is_nobodys_loss(validators: Field) -> None:
    """Its workers hand it back: every ledger goes on without it, the duel stays open, and the next round is on the new scale."""
    await play_until_the_change(validators)
    await validators.play(CHANGE, h2=650_000, h3=800_000, first=validators.late)
    *_, before, lost = await validators.early.ledger()
    assert (lost.inputs.counted, lost.inputs.distrusted) == ({}, {})
    assert replace(lost.state, round=before.state.round) == before.state
    opened, *_ = await validators.early.bed.store.rounds.page(before.round)
    assert opened.competition_hash == OLD.at(CHANGE).hash
    await validators.play(8, h2=650_000, h3=800_000, first=validators.early)
    *_, after = await validators.early.ledger()
    assert [duel.outcome for duel in after.state.of(SMALL).ended] == [DuelOutcome.NEW_SCALE]
