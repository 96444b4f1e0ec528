"""Whether the API can serve, what it depends on, and its numbers; on a real PostgreSQL and a real Redis."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import httpx
import pytest
from pydantic import SecretStr
from redis import Redis

from scoring.types import Block, BlockHash, Hotkey, SubmissionId
from tests.integration.numbers_shown import numbers_shown
from voice_api.db.database import Pool
from voice_api.db.processes import Workers, candidacy
from voice_api.db.registry import Registry, RegistrySnapshot
from voice_api.db.states import QueueName
from voice_api.db.validations import Validations
from voice_api.schemas import Part, Readiness
from voice_api.settings import ApiSettings

API = "http://voice.test"
NOWHERE = "postgresql://postgres@/voice?host=/nonexistent"
NEEDED = ("database", "migrations", "redis", "nonces")
Serve = Callable[[ApiSettings], Awaitable[httpx.ASGITransport]]


@pytest.fixture
async def transport(serve: Serve, api_settings: Callable[..., ApiSettings]) -> httpx.ASGITransport:
    """The way to a running API."""
    return await serve(api_settings())


@pytest.fixture
async def browser(transport: httpx.ASGITransport) -> AsyncIterator[httpx.AsyncClient]:
    """Anybody, at a running API."""
    async with httpx.AsyncClient(base_url=API, transport=transport) as client:
        yield client


async def test_a_lonely_api_is_ready_and_tells_what_is_missing_beside_it(browser: httpx.AsyncClient) -> None:
    """Nothing was sent, nobody dispatches, nobody works: requests are served all the same."""
    response = await browser.get("/readyz")
    others = (
        Part(name="registry", ready=False, needed=False, detail="never received"),
        Part(name="dispatcher", ready=False, needed=False, detail="none leads"),
        Part(name="workers", ready=False, needed=False, detail="0 cpu, 0 gpu"),
    )
    parts = (*(Part(name=name, ready=True) for name in NEEDED), *others)
    assert (response.status_code, Readiness.model_validate_json(response.content)) == (200, Readiness(ready=True, parts=parts))


async def test_a_whole_network_is_shown(browser: httpx.AsyncClient, pool: Pool, database_url: str) -> None:
    """A young registry, a dispatcher that leads, and workers by queue without those that drain."""
    await Registry(pool).replace(RegistrySnapshot(netuid=7, block=Block(1), block_hash=BlockHash("0x" + "1" * 64), neurons=()))
    for name, queue, draining in (("w1", QueueName.CPU, False), ("w2", QueueName.GPU, False), ("w3", QueueName.GPU, True)):
        await Workers(pool).heartbeat(name, "host-1", queue, None, draining)
    async with candidacy(database_url) as candidate:
        assert await candidate.lead()
        parts = {part["name"]: part for part in (await browser.get("/readyz")).json()["parts"]}
    assert all(part["ready"] for part in parts.values())
    assert re.fullmatch(r"received \d\d? s ago", parts["registry"]["detail"])
    assert parts["workers"]["detail"] == "1 cpu, 1 gpu"


async def test_an_old_registry_is_told_and_stops_no_reader(browser: httpx.AsyncClient, pool: Pool) -> None:
    """Its age is information: leaderboard and queue are served on."""
    await Registry(pool).replace(RegistrySnapshot(netuid=7, block=Block(1), block_hash=BlockHash("0x" + "1" * 64), neurons=()))
    async with pool.connection() as connection:
        await connection.execute("update registry set received_at = now() - interval '2 hours'")
    response = await browser.get("/readyz")
    (registry,) = [part for part in response.json()["parts"] if part["name"] == "registry"]
    assert (response.status_code, registry["ready"], registry["detail"][:12]) == (200, False, "received 720")


@pytest.mark.parametrize(
    ("overrides", "down"),
    [
        pytest.param({"database_url": SecretStr(NOWHERE)}, {"database", "migrations"}, id="no database"),
        pytest.param({"redis_url": SecretStr("unix:///nonexistent/redis.sock")}, {"redis", "nonces"}, id="no Redis"),
    ],
)
async def test_not_ready_names_the_part(
    api_settings: Callable[..., ApiSettings], serve: Serve, overrides: dict[str, SecretStr], down: set[str]
) -> None:
    """The API starts while something is away, lives, and names what is down, without any address."""
    async with httpx.AsyncClient(base_url=API, transport=await serve(api_settings(**overrides))) as browser:
        alive, ready = await browser.get("/healthz"), await browser.get("/readyz")
    assert (alive.status_code, ready.status_code) == (200, 503)
    assert {part["name"] for part in ready.json()["parts"] if part["needed"] and not part["ready"]} == down
    assert "nonexistent" not in ready.text


async def test_a_redis_that_forgot_its_nonces_is_not_ready(browser: httpx.AsyncClient, redis_url: str) -> None:
    """Until its store has begun anew every signed request is refused."""
    with Redis.from_url(redis_url) as redis:
        redis.flushdb()
    response = await browser.get("/readyz")
    assert response.status_code == 503
    assert [part["name"] for part in response.json()["parts"] if part["needed"] and not part["ready"]] == ["nonces"]


async def test_not_ready_before_migrations(
    api_settings: Callable[..., ApiSettings], serve: Serve, empty_database_url: str
) -> None:
    """A database without the newest schema is named as such."""
    transport = await serve(api_settings(database_url=SecretStr(empty_database_url)))
    async with httpx.AsyncClient(base_url=API, transport=transport) as browser:
        ready = await browser.get("/readyz")
    assert [part["name"] for part in ready.json()["parts"] if part["needed"] and not part["ready"]] == ["migrations"]


async def test_metrics(
    browser: httpx.AsyncClient,
    transport: httpx.ASGITransport,
    pool: Pool,
    open_round: Callable[..., Awaitable[list[SubmissionId]]],
    database_url: str,
) -> None:
    """Depth, age, workers, validations, submissions by state, and requests by route template."""
    await open_round(submissions=2)
    async with pool.connection() as connection:
        await connection.execute("update evaluations set due_at = now() - interval '100 seconds'")
    await Workers(pool).heartbeat("w1", "host-1", QueueName.CPU)
    await Validations(pool).add(Hotkey("5Miner"), "Hello.", "A calm voice.", "a" * 64, b"RIFF")
    await browser.get("/v1/submissions/1")
    text = await numbers_shown(transport)
    for line in (
        'voice_evaluations{queue="cpu",state="queued"} 2.0',
        'voice_submissions{code="",state="queued"} 2.0',
        'voice_workers{queue="cpu",state="live",takes="all"} 1.0',
        'voice_workers{queue="cpu",state="draining",takes="all"} 0.0',
        'voice_workers{queue="cpu",state="gone",takes="speech"} 0.0',
        'voice_validations{state="queued"} 1.0',
        'voice_speeches{state="queued"} 0.0',
        "voice_dispatcher_present 0.0",
        "voice_database_up 1.0",
        "voice_registry_age_seconds NaN",
        'voice_api_requests_total{method="GET",route="/v1/submissions/{submission_id}",status="200"} 1.0',
    ):
        assert line in text.splitlines()
    lines = [line for line in text.splitlines() if line.startswith('voice_queue_age_seconds{of="evaluations",queue="cpu"')]
    assert timedelta(seconds=100) <= timedelta(seconds=max(float(line.split()[1]) for line in lines)) < timedelta(seconds=130)


async def test_metrics_without_a_database(api_settings: Callable[..., ApiSettings], serve: Serve) -> None:
    """What the process counts itself is shown on, and that the database is away."""
    transport = await serve(api_settings(database_url=SecretStr(NOWHERE)))
    async with httpx.AsyncClient(base_url=API, transport=transport) as browser:
        await browser.get("/healthz")
        text = await numbers_shown(transport)
    assert "voice_database_up 0.0" in text
    assert 'route="/healthz"' in text
    assert "voice_evaluations{" not in text
