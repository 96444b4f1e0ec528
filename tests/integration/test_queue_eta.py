"""How long evaluations wait, as `GET /v1/queue` tells it, on a real PostgreSQL."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import httpx
import pytest

from neurons.api_client.client import VoiceApi
from scoring.types import SubmissionId
from voice_api.db.database import Pool
from voice_api.db.evaluations import Verdict
from voice_api.db.processes import Workers
from voice_api.db.queue import EvaluationQueue
from voice_api.db.states import EvaluationState, QueueName
from voice_api.settings import ApiSettings

OpenRound = Callable[..., Awaitable[list[SubmissionId]]]
LEASE = timedelta(minutes=1)


@pytest.fixture
async def api(
    serve: Callable[[ApiSettings], Awaitable[httpx.ASGITransport]], api_settings: Callable[..., ApiSettings]
) -> AsyncIterator[VoiceApi]:
    """A client that reads."""
    async with VoiceApi("http://voice.test", transport=await serve(api_settings())) as client:
        yield client


async def measured(pool: Pool, verdict: Callable[..., Verdict]) -> None:
    """Judge the best due evaluation as if it had taken ten minutes."""
    queue = EvaluationQueue(pool)
    claim = await queue.claim(QueueName.CPU, "w1", LEASE)
    assert claim is not None
    async with pool.connection() as connection:
        await connection.execute(
            "update evaluations set claimed_at = now() - interval '10 minutes' where id = $1", claim.evaluation_id
        )
    await queue.finish(claim, verdict())


async def waits(api: VoiceApi) -> list[tuple[EvaluationState, int, int | None, int | None]]:
    """State, how many are ahead, P50 and P90, in the order of service; whole minutes, because ten minutes are measured."""
    return [(row.state, row.ahead, minutes(row.eta_p50_seconds), minutes(row.eta_p90_seconds)) for row in await api.queue()]


def minutes(seconds: int | None) -> int | None:
    """Whole minutes."""
    return None if seconds is None else round(seconds / 60)


async def test_without_a_worker_nobody_can_say(api: VoiceApi, open_round: OpenRound) -> None:
    """No worker lives: there is a place in the queue, and no time."""
    await open_round(submissions=2)
    assert await waits(api) == [(EvaluationState.QUEUED, 0, None, None), (EvaluationState.QUEUED, 1, None, None)]


async def test_an_idle_worker_takes_the_first_and_the_rest_waits_its_time(
    api: VoiceApi, pool: Pool, open_round: OpenRound, verdict: Callable[..., Verdict]
) -> None:
    """Ten minutes were measured: one worker takes the first at once, the second in ten minutes, the third in twenty."""
    await open_round(submissions=4)
    await measured(pool, verdict)
    await Workers(pool).heartbeat("w1", "host-1", QueueName.CPU)
    assert await waits(api) == [(EvaluationState.QUEUED, n, 10 * n, 10 * n) for n in range(3)]


async def test_what_runs_waits_no_more_and_what_is_next_waits_for_it(
    api: VoiceApi, pool: Pool, open_round: OpenRound, verdict: Callable[..., Verdict]
) -> None:
    """A busy worker is one to wait for; one that drains is none."""
    await open_round(submissions=3)
    await measured(pool, verdict)
    claim = await EvaluationQueue(pool).claim(QueueName.CPU, "w1", LEASE)
    assert claim is not None
    await Workers(pool).heartbeat("w1", "host-1", QueueName.CPU, claim.evaluation_id)
    await Workers(pool).heartbeat("w2", "host-2", QueueName.CPU, None, True)
    assert await waits(api) == [(EvaluationState.RUNNING, 0, 0, 0), (EvaluationState.QUEUED, 0, 10, 10)]


async def test_a_pause_is_waited_out(api: VoiceApi, pool: Pool, open_round: OpenRound) -> None:
    """What may be tried again in half an hour starts no sooner, however idle the worker."""
    await open_round()
    async with pool.connection() as connection:
        await connection.execute("update evaluations set due_at = now() + interval '30 minutes'")
    await Workers(pool).heartbeat("w1", "host-1", QueueName.CPU)
    assert await waits(api) == [(EvaluationState.QUEUED, 0, 30, 30)]
