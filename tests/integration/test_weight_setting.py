"""Setting weights on a real database and a development chain whose node fails: each attempt's row tells what became of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import structlog

from neurons.chain.adapter import Chain
from neurons.chain.types import ChainUnavailable
from neurons.devchain import operations
from neurons.devchain.faults import FaultKind
from neurons.model_queue.daemon import registry
from neurons.shutdown import Shutdown
from neurons.validator.weights.setter import Terms, WeightSetter
from neurons.validator.weights.view import replay
from scoring.errors import Code
from scoring.types import Block, RoundNumber
from scoring.weights.plan import CarriedOver
from tests.builders.ledger import a_ledger_entry, attempts_of, some_inputs
from tests.integration import weight_bed
from tests.integration.weight_bed import Bed, vector
from voice_api.db.database import Connection, Pool, open_pool
from voice_api.db.registry import Registry
from voice_api.db.states import Mechanism, RefusalClass, WeightOutcome
from voice_api.db.submissions import NewSubmission, Submissions
from voice_api.db.weights import UnreadableAttempt, WeightAttempt, of_snapshot
from voice_api.errors import DatabaseUnavailable


@pytest.fixture
async def bed(tmp_path: Path, pool: Pool) -> AsyncIterator[Bed]:
    """A round was folded, and weights were never set; block 30."""
    bed = weight_bed.make(tmp_path, pool)
    await bed.pass_blocks(30)
    await bed.fold()
    yield bed


async def test_after_a_fold_weights_are_set_once_and_again_with_the_next(bed: Bed) -> None:
    """What counts on the chain is the row's vector, and a second look at the same ledger sets nothing."""
    setting = bed.setting()
    for _ in range(3):
        await setting.turn()
    [kept] = await attempts_of(bed.weights)
    assert (kept.outcome, kept.mechanism, kept.error) == (WeightOutcome.SET, Mechanism.PLAIN, None)
    assert dict((await bed.on_chain()).row) == vector(kept) == {2: 65_535, 3: 10_668}
    await bed.fold(2, king=1)
    await bed.pass_blocks(10)
    await setting.turn()
    assert await bed.outcomes() == ["set", "set"]
    assert (await bed.on_chain()).row[3] == 65_535  # type: ignore[index]


async def test_nothing_new_is_set_again_once_a_tempo(bed: Bed) -> None:
    """To stay active on the chain."""
    setting = bed.setting()
    await setting.turn()
    await bed.pass_blocks(19)
    await setting.turn()
    assert await bed.outcomes() == ["set"]
    await bed.pass_blocks(5)
    await setting.turn()
    assert await bed.outcomes() == ["set", "set"]


async def test_nothing_is_set_before_the_first_fold(tmp_path: Path, pool: Pool) -> None:
    """A validator that knows nothing pays nobody."""
    bed = weight_bed.make(tmp_path, pool)
    await bed.pass_blocks(30)
    await bed.setting().turn()
    assert await bed.outcomes() == []


async def test_what_comes_too_soon_comes_again_in_the_right_block(bed: Bed) -> None:
    """The chain's own answer, while the finalized block did not show it yet: neither set nor failed, and not repeated before."""
    other = bed.setting()
    await other.turn()
    await bed.fold(2, king=1)
    await bed.setting().turn()
    late = (await attempts_of(bed.weights))[0]
    assert late.outcome is WeightOutcome.RATE_LIMITED
    first = (await attempts_of(bed.weights))[1].block
    assert late.next_block == first + 5
    for _ in range(12):
        await bed.pass_blocks(1)
        await bed.setting().turn()
    assert await bed.outcomes() == ["set", "rate_limited", "set"]


async def test_what_the_node_refuses_is_tried_again_later_and_later(bed: Bed) -> None:
    """By name in the row; after 2, 4, then 5 blocks (a quarter of the tempo), counted when they are final, three blocks later."""
    bed.fail(FaultKind.ERROR, call="SubtensorModule.set_*", name="CommitRevealEnabled")
    setting = bed.setting()
    assert await failing(bed, setting, 30) == [5, 7, 8, 8]
    kept = (await attempts_of(bed.weights))[0]
    assert (kept.outcome, kept.refusal) == (WeightOutcome.FAILED, RefusalClass.PASSING)
    assert str(kept.error).startswith("CommitRevealEnabled: ")
    bed.heal()
    await bed.pass_blocks(10)
    await setting.turn()
    assert (await bed.outcomes())[-1] == "set"


