"""Rounds, the ledger, and weights on a real PostgreSQL."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from scoring.types import Block, RoundNumber, SubmissionId
from voice_api.db.leader import candidacy
from voice_api.db.pool import Pool
from voice_api.db.records import Entry, LedgerEntry, NewRound, NewSubmission, Round, WeightAttempt
from voice_api.db.rounds import Rounds
from voice_api.db.states import Outcome, QueueName, RoundState
from voice_api.db.submissions import Submissions
from voice_api.db.weights import Weights
from voice_api.errors import OutOfOrder

OpenRound = Callable[..., Awaitable[list[SubmissionId]]]
FIRST = LedgerEntry(RoundNumber(1), "1" * 64, "", {"duels": [], "margin": 0.02}, None)
SECOND = LedgerEntry(RoundNumber(2), "2" * 64, FIRST.state_hash, {"duels": [1]}, None)


@pytest.fixture
def rounds(pool: Pool) -> Rounds:
    """The store under test."""
    return Rounds(pool)


async def test_round_opens_once(
    rounds: Rounds, pool: Pool, new_round: Callable[..., NewRound], new_submission: Callable[..., NewSubmission]
) -> None:
    """Of many that open the same round one does, with its entries; the rest change nothing."""
    (key,) = await Submissions(pool).add([new_submission()])
    entries = [Entry(key, QueueName.GPU, 0)]
    opened = await asyncio.gather(*(rounds.open(new_round(3), entries) for _ in range(6)))
    assert sorted(opened) == [False] * 5 + [True]
    new = new_round(3)
    expected = Round(new.round, new.start_block, new.block_hash, new.deadline_block, new.competition_hash, RoundState.OPEN, 1)
    assert (await rounds.unfolded(), await rounds.latest()) == ((expected,), expected)


async def test_opening_is_heard(rounds: Rounds, database_url: str, open_round: OpenRound) -> None:
    """Whoever listens hears of a round's work when it is committed."""
    async with candidacy(database_url) as candidate:
        await open_round()
        async with asyncio.timeout(5):
            await candidate.news.wait()


async def test_folding_in_order(rounds: Rounds, new_round: Callable[..., NewRound]) -> None:
    """Closed rounds are folded one after the other, each once, and the head is what was folded last, to the letter."""
    for number in (1, 2):
        await rounds.open(new_round(number), [])
        assert await rounds.close(RoundNumber(number))
        assert not await rounds.close(RoundNumber(number))
    assert await rounds.head() is None
    await rounds.fold(FIRST)
    await rounds.fold(SECOND)
    assert (await rounds.head(), await rounds.unfolded()) == (SECOND, ())


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(SECOND, id="an earlier round is not folded"),
        pytest.param(replace(FIRST, previous="9" * 64), id="does not follow the head"),
        pytest.param(replace(FIRST, round=RoundNumber(7)), id="no such round"),
        pytest.param(replace(FIRST, round=RoundNumber(3)), id="a round that is still open"),
    ],
)
async def test_folding_out_of_order_is_refused(rounds: Rounds, new_round: Callable[..., NewRound], entry: LedgerEntry) -> None:
    """An entry that is not next changes nothing."""
    for number in (1, 2, 3):
        await rounds.open(new_round(number), [])
    await rounds.close(RoundNumber(1))
    await rounds.close(RoundNumber(2))
    with pytest.raises(OutOfOrder):
        await rounds.fold(entry)
    assert (await rounds.head(), len(await rounds.unfolded())) == (None, 3)


async def test_folding_an_open_round_is_refused(rounds: Rounds, new_round: Callable[..., NewRound]) -> None:
    """While verdicts can still be written, a round's results are not final."""
    await rounds.open(new_round(1), [])
    with pytest.raises(OutOfOrder, match="not closed"):
        await rounds.fold(FIRST)


async def test_racing_folds_write_one(rounds: Rounds, new_round: Callable[..., NewRound]) -> None:
    """Two validators that fold the same round write one entry."""
    await rounds.open(new_round(1), [])
    await rounds.close(RoundNumber(1))
    outcomes = await asyncio.gather(*(rounds.fold(FIRST) for _ in range(4)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes].count(OutOfOrder) == 3
    assert await rounds.head() == FIRST


async def test_weight_attempts(pool: Pool) -> None:
    """The last attempt of each outcome is found again as it was recorded."""
    weights = Weights(pool)
    older = WeightAttempt(Block(10), "a" * 64, {"uids": [0]}, {"vector": [[0, 65535]]}, Outcome.SET)
    newer = replace(older, block=Block(20), plan={"vector": [[1, 65535]]})
    failed = replace(older, block=Block(30), outcome=Outcome.FAILED, error="the chain refused")
    for attempt in (older, newer, failed):
        await weights.record(attempt)
    assert [await weights.latest(outcome) for outcome in Outcome] == [newer, None, failed]
