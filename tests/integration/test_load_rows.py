"""The rows of fleets on paper, held against the real statements and the real times; and a small fleet on paper and for real."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bittensor.sp_core import ss58_encode

from benchmarks.load import costs
from benchmarks.load.limits import CHAIN_READS, LEASE_SECONDS
from benchmarks.load.plan import Timing
from benchmarks.load.real_run import compare
from benchmarks.load.rows import Row, Rows
from neurons.chain.adapter import Chain
from neurons.devchain.operations import create
from neurons.devchain.subnet import Rules
from neurons.devchain.substrate import DevSubstrate
from scoring.types import Hotkey, RoundNumber, SubmissionId
from voice_api.db.database import Pool
from voice_api.db.evaluations import Claim, Verdict
from voice_api.db.queue import EvaluationQueue
from voice_api.db.rounds import NewRound, RoundEntry, Rounds
from voice_api.db.states import EvaluationState, QueueName
from voice_api.errors import LeaseLost
from voice_api.settings import DispatcherSettings
from workers.jobs.presence import PAUSE
from workers.settings import WorkerSettings

LEASE = timedelta(minutes=1)
OVER = timedelta(milliseconds=1)
PRIORITIES = (3, 1, 2, 1, 0)
MOST = Timing().budget.per_evaluation
FAILURES = (MOST, 2, 0, 0, 1)


def a_row(number: int, priority: int, failures: int) -> Row:
    """A row on paper that is due."""
    shape: dict[str, Any] = {"round": RoundNumber(2), "track": "", "queue": QueueName.CPU, "seconds": 1.0, "due_at": 0.0}
    return Row(id=number, priority=priority, failures=failures, **shape)


@pytest.fixture
async def asked(
    pool: Pool, open_round: Callable[..., Awaitable[list[SubmissionId]]], new_round: Callable[..., NewRound]
) -> tuple[Rows, dict[int, SubmissionId]]:
    """The same five rows on paper and in PostgreSQL, with these priorities and failures."""
    ids = await open_round(1, len(PRIORITIES))
    await Rounds(pool).close(RoundNumber(1))
    entries = [RoundEntry(each, None, QueueName.CPU, priority) for each, priority in zip(ids, PRIORITIES, strict=True)]
    await Rounds(pool).open(new_round(2), entries)
    paper = Rows()
    async with pool.connection() as connection:
        for number, (each, priority, failures) in enumerate(zip(ids, PRIORITIES, FAILURES, strict=True)):
            await connection.execute(
                "update evaluations set failures = $2 where submission_id = $1 and round = 2", each, failures
            )
            paper.add(a_row(number, priority, failures))
    return paper, dict(enumerate(ids))


async def claimed(pool: Pool, lease: timedelta = LEASE) -> Claim | None:
    """The next row of PostgreSQL's."""
    return await EvaluationQueue(pool).claim(QueueName.CPU, "w1", lease)


async def test_rows_are_claimed_in_the_same_order(pool: Pool, asked: tuple[Rows, dict[int, SubmissionId]]) -> None:
    """By priority, then fewer failures, then the oldest; then there are none."""
    paper, ids = asked
    on_paper = [row for _ in PRIORITIES if (row := paper.claim(QueueName.CPU, 1.0)) is not None]
    really = [claim for _ in PRIORITIES if (claim := await claimed(pool)) is not None]
    assert [ids[row.id] for row in on_paper] == [claim.submission_id for claim in really]
    assert [row.id for row in on_paper] == [4, 3, 1, 2, 0]
    assert (paper.claim(QueueName.CPU, 1.0), await claimed(pool)) == (None, None)


async def test_leases_that_run_out_end_alike(
    pool: Pool, asked: tuple[Rows, dict[int, SubmissionId]], verdict: Callable[..., Verdict]
) -> None:
    """They come back with one failure more, are parked past the budget, and whoever held one holds nothing any more."""
    paper, ids = asked
    held = [(await claimed(pool, OVER), paper.claim(QueueName.CPU, 0.0)) for _ in PRIORITIES]
    tokens = [row.token for _, row in held if row is not None]
    await EvaluationQueue(pool).expire_leases(MOST)
    for back in paper.expired(1.0, MOST):
        paper.wait(back)
    async with pool.connection() as connection:
        stored = await connection.fetch("select submission_id, state, failures from evaluations where round = 2")
    really = {found["submission_id"]: (EvaluationState(found["state"]), found["failures"]) for found in stored}
    assert really == {ids[each.id]: (each.state, each.failures) for each in paper.every}
    assert [each.id for each in paper.every if each.state is EvaluationState.PARKED] == [0]
    for (claim, row), token in zip(held, tokens, strict=True):
        assert claim is not None and row is not None
        assert not paper.finish(row, token)
        with pytest.raises(LeaseLost):
            await EvaluationQueue(pool).finish(claim, verdict())


def test_the_times_on_paper_are_those_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lease, sweep, drain and signs of life, as processes have them that are told nothing."""
    for name in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.setenv(name, "postgresql:///voice" if name == "DATABASE_URL" else "redis://localhost")
    worker, dispatcher, limits = WorkerSettings(), DispatcherSettings(), costs.read().limits
    timing = Timing()
    assert (timing.lease, timing.drain_seconds, LEASE_SECONDS) == (worker.lease, worker.drain_seconds, worker.lease_seconds)
    assert timing.sweep_seconds == limits.dispatch_seconds == dispatcher.pause.total_seconds()
    assert limits.presence_seconds == PAUSE.total_seconds()


OWNER = Hotkey(ss58_encode(bytes(32)))


class CountedSubstrate:
    """A chain's node that counts what it is asked."""

    def __init__(self, node: DevSubstrate) -> None:
        self._node, self.asked = node, list[str]()

    def __getattr__(self, name: str) -> Any:
        self.asked.append(name)
        return getattr(self._node, name)


@asynccontextmanager
async def counted_chain(path: Path) -> AsyncIterator[tuple[Chain, CountedSubstrate]]:
    """A development chain past its first blocks, and what its node is asked."""
    now = 1_000_000.0
    create(path, netuid=7, block_seconds=1.0, owner_coldkey="c", owner_hotkey=OWNER, rules=Rules(), clock=lambda: now)

    async def sleep(_seconds: float) -> None:
        raise AssertionError("nothing is waited for")

    node = CountedSubstrate(DevSubstrate(path, lambda: now + 30, sleep))
    async with Chain(node, 7, timedelta(seconds=20)) as chain:
        yield chain, node


async def test_a_tick_asks_the_node_as_often_as_is_computed_with(tmp_path: Path) -> None:
    """One reading of the metagraph, however many neurons there are."""
    async with counted_chain(tmp_path / "chain.sqlite") as (chain, node):
        node.asked.clear()
        await chain.metagraph()
    assert len(node.asked) == CHAIN_READS, node.asked


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_paper_and_reality_agree() -> None:
    """Three real workers and 24 rows, one worker killed: how long it takes, how old the queue becomes, and how many tries fail."""
    assert [each for each in compare() if not each.agrees] == []
