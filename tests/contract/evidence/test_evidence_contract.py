"""What folding needs of evidence, wherever it comes from."""

from typing import TYPE_CHECKING

import pytest

from neurons.validator.evidence import Evidence
from neurons.validator.ledger import fold_round
from scoring.competition import load
from scoring.errors import Code, PlatformError
from scoring.types import RoundNumber
from tests.integration.played import play
from voice_api.db.states import EvaluationState, RoundState
from voice_api.keys import trust

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed
    from voice_api.db.ledger import LedgerEntry

SCHEDULE = load()


async def test_rounds_come_in_order_and_each_when_it_is_closed(evidence: Evidence, stack: "ValidatorBed") -> None:
    """Nothing before the first; then one after the other; an open one is waited for."""
    assert await evidence.next(None) is None
    first, second = await play(stack, 2)
    stack.chain.block = (second + 1) * 360 + 5
    while (await stack.store.rounds.page(second)) == ():
        await stack.tick()
    found = [await evidence.next(after) for after in (None, first, second)]
    assert [item and item.round.round for item in found] == [first, second, None]
    assert {item.round.state for item in found if item is not None} == {RoundState.CLOSED}
    assert [await evidence.closed(since) for since in (RoundNumber(0), second, RoundNumber(second + 1))] == [
        {first, second},
        {second},
        set(),
    ]


async def test_whoever_folds_it_comes_to_the_same_ledger(evidence: Evidence, stack: "ValidatorBed") -> None:
    """Receipts, signatures, tiebreaks, the eligibility and the times are all there, to the letter: the hashes are the validator's."""
    await play(stack, 3)
    trusted = trust(stack.hotkey, stack.revocations)
    head: LedgerEntry | None = None
    folded = []
    while found := await evidence.next(None if head is None else head.round):
        rules = SCHEDULE.at(found.round.round)
        head = fold_round(head, found, rules, trusted)
        folded.append(head)
    assert tuple(folded) == await stack.store.ledger.page()


async def test_what_is_shown_beside_a_receipt_is_part_of_it(evidence: Evidence, stack: "ValidatorBed") -> None:
    """A row that somebody changed after it was signed is not counted by anybody who reads it."""
    (number,) = await play(stack)
    async with stack.pool.connection() as connection:
        await connection.execute("update evaluation_groups set score = score - 1 where evaluation_id = 1 and position = 0")
    found = await evidence.of(number)
    entry = fold_round(None, found, SCHEDULE.at(number), trust(stack.hotkey, stack.revocations))
    assert list(entry.inputs.distrusted.values()) == ["the stored groups are not the receipt's"]


async def test_an_evaluation_without_a_verdict_is_there(evidence: Evidence, stack: "ValidatorBed") -> None:
    """It was asked for, and nothing came of it: nobody's loss."""
    while (await stack.store.rounds.latest()) is None:
        await stack.tick()
    await stack.judge(await stack.claim(), 500_000)
    await stack.claim()
    stack.chain.block += 1_080
    while await evidence.next(None) is None:
        await stack.tick()
    found = await evidence.next(None)
    assert found is not None
    assert [result.state for result in found.results] == [EvaluationState.SCORED, EvaluationState.PARKED]
    assert (found.results[1].receipt, found.results[1].finished_at is None) == (None, False)


async def test_a_round_that_was_never_opened_is_said_to_be_missing(evidence: Evidence) -> None:
    """By its code, the same either way."""
    with pytest.raises(PlatformError) as missing:
        await evidence.of(RoundNumber(77))
    assert missing.value.code is Code.NOT_FOUND
