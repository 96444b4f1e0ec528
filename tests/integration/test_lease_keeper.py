"""Progress renews the lease in the database and shows that the worker lives, as often as is useful and no oftener."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from scoring.types import SubmissionId
from voice_api.db.database import Pool
from voice_api.db.queue import EvaluationQueue
from voice_api.db.states import QueueName
from voice_api.errors import DatabaseUnavailable, LeaseLost
from workers.evaluation.progress import Stage
from workers.jobs.lease import LeaseKeeper, Renewals

OpenRound = Callable[..., Awaitable[list[SubmissionId]]]


async def test_progress_renews_and_beats_once_a_stage_and_twentieth_of_a_lease(pool: Pool, open_round: OpenRound) -> None:
    """Five reports within a moment, of two stages: two renewals, two beats."""
    await open_round()
    queue, beats = EvaluationQueue(pool), [0]
    claim = await queue.claim(QueueName.CPU, "w", timedelta(seconds=1))
    assert claim is not None

    def heartbeat() -> None:
        beats[0] += 1

    keeper = LeaseKeeper(Renewals(queue, heartbeat), claim, timedelta(minutes=10), asyncio.get_running_loop())

    def report() -> None:
        for stage, done in ((Stage.FETCH, 1), (Stage.FETCH, 2), (Stage.FETCH, 3), (Stage.SPEAK, 1), (Stage.SPEAK, 2)):
            keeper(stage, done, 3)

    await asyncio.to_thread(report)
    async with pool.connection() as connection:
        row = await connection.fetchrow("select stage, done, lease_until - now() as left from evaluations")
    assert (row["stage"], row["done"], beats) == ("speak", 1, [2])
    assert row["left"] > timedelta(minutes=9)


async def test_a_lost_lease_ends_the_evaluating_thread(pool: Pool, open_round: OpenRound) -> None:
    """The next report after another worker took over raises there."""
    await open_round()
    queue = EvaluationQueue(pool)
    claim = await queue.claim(QueueName.CPU, "w", timedelta(0))
    assert claim is not None
    await queue.expire_leases(3)
    keeper = LeaseKeeper(Renewals(queue, lambda: None), claim, timedelta(minutes=10), asyncio.get_running_loop())
    with pytest.raises(LeaseLost):
        await asyncio.to_thread(keeper, Stage.SPEAK, 1, 3)


async def test_only_rising_progress_renews(pool: Pool, open_round: OpenRound) -> None:
    """Saying the same again, or less, is no progress; another total is another piece of work."""
    await open_round()
    queue = EvaluationQueue(pool)
    claim = await queue.claim(QueueName.CPU, "w", timedelta(minutes=10))
    assert claim is not None
    keeper = LeaseKeeper(Renewals(queue, lambda: None), claim, timedelta(minutes=10), asyncio.get_running_loop())
    rises = []
    for done, total in ((1, 3), (1, 3), (0, 3), (2, 3), (1, 5), (5, 5), (5, 5)):
        await asyncio.to_thread(keeper, Stage.FETCH, done, total)
        rises.append(keeper.progress_count)
    assert rises == [1, 1, 1, 2, 3, 4, 4]


async def test_a_renewal_that_takes_too_long_is_sent_again(pool: Pool, open_round: OpenRound) -> None:
    """Its worker was stopped for longer than a lease: whether it lost that, the next renewal tells; until then nothing failed."""
    await open_round()
    queue, stuck = EvaluationQueue(pool), [asyncio.Event()]
    claim = await queue.claim(QueueName.CPU, "w", timedelta(minutes=1))
    assert claim is not None

    class Slow(EvaluationQueue):
        async def renew(self, *arguments: Any) -> None:
            if stuck:
                await stuck.pop().wait()
            await super().renew(*arguments)

    keeper = LeaseKeeper(Renewals(Slow(pool), lambda: None), claim, timedelta(seconds=0.2), asyncio.get_running_loop())
    await asyncio.to_thread(keeper, Stage.SPEAK, 1, 3)
    await asyncio.to_thread(keeper, Stage.SPEAK, 2, 3)
    async with pool.connection() as connection:
        assert await connection.fetchval("select done from evaluations") == 2


async def test_a_short_outage_of_the_database_costs_no_evaluation(pool: Pool, open_round: OpenRound) -> None:
    """A renewal that finds nobody is sent again with the next progress."""
    await open_round()
    queue, outages = EvaluationQueue(pool), [DatabaseUnavailable()]
    claim = await queue.claim(QueueName.CPU, "w", timedelta(seconds=1))
    assert claim is not None

    class Shaky(EvaluationQueue):
        async def renew(self, *arguments: Any) -> None:
            if outages:
                raise outages.pop()
            await super().renew(*arguments)

    keeper = LeaseKeeper(Renewals(Shaky(pool), lambda: None), claim, timedelta(minutes=10), asyncio.get_running_loop())
    await asyncio.to_thread(keeper, Stage.SPEAK, 1, 3)
    await asyncio.to_thread(keeper, Stage.SPEAK, 2, 3)
    async with pool.connection() as connection:
        assert await connection.fetchval("select done from evaluations") == 2