async def failing(bed: Bed, setting: WeightSetter, blocks: int) -> list[int]:
    """Let so many blocks pass; how many there were between each two attempts."""
    for _ in range(blocks):
        await setting.turn()
        await bed.pass_blocks(1)
    return [later.block - earlier.block for earlier, later in pairwise(reversed(await attempts_of(bed.weights)))]


async def test_a_refusal_that_time_does_not_end_is_tried_again_once_a_tempo(bed: Bed) -> None:
    """The chain knows better than the metagraph of three blocks ago; its word, the class and the advice stand in the row."""
    bed.fail(FaultKind.ERROR, call="SubtensorModule.set_*", name="NeuronNoValidatorPermit")
    assert await failing(bed, bed.setting(), 50) == [23, 23]
    kept = (await attempts_of(bed.weights))[0]
    assert (kept.refusal, str(kept.error).endswith("at the next epoch.")) == (RefusalClass.PERMANENT, True)
    await bed.pass_blocks(5)
    await bed.setting().turn()
    assert (await bed.outcomes()).count("failed") == 4, "who starts anew may have other settings, and tries at once"


async def test_nothing_is_sent_while_the_metagraph_says_that_it_would_be_refused(bed: Bed) -> None:
    """No attempt, one line in the log with the advice; when the subnet's rule is another again they are set."""
    operations.change(bed.path, "weights_version", 3, clock=bed.time)
    await bed.pass_blocks(10)
    setting = bed.setting()
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            await setting.turn()
    [said] = [entry for entry in logs if entry["event"] == "no weights are set"]
    assert said["why"].startswith("the subnet asks for version key 3, and `VOICE_VERSION_KEY` is 0")
    assert await bed.outcomes() == []
    operations.change(bed.path, "weights_version", 0, clock=bed.time)
    await bed.pass_blocks(10)
    await setting.turn()
    assert await bed.outcomes() == ["set"]


async def test_a_limit_of_the_subnet_is_kept_to_the_last_unit(bed: Bed) -> None:
    """What is sent, what counts, and what a replay computes again are the same."""
    operations.change(bed.path, "max_weights_limit", 39_321, clock=bed.time)
    await bed.pass_blocks(10)
    await bed.setting().turn()
    [kept] = await attempts_of(bed.weights)
    row = (await bed.on_chain()).row
    assert (kept.outcome, vector(kept), max(row.values())) == (WeightOutcome.SET, dict(row), 65_535)
    assert sum(row.values()) * 39_321 >= 65_535 * 65_535 > sum(row.values()) * 39_300
    [made] = await of_snapshot(bed.pool, kept.snapshot_hash)
    assert replay(made).holds


async def test_a_connection_that_freezes_is_given_up_and_opened_anew_elsewhere(bed: Bed) -> None:
    """At the deadline the turn ends, and the next one begins at the next endpoint."""
    bed.deadline = timedelta(seconds=0.8)
    bed.fail(FaultKind.STALL, call="runtime_call")
    setting, stop = bed.setting(), Shutdown()
    running = asyncio.create_task(setting.run(stop))
    async with asyncio.timeout(20):
        while len(bed.turns) < 3:  # noqa: ASYNC110 - what is waited for is the task under test
            await asyncio.sleep(0.02)
    bed.heal()
    async with asyncio.timeout(20):
        while await bed.outcomes() != ["set"]:
            setting.wake()
            await asyncio.sleep(0.02)
    stop.request()
    await running
    assert bed.turns[:3] == [0, 1, 2]


