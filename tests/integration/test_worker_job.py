"""One job of a worker on a real PostgreSQL, where the round closes under it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from scoring.competition import load
from scoring.types import RoundNumber, SubmissionId
from voice_api.db.pool import Pool
from voice_api.db.queue import EvaluationQueue
from voice_api.db.records import Claim
from voice_api.db.rounds import Rounds
from voice_api.db.states import EvaluationState, QueueName
from voice_api.db.submissions import Submissions
from workers.evaluate import Tools
from workers.hub import Hub
from workers.jobs import Bench, work_one
from workers.panels import LastPanel
from workers.retry import RetryRule
from workers.sandbox import Sandbox

ROUND = RoundNumber(3)


class ClosingQueue(EvaluationQueue):
    """A queue whose round reaches its deadline right after a claim."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self._rounds = Rounds(pool)

    async def claim(self, queue: QueueName, worker: str, lease: timedelta) -> Claim | None:
        """Claim, then close the round."""
        claim = await super().claim(queue, worker, lease)
        await self._rounds.close(ROUND)
        return claim


def a_bench(pool: Pool, queue: EvaluationQueue, folder: Path) -> Bench:
    """A worker whose competition is not the round's, so that each evaluation ends as an infrastructure failure at once."""
    sandbox = Sandbox(folder / "scratch")
    tools = Tools(Hub("http://127.0.0.1:1", folder / "models"), sandbox, timedelta(seconds=1), LastPanel())
    loop = asyncio.get_running_loop()
    return Bench("w1", loop, queue, Submissions(pool), load(), tools, timedelta(minutes=1), RetryRule())


@pytest.mark.parametrize(
    ("queue", "outcome", "state"),
    [
        pytest.param(EvaluationQueue, "handed back", EvaluationState.QUEUED, id="open"),
        pytest.param(ClosingQueue, "lease lost", EvaluationState.PARKED, id="closed meanwhile"),
    ],
)
async def test_a_failure_after_the_round_closed_is_nobodys(
    pool: Pool,
    tmp_path: Path,
    open_round: Callable[..., Awaitable[list[SubmissionId]]],
    queue: type[EvaluationQueue],
    outcome: str,
    state: EvaluationState,
) -> None:
    """What fails in an open round is tried again; after its deadline the worker drops it and lives on."""
    (key,) = await open_round(ROUND)
    assert await work_one(a_bench(pool, queue(pool), tmp_path), QueueName.CPU) == outcome
    (evaluation,) = await Submissions(pool).evaluations(key)
    assert evaluation.state is state
