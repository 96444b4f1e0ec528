"""Ledgers and attempts to set weights on a real PostgreSQL, several validators in one database."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from scoring.errors import Code, PlatformError
from scoring.types import Block, Hotkey, RoundNumber
from scoring.weights.plan import CarriedOver
from tests.builders.ledger import a_ledger_entry, a_snapshot, a_weight_attempt, a_weight_plan, some_inputs
from voice_api.db import migrate
from voice_api.db.database import Pool, connection_to, open_pool
from voice_api.db.ledger import Ledger, LedgerEntry, validators
from voice_api.db.rounds import NewRound, Rounds
from voice_api.db.states import Mechanism, WeightOutcome
from voice_api.db.weights import Made, UnreadableAttempt, Weights, of_snapshot
from voice_api.errors import LedgerInvalid, OutOfOrder

ALICE, BOB = Hotkey("alice"), Hotkey("bob")
FIRST = a_ledger_entry(state_hash="1" * 64, inputs=some_inputs(gone={"a@1": "banned"}))
SECOND = a_ledger_entry(2, king="b@2", state_hash="2" * 64, previous=FIRST.state_hash)
SET = a_weight_attempt()


@pytest.fixture
def rounds(pool: Pool) -> Rounds:
    """The rounds of the stack."""
    return Rounds(pool)


@pytest.fixture
def ledger(pool: Pool) -> Ledger:
    """Alice's ledger."""
    return Ledger(pool, ALICE)


async def close(rounds: Rounds, new_round: Callable[..., NewRound], *numbers: int) -> None:
    """Rounds that can be folded."""
    for number in numbers:
        assert await rounds.open(new_round(number), [])
        assert await rounds.close(RoundNumber(number))


async def test_folding_in_order(rounds: Rounds, ledger: Ledger, new_round: Callable[..., NewRound]) -> None:
    """Closed rounds are folded one after the other, each once, and the head is what was folded last, to the letter."""
    await close(rounds, new_round, 1, 2)
    assert await ledger.head() is None
    await ledger.append(FIRST)
    assert [found.round for found in await ledger.waiting()] == [2]
    await ledger.append(SECOND)
    assert (await ledger.head(), await ledger.waiting()) == (SECOND, ())


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(SECOND, id="an earlier round is not folded"),
        pytest.param(replace(SECOND, previous=""), id="leaves a round out"),
        pytest.param(replace(FIRST, previous="9" * 64), id="does not follow the head"),
        pytest.param(replace(FIRST, round=RoundNumber(7)), id="no such round"),
        pytest.param(replace(FIRST, round=RoundNumber(3)), id="a round that is still open"),
    ],
)
async def test_folding_out_of_order_is_refused(
    rounds: Rounds, ledger: Ledger, new_round: Callable[..., NewRound], entry: LedgerEntry
) -> None:
    """An entry that is not next changes nothing."""
    await close(rounds, new_round, 1, 2)
    await rounds.open(new_round(3), [])
    with pytest.raises(OutOfOrder):
        await ledger.append(entry)
    assert (await ledger.head(), len(await ledger.waiting())) == (None, 3)


async def test_folding_an_open_round_is_refused(rounds: Rounds, ledger: Ledger, new_round: Callable[..., NewRound]) -> None:
    """While verdicts can still be written, a round's results are not final."""
    await rounds.open(new_round(1), [])
    with pytest.raises(OutOfOrder, match="not closed"):
        await ledger.append(FIRST)