async def test_who_is_asked_to_stop_while_it_sends_ends_soon_and_leaves_a_row_that_waits(bed: Bed) -> None:
    """After a short grace; the next start asks the chain what became of it."""
    bed.grace = timedelta(seconds=0.1)
    bed.fail(FaultKind.STALL, call="submit", after=True)
    setting, stop = bed.setting(), Shutdown()
    running = asyncio.create_task(setting.run(stop))
    async with asyncio.timeout(20):
        while not (await bed.on_chain()).row:  # noqa: ASYNC110 - what is waited for is on the chain
            await asyncio.sleep(0.02)
        stop.request()
        await running
    assert await bed.outcomes() == ["sending"]
    bed.heal()
    await bed.pass_blocks(5)
    await bed.setting().turn()
    assert await bed.outcomes() == ["set"]


async def test_a_bug_ends_the_task(bed: Bed) -> None:
    """It is raised, and no outage that the next turn waits for."""

    def broken(_turn: int) -> AbstractAsyncContextManager[Chain]:
        raise ZeroDivisionError

    terms = Terms(wallet=bed.wallet, version_key=0, schedule=bed.schedule, pause=timedelta(seconds=0.01), deadline=bed.deadline)
    with pytest.raises(ZeroDivisionError):
        await WeightSetter(broken, bed.ledger, bed.weights, Submissions(bed.pool), terms).run(Shutdown())


@pytest.mark.parametrize(
    ("after", "end"), [pytest.param(True, "set", id="only the answer"), pytest.param(False, "failed", id="before it arrived")]
)
async def test_weights_without_an_answer_are_settled_by_the_chain(bed: Bed, after: bool, end: str) -> None:
    """The row is 'sending' until the chain shows that it took them, or that no block can hold them any more."""
    fault = bed.fail(FaultKind.DROP, call="submit", after=after)
    setting = bed.setting()
    with pytest.raises(ChainUnavailable):
        await setting.turn()
    [sent] = await attempts_of(bed.weights)
    assert (sent.outcome, "dropped" in str(sent.error)) == (WeightOutcome.SENDING, True)
    operations.clear_faults(bed.path, fault)
    await bed.pass_blocks(5 if after else 40)
    await setting.turn()
    first = (await attempts_of(bed.weights))[-1]
    assert first.outcome.value == end
    if after:
        metagraph = await bed.metagraph()
        neuron = metagraph.neuron(bed.hotkey)
        assert neuron is not None and first.block == neuron.last_update
        assert await bed.outcomes() == ["set"]
    else:
        assert (await bed.outcomes())[-1] == "set"


@pytest.fixture
async def sealing(tmp_path: Path, pool: Pool) -> Bed:
    """As `bed`, where weights are sealed, and a tempo of ten blocks."""
    bed = weight_bed.make(tmp_path, pool, commit_reveal_weights_enabled=True, tempo=10)
    await bed.pass_blocks(20)
    await bed.fold()
    return bed


async def test_sealed_weights_are_followed_until_they_count(sealing: Bed) -> None:
    """Pending with the beacon's round, then applied, with the block in which that was seen."""
    setting = sealing.setting()
    await setting.turn()
    [sealed] = await attempts_of(sealing.weights)
    assert (sealed.outcome, sealed.mechanism, (sealed.reveal_round or 0) > 1_000_000) == (
        WeightOutcome.PENDING,
        Mechanism.SEALED,
        True,
    )
    await sealing.pass_blocks(3)
    await setting.turn()
    [sealed] = await attempts_of(sealing.weights)
    assert sealed.opens_in is not None
    await sealing.pass_blocks(6)
    operations.reveal(sealing.path, sealing.hotkey, vector(sealed), clock=sealing.time)  # type: ignore[arg-type]
    await sealing.pass_blocks(5)
    await setting.turn()
    applied = (await attempts_of(sealing.weights))[-1]
    assert applied == replace(sealed, outcome=WeightOutcome.APPLIED, applied_block=applied.applied_block)
    assert dict((await sealing.on_chain()).row) == vector(applied)


async def test_sealed_weights_that_nobody_opened_expire_and_are_sealed_again(sealing: Bed) -> None:
    """Without the beacon the first are gone when their epoch ends; the row says so, and newer ones wait."""
    setting = sealing.setting()
    for _ in range(35):
        await setting.turn()
        await sealing.pass_blocks(1)
    outcomes = await sealing.outcomes()
    assert (outcomes[0], outcomes[-1]) == ("expired", "pending")
    assert (await attempts_of(sealing.weights))[-1].error == "the chain did not open them in their time"


