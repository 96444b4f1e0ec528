"""Who may do what: operators by the settings, miners by the stored registry."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import bittensor as bt
import httpx
import pytest

from neurons.api_client.client import ApiRefused, ApiUnavailable, VoiceApi
from scoring.errors import Code
from scoring.types import Block, BlockHash, EvaluationId, Hotkey, SubmissionId, Uid
from voice_api.db.database import Pool
from voice_api.db.operations import Operations
from voice_api.db.queue import EvaluationQueue
from voice_api.db.registry import RegisteredNeuron, Registry, RegistrySnapshot
from voice_api.db.states import EvaluationState, QueueName, SubmissionState
from voice_api.schemas.operations import (
    CodeWindow,
    EvaluationOrder,
    HostOrder,
    HostWindow,
    HotkeyOrder,
    Order,
    SubmissionOrder,
    Verb,
)
from voice_api.settings import ApiSettings

Serve = Callable[[ApiSettings], Awaitable[httpx.ASGITransport]]
OpenRound = Callable[..., Awaitable[list[SubmissionId]]]
API = "http://voice.test"
WAV = b"RIFF" + bytes(40)
NOW = datetime.now(UTC)
WINDOW = {"since": NOW - timedelta(hours=1), "until": NOW + timedelta(hours=1), "reason": "test"}


@pytest.fixture
def settings(api_settings: Callable[..., ApiSettings], receiver: bt.Wallet) -> ApiSettings:
    """The receiver's own hotkey operates, the writer's writes."""
    return api_settings(operators=(receiver.hotkey.ss58_address,))


@pytest.fixture
async def transport(serve: Serve, settings: ApiSettings) -> httpx.ASGITransport:
    """A running API."""
    return await serve(settings)


@pytest.fixture
async def operator(transport: httpx.ASGITransport, receiver: bt.Wallet, settings: ApiSettings) -> AsyncIterator[VoiceApi]:
    """An operator's client."""
    async with VoiceApi(API, receiver, settings.hotkey, transport=transport) as client:
        yield client


@pytest.fixture
async def queue(transport: httpx.ASGITransport, writer: bt.Wallet, settings: ApiSettings) -> AsyncIterator[VoiceApi]:
    """The model queue's client."""
    async with VoiceApi(API, writer, settings.hotkey, transport=transport) as client:
        yield client


@pytest.fixture
async def miner(transport: httpx.ASGITransport, stranger: bt.Wallet, settings: ApiSettings) -> AsyncIterator[VoiceApi]:
    """The client of a hotkey on no list."""
    async with VoiceApi(API, stranger, settings.hotkey, transport=transport) as client:
        yield client


async def test_an_operator_moves_an_evaluation(operator: VoiceApi, pool: Pool, open_round: OpenRound) -> None:
    """Parked, listed as stuck, and released again: each order answers with what it changed."""
    await open_round(3)
    (known,) = await EvaluationQueue(pool).page()
    about = EvaluationOrder(evaluation_id=known.id, reason="looks wrong")
    assert (await operator.order(Verb.PARK, about)).evaluations == (known.id,)
    (stuck,) = await operator.stuck()
    assert (stuck.evaluation_id, stuck.parked_why) == (known.id, "operator")
    assert (await operator.order(Verb.RELEASE, about)).evaluations == (known.id,)
    assert (await operator.evaluation(known.id)).state is EvaluationState.QUEUED
    assert await operator.stuck() == []


async def test_an_operator_requeues_by_host_and_code(operator: VoiceApi, pool: Pool, open_round: OpenRound) -> None:
    """What runs on a dead host is due again, and what waits because of a code."""
    await open_round(3)
    store = EvaluationQueue(pool)
    claim = await store.claim(QueueName.CPU, "w1", timedelta(minutes=1), "dead")
    assert claim
    found = await operator.order(Verb.REQUEUE_BY_HOST, HostWindow(host="dead", **WINDOW))
    assert found.evaluations == (claim.evaluation_id,)
    again = await store.claim(QueueName.CPU, "w2", timedelta(minutes=1), "alive")
    assert again
    await store.hand_back(again, Code.HUB_UNAVAILABLE, "away", timedelta(hours=1))
    found = await operator.order(Verb.REQUEUE_BY_CODE, CodeWindow(code=Code.HUB_UNAVAILABLE, **WINDOW))
    assert found.evaluations == (claim.evaluation_id,)
    assert await store.claim(QueueName.CPU, "w2", timedelta(minutes=1), "alive")


async def test_an_operator_sets_submissions_aside(operator: VoiceApi, open_round: OpenRound) -> None:
    """Quarantined and back; banned, which names what it rejects, and unbanned."""
    ids = await open_round(3)
    about = SubmissionOrder(submission_id=ids[0], reason="a closer look")
    await operator.order(Verb.QUARANTINE, about)
    assert (await operator.submission(ids[0])).state is SubmissionState.QUARANTINED
    await operator.order(Verb.UNQUARANTINE, about)
    submission = await operator.submission(ids[0])
    assert submission.state is SubmissionState.QUEUED
    ban = HotkeyOrder(hotkey=submission.hotkey, reason="sold its key")
    assert (await operator.order(Verb.BAN, ban)).submissions == (ids[0],)
    assert (await operator.submission(ids[0])).code is Code.BANNED
    await operator.order(Verb.UNBAN, ban)