async def test_racing_folds_write_one(rounds: Rounds, ledger: Ledger, new_round: Callable[..., NewRound]) -> None:
    """Two processes of one validator that fold the same round write one entry."""
    await close(rounds, new_round, 1)
    outcomes = await asyncio.gather(*(ledger.append(FIRST) for _ in range(4)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes].count(OutOfOrder) == 3
    assert await ledger.head() == FIRST


async def test_each_validator_keeps_its_own(
    rounds: Rounds, pool: Pool, ledger: Ledger, new_round: Callable[..., NewRound]
) -> None:
    """What one folded, another has still to fold, and may fold to something else."""
    await close(rounds, new_round, 1)
    await ledger.append(FIRST)
    others = Ledger(pool, BOB)
    assert (await others.head(), [found.round for found in await others.waiting()]) == (None, [1])
    differs = replace(FIRST, state_hash="f" * 64)
    await others.append(differs)
    assert (await ledger.head(), await others.head()) == (FIRST, differs)
    assert await validators(pool) == (ALICE, BOB)


async def test_a_ledger_of_another_stack_can_be_kept(ledger: Ledger) -> None:
    """Whoever follows another's evidence has none of its rounds: order and chain are kept all the same."""
    await ledger.append(FIRST)
    with pytest.raises(OutOfOrder, match="come after"):
        await ledger.append(replace(FIRST, previous=FIRST.state_hash, state_hash="3" * 64))
    await ledger.append(replace(SECOND, round=RoundNumber(9)))
    assert [entry.round for entry in await ledger.page()] == [1, 9]


async def test_entries_are_read_one_by_one_and_in_pages(ledger: Ledger) -> None:
    """A page goes on after a round; a round that was never folded is an error."""
    await ledger.append(FIRST)
    await ledger.append(SECOND)
    assert (await ledger.page(limit=1), await ledger.page(after=RoundNumber(1))) == ((FIRST,), (SECOND,))
    assert await ledger.get(RoundNumber(1)) == FIRST
    with pytest.raises(PlatformError, match="round 7"):
        await ledger.get(RoundNumber(7))


async def test_attempts_are_kept_by_validator(pool: Pool) -> None:
    """The last attempt of each outcome is found again as it was recorded; nobody sees another's."""
    weights = Weights(pool, ALICE)
    newer = replace(SET, block=Block(20), plan=a_weight_plan({1: 1.0}))
    failed = replace(SET, block=Block(30), outcome=WeightOutcome.FAILED, error="the chain refused")
    first, second, third = [await weights.record(attempt) for attempt in (SET, newer, failed)]
    assert await weights.latest(WeightOutcome.SET) == replace(newer, id=second)
    assert await weights.latest() == await weights.latest(WeightOutcome.FAILED) == replace(failed, id=third)
    assert await weights.latest(WeightOutcome.RATE_LIMITED) is None
    assert [attempt.id for attempt in await weights.page(limit=2)] == [third, second]
    assert [attempt.id for attempt in await weights.page(before=second)] == [first]
    assert await Weights(pool, BOB).latest() is None


async def test_a_sealed_attempt_waits_until_it_is_settled_once(pool: Pool) -> None:
    """Pending, then applied in a block or expired, and then it stays so."""
    weights = Weights(pool, ALICE)
    sealed = replace(SET, outcome=WeightOutcome.PENDING, mechanism=Mechanism.SEALED, reveal_round=1234)
    first, second = await weights.record(sealed), await weights.record(replace(sealed, block=Block(20)))
    assert [attempt.id for attempt in await weights.waiting()] == [first, second]
    applied = replace(sealed, outcome=WeightOutcome.APPLIED, applied_block=Block(55), id=first)
    assert await weights.settle(applied)
    assert not await weights.settle(replace(applied, outcome=WeightOutcome.EXPIRED))
    expired = replace(sealed, outcome=WeightOutcome.EXPIRED, id=second)
    assert not await Weights(pool, BOB).settle(expired)
    assert await weights.settle(expired)
    assert (await weights.waiting(), await weights.latest(WeightOutcome.APPLIED)) == ((), applied)


@pytest.mark.parametrize(
    "end",
    [
        pytest.param({"outcome": WeightOutcome.SET, "block": Block(12)}, id="set"),
        pytest.param({"outcome": WeightOutcome.FAILED, "error": "no block took it"}, id="failed"),
        pytest.param({"outcome": WeightOutcome.RATE_LIMITED, "error": "too soon", "next_block": Block(60)}, id="too soon"),
        pytest.param({"outcome": WeightOutcome.PENDING, "mechanism": Mechanism.SEALED, "reveal_round": 99}, id="sealed"),
        pytest.param({"outcome": WeightOutcome.EXPIRED, "mechanism": Mechanism.SEALED}, id="sealed, and nobody saw them wait"),
    ],
)
async def test_an_attempt_is_written_before_it_is_sent_and_ends_afterwards(pool: Pool, end: dict[str, Any]) -> None:
    """Until then it waits, as whoever is killed in between finds it."""
    weights = Weights(pool, ALICE)
    sending = replace(SET, outcome=WeightOutcome.SENDING)
    key = await weights.record(sending)
    assert await weights.waiting() == (replace(sending, id=key),)
    ended = replace(sending, id=key, **end)
    assert await weights.settle(ended)
    assert await weights.latest() == ended


async def test_the_last_plan_of_its_own_is_what_an_outage_is_bridged_with(pool: Pool) -> None:
    """Neither what was carried over already, nor what the chain did not take."""
    weights = Weights(pool, ALICE)
    assert await weights.planned() is None
    key = await weights.record(SET)
    nobody: dict[str, Any] = {"uids": {}, "registered_at": {}}
    carried = CarriedOver(carried=a_snapshot(), why="away", block=Block(2), owner=None, **nobody)
    await weights.record(replace(SET, plan_input=carried))
    await weights.record(replace(SET, outcome=WeightOutcome.FAILED))
    assert await weights.planned() == replace(SET, id=key)


SPOIL = {
    "snapshot": "update weight_attempts set snapshot = $1::text::json where id = any($2)",
    "plan": "update weight_attempts set plan = $1::text::json where id = any($2)",
}


@pytest.mark.parametrize(
    ("column", "text"),
    [
        pytest.param("snapshot", "null", id="no input"),
        pytest.param("snapshot", "[]", id="a list as the input"),
        pytest.param("snapshot", json.dumps({"state": "\0"}), id="a NUL in the input"),
        pytest.param("plan", "null", id="no plan"),
        pytest.param("plan", json.dumps(a_weight_plan().to_json() | {"vector": {"0": "all"}}), id="a weight that is no number"),
    ],
)
async def test_an_attempt_that_cannot_be_read_is_named_and_counts_as_no_plan(pool: Pool, column: str, text: str) -> None:
    """Its outcome is listed beside the others', with the fault; nothing is bridged with it, and nobody waits for its end."""
    weights = Weights(pool, ALICE)
    before, lost = await weights.record(SET), await weights.record(SET)
    waiting = await weights.record(replace(SET, outcome=WeightOutcome.SENDING))
    async with pool.connection() as connection:
        await connection.execute(SPOIL[column], text, [lost, waiting])
    named = f"the attempt {lost} to set weights cannot be read: this is no "
    unread, listed, first = await weights.page()
    assert (unread.id, listed.id, listed.outcome, first) == (waiting, lost, WeightOutcome.SET, replace(SET, id=before))
    assert isinstance(listed, UnreadableAttempt)
    assert listed.fault.code is Code.LEDGER_INVALID
    assert listed.fault.detail.startswith(named)
    assert (await weights.waiting(), await weights.planned()) == ((), None)
    for asked in (weights.latest(WeightOutcome.SET), of_snapshot(pool, SET.snapshot_hash)):
        with pytest.raises(LedgerInvalid, match=named):
            await asked


async def test_what_follows_an_attempt_that_cannot_be_read_is_a_plan_to_hold(pool: Pool) -> None:
    """The next one that the chain took."""
    weights = Weights(pool, ALICE)
    lost = await weights.record(SET)
    async with pool.connection() as connection:
        await connection.execute(SPOIL["plan"], "null", [lost])
    key = await weights.record(SET)
    assert await weights.planned() == replace(SET, id=key)


@pytest.mark.parametrize(
    ("inputs", "judged"),
    [
        pytest.param({}, False, id="no receipt"),
        pytest.param({"counted": {"7e" * 32: "3b" * 32}}, True, id="one that counts"),
        pytest.param({"distrusted": {"a@1": "expired"}}, True, id="one that does not"),
        pytest.param({"distrusted": {"a@1": "NUL: \0"}}, True, id="one that does not, with a NUL"),
        pytest.param({"gone": {'"counted":{"': 'left: "distrusted":{"'}}, False, id="a name that looks like one"),
    ],
)
async def test_the_last_entry_that_a_receipt_reached(
    rounds: Rounds, ledger: Ledger, new_round: Callable[..., NewRound], inputs: dict[str, Any], judged: bool
) -> None:
    """Whatever texts it holds: PostgreSQL itself refuses to look into JSON with a NUL."""
    await close(rounds, new_round, 1)
    entry = replace(FIRST, inputs=some_inputs(**inputs))
    await ledger.append(entry)
    found = await ledger.last_judged()
    assert (None if found is None else found.inputs) == (entry.inputs if judged else None)


async def test_rounds_in_a_row_in_which_nothing_counts(
    rounds: Rounds, ledger: Ledger, new_round: Callable[..., NewRound]
) -> None:
    """From the last round with a receipt that counts on, whether receipts were refused or none came; from the first without one."""
    assert await ledger.uncounted() == 0
    previous, found = "", []
    kinds: tuple[dict[str, Any], ...] = ({}, {"counted": {"7e" * 32: "3b" * 32}}, {"distrusted": {"a@1": '"counted":{"'}}, {})
    for number, inputs in enumerate(kinds, 1):
        await close(rounds, new_round, number)
        entry = a_ledger_entry(number, previous=previous, inputs=some_inputs(**inputs))
        await ledger.append(entry)
        previous = entry.state_hash
        found.append(await ledger.uncounted())
    assert found == [1, 0, 1, 2]


async def test_an_attempt_is_found_by_its_snapshot(pool: Pool) -> None:
    """All that were made from it, whoever made them."""
    keys = [await Weights(pool, who).record(SET) for who in (BOB, ALICE)]
    assert await of_snapshot(pool, SET.snapshot_hash) == (
        Made(BOB, replace(SET, id=keys[0])),
        Made(ALICE, replace(SET, id=keys[1])),
    )
    with pytest.raises(PlatformError, match="ffff"):
        await of_snapshot(pool, "f" * 64)


async def test_what_was_folded_before_is_folded_again(empty_database_url: str) -> None:
    """The first ledger named rows of one database: after the upgrade its rounds wait for every validator."""
    async with connection_to(empty_database_url) as connection:
        for name in ("0001_initial", "0002_signed_receipts", "0003_operations"):
            await connection.execute((migrate.MIGRATIONS / f"{name}.sql").read_text(encoding="utf-8"))
        await connection.execute(
            """create table alembic_version (version_num varchar(32)); insert into alembic_version values ('0003');
            insert into rounds (round, start_block, block_hash, deadline_block, competition_hash, state, closed_at)
            values (1, 0, '0x', 1, 'c', 'folded', now()), (2, 0, '0x', 1, 'c', 'open', null);
            insert into ledger (round, state_hash, previous, state) values (1, 'aa', '', '{}');
            insert into weight_attempts (block, snapshot_hash, snapshot, plan, outcome) values (1, 's', '{}', '{}', 'set')"""
        )
        await migrate.upgrade(empty_database_url)
    async with open_pool(empty_database_url) as pool:
        assert [(found.round, found.state) for found in await Ledger(pool, ALICE).waiting()] == [(1, "closed"), (2, "open")]
        assert (await Ledger(pool, ALICE).head(), await Weights(pool, ALICE).latest()) == (None, None)