async def test_the_same_weights_sealed_again_and_opened_by_nobody_are_not_called_applied(sealing: Bed) -> None:
    """They count on from before; the row says that nobody was seen to open the new ones."""
    setting, opened = sealing.setting(), False
    for _ in range(70):
        await setting.turn()
        found = await attempts_of(sealing.weights)
        if not opened and (await sealing.on_chain()).epoch == found[-1].opens_in:
            operations.reveal(sealing.path, sealing.hotkey, dict(found[-1].row), clock=sealing.time)
            opened = True
        await sealing.pass_blocks(1)
    first, second, *_ = reversed(await attempts_of(sealing.weights))
    assert (first.outcome, second.outcome, first.row == second.row) == (WeightOutcome.APPLIED, WeightOutcome.EXPIRED, True)
    assert str(second.error).startswith("nobody was seen to open them")
    assert (await sealing.on_chain()).row == first.row


async def test_while_nothing_can_be_folded_the_last_plan_goes_on_until_the_activity_cutoff(bed: Bed) -> None:
    """The row says why; after the cutoff nobody is paid any more by what was known once."""
    setting = bed.setting()
    await setting.turn()
    first = (await attempts_of(bed.weights))[0]
    await bed.pass_blocks(SILENCE)
    await setting.turn()
    carried = (await attempts_of(bed.weights))[0]
    assert isinstance(carried.plan_input, CarriedOver)
    assert (carried.outcome, carried.plan_input.why) == (WeightOutcome.SET, "nothing was folded since round 1")
    assert vector(carried) == vector(first)
    await bed.pass_blocks(5_000)
    await setting.turn()
    assert await bed.outcomes() == ["set", "set"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("update weight_attempts set snapshot = 'null'", id="input"),
        pytest.param("update weight_attempts set plan = '{}'", id="plan"),
    ],
)
async def test_a_validator_whose_attempt_cannot_be_read_goes_on(bed: Bed, change: str) -> None:
    """It names the attempt in its log, once, plans anew, and then holds the new plan."""
    await bed.setting().turn()
    async with bed.pool.connection() as connection:
        await connection.execute(change)
    await bed.pass_blocks(10)
    setting = bed.setting()
    with structlog.testing.capture_logs() as logs:
        await setting.turn()
        await bed.pass_blocks(SILENCE)
        await setting.turn()
    [said] = [entry for entry in logs if entry["event"] == "an attempt is no plan to hold"]
    assert (said["code"], "cannot be read" in said["detail"]) == (Code.LEDGER_INVALID, True)
    held, anew, lost = await bed.weights.page()
    assert isinstance(lost, UnreadableAttempt)
    assert isinstance(held, WeightAttempt) and isinstance(held.plan_input, CarriedOver)
    assert isinstance(anew, WeightAttempt) and held.plan_input.carried == anew.plan_input
    assert (lost.outcome, anew.outcome, held.outcome) == (WeightOutcome.SET,) * 3


async def refused(bed: Bed, number: int, **fields: object) -> None:
    """Append a round of which no receipt counts, to a ledger that knows nobody."""
    head = await bed.ledger.head()
    previous = "" if head is None else head.state_hash
    inputs = some_inputs(**{"distrusted": {"x@1": "expired", "y@1": "expired"}, **fields})
    await bed.ledger.append(a_ledger_entry(number, previous=previous, inputs=inputs))


async def test_receipts_of_which_none_counts_hold_the_plan_that_counts_on_the_chain(bed: Bed) -> None:
    """It is sent again once a tempo, with the reason in its row, also after a round without any; a receipt that counts ends it."""
    await bed.setting().turn()
    row = (await bed.on_chain()).row
    await refused(bed, 2)
    await refused(bed, 3, distrusted={})
    for _ in range(6):
        await bed.pass_blocks(5)
        await bed.setting().turn()
    held, first = await attempts_of(bed.weights)
    assert isinstance(held.plan_input, CarriedOver)
    assert (held.outcome, held.plan_input.why) == (WeightOutcome.SET, "in round 2 none of 2 receipts counts: expired")
    assert (await bed.on_chain()).row == row == vector(first)
    await bed.fold(4, king=1)
    await bed.pass_blocks(10)
    await bed.setting().turn()
    assert (await bed.on_chain()).row != row


