"""Rounds on a real PostgreSQL: opened once and in order, closed once with who stood then."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from scoring.types import Block, Entrant, RoundNumber, SubmissionId
from voice_api.db.database import Pool
from voice_api.db.processes import candidacy
from voice_api.db.rounds import Eligibility, NewRound, Round, RoundEntry, Rounds
from voice_api.db.states import QueueName, RoundState
from voice_api.db.submissions import NewSubmission, Submissions

OpenRound = Callable[..., Awaitable[list[SubmissionId]]]
ELIGIBILITY = Eligibility(Block(77), (Entrant("a@1"), Entrant("b@2")), {Entrant("c@3"): "deregistered"})


@pytest.fixture
def rounds(pool: Pool) -> Rounds:
    """The store under test."""
    return Rounds(pool)


async def test_round_opens_once(
    rounds: Rounds, pool: Pool, new_round: Callable[..., NewRound], new_submission: Callable[..., NewSubmission]
) -> None:
    """Of many that open the same round one does, with its entries; the rest change nothing."""
    (key,) = await Submissions(pool).add([new_submission()])
    entries = [RoundEntry(key, None, QueueName.GPU, 0)]
    opened = await asyncio.gather(*(rounds.open(new_round(3), entries) for _ in range(6)))
    assert sorted(opened) == [False] * 5 + [True]
    new = new_round(3)
    expected = Round(
        round=new.round,
        start_block=new.start_block,
        block_hash=new.block_hash,
        deadline_block=new.deadline_block,
        competition_hash=new.competition_hash,
        state=RoundState.OPEN,
        pending=1,
    )
    assert (await rounds.page(), await rounds.latest()) == ((expected,), expected)


async def test_no_round_opens_behind_a_later_one(rounds: Rounds, new_round: Callable[..., NewRound]) -> None:
    """A validator with an old head of the chain comes too late: ledgers that went on would never fold its round."""
    assert await rounds.open(new_round(3), [])
    assert not await rounds.open(new_round(2), [])
    assert [found.round for found in await rounds.page()] == [3]


async def test_opening_is_heard(rounds: Rounds, database_url: str, open_round: OpenRound) -> None:
    """Whoever listens hears of a round's work when it is committed."""
    async with candidacy(database_url) as candidate:
        await open_round()
        async with asyncio.timeout(20):
            await candidate.news.wait()


async def test_the_roll_is_called_once(rounds: Rounds, new_round: Callable[..., NewRound]) -> None:
    """Of several that close a round with different eligibilities one does, and its eligibility is what all of them read."""
    await rounds.open(new_round(1), [])
    assert await rounds.eligibility(RoundNumber(1)) is None
    others = [Eligibility(Block(78 + n), (), {}) for n in range(4)]
    closed = await asyncio.gather(*(rounds.close(RoundNumber(1), eligibility) for eligibility in [ELIGIBILITY, *others]))
    winner = [ELIGIBILITY, *others][closed.index(True)]
    assert (sum(closed), await rounds.eligibility(RoundNumber(1))) == (1, winner)


async def test_the_roll_is_read_as_it_was_called(rounds: Rounds, new_round: Callable[..., NewRound]) -> None:
    """Who stands, in order, and why others do not."""
    await rounds.open(new_round(1), [])
    assert await rounds.close(RoundNumber(1), ELIGIBILITY)
    assert not await rounds.close(RoundNumber(1))
    assert await rounds.eligibility(RoundNumber(1)) == ELIGIBILITY