async def test_an_operator_drains_a_host(operator: VoiceApi, pool: Pool, open_round: OpenRound) -> None:
    """A drained host claims nothing, until it may again."""
    await open_round(3)
    about = HostOrder(host="old", reason="a new kernel")
    await operator.order(Verb.DRAIN, about)
    assert await EvaluationQueue(pool).claim(QueueName.CPU, "w1", timedelta(minutes=1), "old") is None
    await operator.order(Verb.UNDRAIN, about)
    assert await EvaluationQueue(pool).claim(QueueName.CPU, "w1", timedelta(minutes=1), "old")


@pytest.mark.parametrize(
    ("verb", "order", "code"),
    [
        pytest.param(
            Verb.REQUEUE, EvaluationOrder(evaluation_id=EvaluationId(9), reason="x"), Code.NOT_FOUND, id="no evaluation"
        ),
        pytest.param(
            Verb.QUARANTINE, SubmissionOrder(submission_id=SubmissionId(9), reason="x"), Code.NOT_FOUND, id="no submission"
        ),
        pytest.param(Verb.UNDRAIN, HostOrder(host="h", reason="x"), Code.STATE_CONFLICT, id="not drained"),
        pytest.param(Verb.UNBAN, HotkeyOrder(hotkey=Hotkey("5G"), reason="x"), Code.STATE_CONFLICT, id="not banned"),
    ],
)
async def test_orders_that_cannot_be_done(operator: VoiceApi, verb: Verb, order: Order, code: Code) -> None:
    """What is not there is 404, what its state forbids 409."""
    with pytest.raises(ApiRefused) as refusal:
        await operator.order(verb, order)
    assert refusal.value.code is code


async def test_only_operators_order_and_watch(queue: VoiceApi, miner: VoiceApi) -> None:
    """Neither the model queue's hotkey nor anybody else's may order or list what is stuck."""
    for somebody in (queue, miner):
        with pytest.raises(ApiRefused) as order:
            await somebody.order(Verb.DRAIN, HostOrder(host="h", reason="x"))
        with pytest.raises(ApiRefused) as watch:
            await somebody.stuck()
        assert {order.value.code, watch.value.code} == {Code.NOT_ALLOWED}


async def test_an_operator_is_no_queue(operator: VoiceApi, pool: Pool) -> None:
    """Roles do not include each other: an operator sends no registry."""
    with pytest.raises(ApiRefused) as refusal:
        await operator.send_registry(registry(10))
    assert refusal.value.code is Code.NOT_ALLOWED
    assert await Registry(pool).latest() is None


async def test_what_operators_read_is_kept_nowhere(operator: VoiceApi, transport: httpx.ASGITransport) -> None:
    """Unsigned, the list of what is stuck is refused, and nothing of it is cached."""
    async with httpx.AsyncClient(base_url=API, transport=transport) as browser:
        answer = await browser.get("/v1/operator/stuck")
    assert (answer.status_code, answer.json()["code"]) == (401, Code.NOT_AUTHENTICATED)
    assert answer.headers["cache-control"] == "no-store"


async def test_a_registered_hotkey_is_a_miner(miner: VoiceApi, pool: Pool, stranger: bt.Wallet) -> None:
    """Whoever the newest registry names may ask for a validation; nobody else may."""
    await Registry(pool).replace(registry(10, Hotkey("5Other")))
    with pytest.raises(ApiRefused) as refusal:
        await miner.validate(WAV, "hello", "A woman speaks.")
    assert refusal.value.code is Code.NOT_ALLOWED
    await Registry(pool).replace(registry(11, Hotkey(stranger.hotkey.ss58_address)))
    assert (await miner.validate(WAV, "hello", "A woman speaks.")).hotkey == stranger.hotkey.ss58_address


async def test_without_a_fresh_registry_nobody_is_a_miner(miner: VoiceApi, pool: Pool, stranger: bt.Wallet) -> None:
    """Before the first registry, and once it is too old, the API cannot say who is registered: closed, and worth another try."""
    with pytest.raises(ApiUnavailable, match="registry is missing or too old"):
        await miner.validate(WAV, "hello", "A woman speaks.")
    await Registry(pool).replace(registry(10, Hotkey(stranger.hotkey.ss58_address)))
    async with pool.connection() as connection:
        await connection.execute("update registry set received_at = now() - interval '2 hours'")
    with pytest.raises(ApiUnavailable, match="registry is missing or too old"):
        await miner.validate(WAV, "hello", "A woman speaks.")


async def test_a_banned_hotkey_is_no_miner(miner: VoiceApi, pool: Pool, stranger: bt.Wallet) -> None:
    """A ban shuts out a registered hotkey, with the operator's reason."""
    hotkey = Hotkey(stranger.hotkey.ss58_address)
    await Registry(pool).replace(registry(10, hotkey))
    await Operations(pool).ban(hotkey, actor="5Op", reason="sold its key")
    with pytest.raises(ApiRefused) as refusal:
        await miner.validate(WAV, "hello", "A woman speaks.")
    assert (refusal.value.code, refusal.value.detail) == (Code.BANNED, "sold its key")


def registry(block: int, *hotkeys: Hotkey) -> RegistrySnapshot:
    """A registry of some hotkeys."""
    neurons = tuple(
        RegisteredNeuron(
            hotkey=hotkey, uid=Uid(uid), coldkey=f"cold-{uid}", registered_at_block=Block(1), immune_until_block=Block(5000)
        )
        for uid, hotkey in enumerate(hotkeys)
    )
    return RegistrySnapshot(netuid=7, block=Block(block), block_hash=BlockHash(f"0x{block:064x}"), neurons=neurons)
