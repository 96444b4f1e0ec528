"""Recordings that miners ask to have judged, on a real PostgreSQL."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from scoring.errors import Code, PlatformError
from scoring.types import Hotkey, Micro
from voice_api.db.database import Pool
from voice_api.db.operations import Operations
from voice_api.db.states import QueueName, ValidationState
from voice_api.db.validations import ValidationClaim, ValidationResult, Validations
from voice_api.errors import LeaseLost

LEASE, EXPIRED = timedelta(minutes=15), timedelta(seconds=-1)
UPLOAD = b"RIFF of some recording"
RESULT = ValidationResult(
    score=Micro(420_000), gate="words", metrics={"wer": 0.5}, utilities={"delivery": 0.25}, reasons=("It says other words.",)
)


@pytest.fixture
def validations(pool: Pool) -> Validations:
    """The rows under test."""
    return Validations(pool)


async def ask(validations: Validations, hotkey: str = "h") -> UUID:
    """Ask for a judgement."""
    return await validations.add(Hotkey(hotkey), "Say this.", "An old voice", hashlib.sha256(UPLOAD).hexdigest(), UPLOAD)


async def take(validations: Validations, lease: timedelta = LEASE) -> ValidationClaim:
    """Claim what must be there."""
    claim = await validations.claim(QueueName.CPU, "w1", lease)
    assert claim is not None
    return claim


async def upload_of(pool: Pool, validation: UUID) -> bytes | None:
    """What is kept of the recording."""
    async with pool.connection() as connection:
        kept: bytes | None = await connection.fetchval("select upload from validations where id = $1", validation)
    return kept


async def test_from_request_to_result(pool: Pool, validations: Validations) -> None:
    """A request is claimed with its upload, and ends with what the judges found and without the upload."""
    asked = await ask(validations)
    claim = await take(validations)
    assert (claim.id, claim.text, claim.description, claim.upload, claim.attempt) == (
        asked,
        "Say this.",
        "An old voice",
        UPLOAD,
        1,
    )
    assert (await validations.get(asked)).state is ValidationState.RUNNING
    await validations.finish(claim, RESULT)
    found = await validations.get(asked)
    assert (found.state, found.score, found.gate, found.metrics, found.utilities, found.reasons) == (
        ValidationState.DONE,
        RESULT.score,
        RESULT.gate,
        RESULT.metrics,
        RESULT.utilities,
        RESULT.reasons,
    )
    assert await upload_of(pool, asked) is None
    assert found.finished_at is not None


async def test_failure(pool: Pool, validations: Validations) -> None:
    """What cannot be judged ends with a code and a reason, without the upload."""
    asked = await ask(validations)
    await validations.fail(await take(validations), Code.AUDIO_INVALID, "no sound in it")
    found = await validations.get(asked)
    assert (found.state, found.code, found.reason, found.reasons) == (
        ValidationState.FAILED,
        Code.AUDIO_INVALID,
        "no sound in it",
        (),
    )
    assert await upload_of(pool, asked) is None


async def test_claim_race_and_order(validations: Validations) -> None:
    """Many workers at once take each request once; one after the other, the oldest first."""
    asked = [await ask(validations) for _ in range(6)]
    assert (await take(validations)).id == asked[0]
    claims = await asyncio.gather(*(validations.claim(QueueName.CPU, f"w{n}", LEASE) for n in range(12)))
    assert sorted(str(claim.id) for claim in claims if claim) == sorted(map(str, asked[1:]))
    assert await validations.claim(QueueName.GPU, "w1", LEASE) is None


async def test_workers_with_a_gpu_judge_recordings_too(validations: Validations) -> None:
    """Where there are no others, nobody would; what needs a GPU stays theirs."""
    asked = await ask(validations)
    assert await validations.due_counts() == {QueueName.CPU: 1, QueueName.GPU: 1}
    claim = await validations.claim(QueueName.GPU, "w1", LEASE)
    assert claim is not None
    assert claim.id == asked


async def test_a_drained_host_takes_no_recording(validations: Validations, pool: Pool) -> None:
    """As it takes no evaluation."""
    asked = await ask(validations)
    await Operations(pool).drain("host-1", actor="operator", reason="because")
    assert await validations.claim(QueueName.CPU, "w1", LEASE, "host-1") is None
    claim = await validations.claim(QueueName.CPU, "w2", LEASE, "host-2")
    assert claim is not None
    assert claim.id == asked


async def test_hand_back(validations: Validations) -> None:
    """What is handed back is due after its pause, with its upload."""
    asked = await ask(validations)
    await validations.hand_back(await take(validations), timedelta(hours=1))
    assert await validations.due_counts() == {QueueName.CPU: 0, QueueName.GPU: 0}
    other = await ask(validations)
    await validations.hand_back(await take(validations), timedelta(0))
    assert await validations.due_counts() == {QueueName.CPU: 1, QueueName.GPU: 1}
    assert (await take(validations)).id == other != asked


async def test_a_drain_is_no_attempt(validations: Validations) -> None:
    """However many workers are asked to stop, the request keeps its tries; any other return is one."""
    await ask(validations)
    for _ in range(3):
        claim = await take(validations)
        assert claim.attempt == 1
        await validations.hand_back(claim, timedelta(0), drained=True)
    await validations.hand_back(await take(validations), timedelta(0))
    assert (await take(validations)).attempt == 2


async def test_expired_lease_is_returned_then_fails(pool: Pool, validations: Validations) -> None:
    """A worker that fell silent costs one try; past the budget the request fails by our fault, and the upload goes."""
    asked = await ask(validations)
    await take(validations, EXPIRED)
    assert await validations.expire(budget=1) == 1
    assert (await take(validations, EXPIRED)).attempt == 2
    assert await upload_of(pool, asked) == UPLOAD
    assert await validations.expire(budget=1) == 1
    found = await validations.get(asked)
    assert (found.state, found.code, await upload_of(pool, asked)) == (ValidationState.FAILED, Code.LEASE_EXPIRED, None)


async def test_renewing_keeps_the_lease(validations: Validations) -> None:
    """Progress before the lease is returned extends it."""
    await ask(validations)
    claim = await take(validations, EXPIRED)
    await validations.renew(claim, LEASE)
    assert await validations.expire(budget=1) == 0


@pytest.mark.parametrize("call", [pytest.param(name, id=name) for name in ("renew", "finish", "fail", "hand_back")])
async def test_stale_token_writes_nothing(validations: Validations, call: str) -> None:
    """Once another worker holds the request, the first one's token opens nothing."""
    asked = await ask(validations)
    stale = await take(validations, EXPIRED)
    await validations.expire(budget=3)
    await take(validations)
    calls: dict[str, Callable[[], Awaitable[None]]] = {
        "renew": lambda: validations.renew(stale, LEASE),
        "finish": lambda: validations.finish(stale, RESULT),
        "fail": lambda: validations.fail(stale, Code.AUDIO_INVALID, ""),
        "hand_back": lambda: validations.hand_back(stale, timedelta(0)),
    }
    with pytest.raises(LeaseLost, match=str(asked)):
        await calls[call]()
    assert (await validations.get(asked)).state is ValidationState.RUNNING


async def test_what_is_not_there(validations: Validations) -> None:
    """An id that nobody was given is not found."""
    with pytest.raises(PlatformError) as refusal:
        await validations.get(uuid4())
    assert refusal.value.code is Code.NOT_FOUND