async def test_a_first_ledger_of_refused_receipts_alone_burns_nothing(tmp_path: Path, pool: Pool) -> None:
    """There is no plan to hold: the chain keeps what it has."""
    bed = weight_bed.make(tmp_path, pool)
    await bed.pass_blocks(30)
    await refused(bed, 1)
    for _ in range(3):
        await bed.pass_blocks(30)
        await bed.setting().turn()
    assert (await bed.outcomes(), dict((await bed.on_chain()).row or {})) == ([], {})


async def test_a_ledger_that_is_folded_again_changes_no_weights_until_it_has_caught_up(bed: Bed) -> None:
    """After a reset the last plan counts on; the folded rounds of before set nothing, not even once."""
    await bed.fold(2)
    await bed.fold(3, king=1)
    await bed.setting().turn()
    row = (await bed.on_chain()).row
    await bed.ledger.reset(RoundNumber(1))
    for number in (0, 1, 2):  # first the ledger is empty
        if number:
            await bed.fold(number)
        await bed.pass_blocks(25)
        await bed.setting().turn()
        held = (await attempts_of(bed.weights))[0]
        assert isinstance(held.plan_input, CarriedOver)
        assert ("is empty" if number == 0 else f"it stands at round {number}, and weights") in held.plan_input.why
        assert (held.outcome, (await bed.on_chain()).row) == (WeightOutcome.SET, row)
    await bed.fold(3, king=0)
    await bed.pass_blocks(25)
    await bed.setting().turn()
    newest = (await attempts_of(bed.weights))[0]
    assert (isinstance(newest.plan_input, CarriedOver), (await bed.on_chain()).row == row) == (False, False)


