"""Workers that show themselves, on a real PostgreSQL."""

from datetime import timedelta

import pytest

from voice_api.db.database import Pool
from voice_api.db.operations import Operations
from voice_api.db.processes import Workers
from voice_api.db.states import QueueName, WorkerDuty

WITHIN = timedelta(minutes=2)


@pytest.fixture
def workers(pool: Pool) -> Workers:
    """The workers under test."""
    return Workers(pool)


async def aged(pool: Pool, name: str, by: timedelta) -> None:
    """Let a worker's last sign of life be some time ago."""
    async with pool.connection() as connection:
        await connection.execute("update workers set seen_at = now() - $2::interval where name = $1", name, by)


async def test_beats_show_who_lives(workers: Workers) -> None:
    """A worker's row is as its last sign of life said, and keeps when it started."""
    await workers.heartbeat("w1", "host-1", QueueName.CPU)
    (first,) = await workers.live(WITHIN)
    await workers.heartbeat("w1", "host-1", QueueName.GPU, None, draining=True)
    await workers.heartbeat("w0", "host-2", QueueName.CPU)
    other, second = await workers.live(WITHIN)
    assert (other.name, other.draining) == ("w0", False)
    assert (second.queue, second.draining, second.started_at) == (QueueName.GPU, True, first.started_at)
    assert second.seen_at >= first.seen_at


async def test_who_left_or_fell_silent_is_not_live(pool: Pool, workers: Workers) -> None:
    """Who ended, and who was not seen for a while, is not counted; who comes back is."""
    for name in ("ended", "silent", "lives"):
        await workers.heartbeat(name, "host-1", QueueName.CPU)
    await workers.leave("ended")
    await aged(pool, "silent", timedelta(minutes=3))
    assert [worker.name for worker in await workers.live(WITHIN)] == ["lives"]
    await workers.heartbeat("silent", "host-1", QueueName.CPU)
    assert [worker.name for worker in await workers.live(WITHIN)] == ["lives", "silent"]


async def test_old_workers_are_forgotten(pool: Pool, workers: Workers) -> None:
    """Rows of workers that were not seen for a day do not pile up."""
    for name in ("old", "young", "new"):
        await workers.heartbeat(name, "host-1", QueueName.CPU)
    await aged(pool, "old", timedelta(days=2))
    await aged(pool, "young", timedelta(hours=23))
    await workers.heartbeat("new", "host-1", QueueName.CPU)
    assert [worker.name for worker in await workers.live(timedelta(days=9))] == ["new", "young"]


async def test_drained_host_drains_its_workers(pool: Pool, workers: Workers) -> None:
    """Workers of a drained host are told so, and shown so."""
    await workers.heartbeat("w1", "host-1", QueueName.CPU)
    await workers.heartbeat("w2", "host-2", QueueName.CPU)
    await Operations(pool).drain("host-1", actor="o", reason="new disk")
    assert [await workers.host_drained(host) for host in ("host-1", "host-2")] == [True, False]
    assert [worker.draining for worker in await workers.live(WITHIN)] == [True, False]


async def test_who_fell_silent_is_gone_until_another_takes_its_place(pool: Pool, workers: Workers) -> None:
    """Counted by queue and duty: not who ended, nor who was asked to, nor on a drained host, nor once another began on that host."""
    for name, host in (("ended", "host-1"), ("draining", "host-1"), ("killed", "host-1"), ("off", "host-2"), ("lives", "host-3")):
        await workers.heartbeat(name, host, QueueName.CPU, None, name == "draining")
        await aged(pool, name, timedelta(minutes=5) if name != "lives" else timedelta(0))
    await workers.leave("ended")

    async def gone() -> int:
        found = await workers.gone(WITHIN)
        assert len(found) == 6 and sum(found.values()) == found[QueueName.CPU, WorkerDuty.ALL]
        return found[QueueName.CPU, WorkerDuty.ALL]

    assert await gone() == 2
    await Operations(pool).drain("host-2", actor="o", reason="new disk")
    assert await gone() == 1
    await workers.heartbeat("of another queue", "host-1", QueueName.GPU)
    await workers.heartbeat("for sentences", "host-1", QueueName.CPU, duty=WorkerDuty.SPEECH)
    assert await gone() == 1
    await workers.heartbeat("anew", "host-1", QueueName.CPU)
    assert await gone() == 0
    await aged(pool, "for sentences", timedelta(minutes=5))
    assert (await workers.gone(WITHIN))[QueueName.CPU, WorkerDuty.SPEECH] == 1