async def test_a_first_ledger_sets_nothing_before_it_has_caught_up(tmp_path: Path, pool: Pool) -> None:
    """There is no plan to hold: neither an early king is paid nor anything burned, until the head is of now."""
    bed = weight_bed.make(tmp_path, pool)
    await bed.commit(0)
    await bed.pass_blocks(SILENCE + 30)
    head = a_ledger_entry(0)
    await bed.ledger.append(head)
    await bed.setting().turn()
    await bed.fold(1)
    await bed.setting().turn()
    assert await bed.outcomes() == []
    await bed.fold((SILENCE + 30) // 360 - 1, king=1)
    await bed.setting().turn()
    [kept] = await attempts_of(bed.weights)
    assert (kept.outcome, kept.plan.burn < 1, vector(kept)[3]) == (WeightOutcome.SET, True, 65_535)


async def test_a_follower_sets_nothing_before_it_has_folded_what_is_closed_elsewhere(bed: Bed) -> None:
    """Those rounds are in no database of its own; one that paid before goes on when two rounds could have ended since its start."""
    await bed.setting(behind=lambda: True).turn()
    assert await bed.outcomes() == []
    await bed.setting().turn()
    await bed.fold(2)
    await bed.pass_blocks(10)
    late = bed.setting(behind=lambda: True)
    await late.turn()
    assert await bed.outcomes() == ["set"]
    await bed.pass_blocks(2 * (360 + 1_080))
    await late.turn()
    assert await bed.outcomes() == ["set", "set"]


async def test_a_start_after_a_pause_folds_before_it_sends_anything(bed: Bed) -> None:
    """The ledger has stood still because nobody was there: that is no error, and weights of before the pause are not sent again."""
    await bed.setting().turn()
    await bed.pass_blocks(SILENCE)
    started = bed.setting()
    with structlog.testing.capture_logs() as logs:
        await started.turn()
        await bed.pass_blocks(30)
        await started.turn()
    assert (await bed.outcomes(), [entry for entry in logs if entry["log_level"] == "error"]) == (["set"], [])
    await bed.fold(9, king=1)
    await started.turn()
    kept = (await attempts_of(bed.weights))[0]
    assert (await bed.outcomes(), isinstance(kept.plan_input, CarriedOver)) == (["set", "set"], False)


async def test_a_subnet_without_any_model_burns_also_while_its_ledger_stands_still(tmp_path: Path, pool: Pool) -> None:
    """No round is opened where nobody committed, so nothing is folded; a commitment that nobody judged yet ends the burn."""
    bed = weight_bed.make(tmp_path, pool)
    await bed.ledger.append(a_ledger_entry(1))
    await bed.pass_blocks(SILENCE + 30)
    await bed.setting().turn()
    assert dict((await bed.on_chain()).row or {}) == {0: 65_535}
    await bed.commit(0)
    await bed.pass_blocks(30)
    await bed.setting().turn()
    assert await bed.outcomes() == ["set"]


async def test_a_commitment_that_cannot_be_read_does_not_end_that(
    tmp_path: Path, pool: Pool, refused: Callable[..., NewSubmission]
) -> None:
    """It was recorded as refused, so no round will ever ask for it."""
    bed = weight_bed.make(tmp_path, pool)
    await bed.ledger.append(a_ledger_entry(1))
    await bed.commit(0)
    await bed.pass_blocks(SILENCE + 30)
    await bed.setting().turn()
    assert await bed.outcomes() == []
    async with bed.opening(-1) as chain:
        metagraph = await chain.metagraph()
    committed = metagraph.commitments[0]
    await Registry(pool).replace(registry(metagraph))
    await Submissions(pool).add([refused(hotkey=committed.hotkey, commit_block=committed.block)])
    await bed.setting().turn()
    assert await bed.outcomes() == ["set"]
    assert dict((await bed.on_chain()).row or {}) == {0: 65_535}


SILENCE = 3 * 360 + 2 * 1_080
"""Blocks after which a ledger with round 1 stands still, by the rules' own lengths."""


class Cut(Pool):
    """A database that is away when the test says so."""

    away = False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """As long as it is there."""
        if self.away:
            raise DatabaseUnavailable("PostgreSQL cannot be reached (ConnectionRefusedError)")
        async with super().connection() as connection:
            yield connection


@pytest.fixture
async def fragile(database_url: str) -> AsyncIterator[Cut]:
    """The same database, over a line that can be cut."""
    async with open_pool(database_url, size=1) as pool:
        yield Cut(pool._pool)


async def test_without_a_database_the_last_plan_is_sent_and_its_row_follows(bed: Bed, fragile: Cut) -> None:
    """The outage is bridged from memory once a tempo; when the database is back the row is written as it ended."""
    setting = bed.setting(fragile)
    await setting.turn()
    fragile.away = True
    await bed.pass_blocks(30)
    for _ in range(2):
        await setting.turn()
    neuron = (await bed.metagraph()).neuron(bed.hotkey)
    assert neuron is not None and neuron.last_update > 50
    assert await bed.outcomes() == ["set"]
    fragile.away = False
    await setting.turn()
    carried, first = await attempts_of(bed.weights)
    assert isinstance(carried.plan_input, CarriedOver)
    assert (carried.outcome, carried.plan_input.why, carried.block) == (
        WeightOutcome.SET,
        "the database is away",
        neuron.last_update,
    )
    assert vector(carried) == vector(first)


async def test_a_validator_that_starts_without_a_database_sets_nothing(bed: Bed, fragile: Cut) -> None:
    """It knows neither its ledger nor its last plan."""
    fragile.away = True
    await bed.setting(fragile).turn()
    neuron = (await bed.metagraph()).neuron(bed.hotkey)
    assert neuron is not None and neuron.last_update < 10


async def test_every_row_can_be_computed_again_bit_for_bit(bed: Bed) -> None:
    """A plan of its own and one that was carried over alike; what was changed since is found out."""
    setting = bed.setting()
    await setting.turn()
    await bed.pass_blocks(SILENCE)
    await setting.turn()
    for attempt in await attempts_of(bed.weights):
        [made] = await of_snapshot(bed.pool, attempt.snapshot_hash)
        again = replay(made)
        assert (again.holds, dict(again.vector)) == (True, vector(attempt))
        forged = replace(made, attempt=replace(attempt, plan_input=replace(attempt.plan_input, block=Block(1))))
        assert not replay(forged).hash_holds
