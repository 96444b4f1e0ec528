"""`voice operator` against a real API on a real PostgreSQL: what it prints, and what it changes."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest

from neurons.chain import wallets
from neurons.cli.main import app
from neurons.cli.operator.commands import moment
from scoring.errors import Code, PlatformError, VoiceError
from scoring.types import EvaluationId, SubmissionId
from tests.builders.near_copies import a_near_copy
from voice_api.db.copies import set_aside
from voice_api.db.database import Pool
from voice_api.db.operations import Operations
from voice_api.db.processes import Workers
from voice_api.db.queue import EvaluationQueue
from voice_api.db.states import EvaluationState, QueueName, SubmissionState
from voice_api.db.submissions import Submissions
from voice_api.settings import ApiSettings

OpenRound = Callable[..., Awaitable[list[SubmissionId]]]
Voice = Callable[..., Awaitable[str]]
LEASE = timedelta(minutes=1)
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
async def voice(
    listen: Callable[[ApiSettings], str],
    api_settings: Callable[..., ApiSettings],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Voice:
    """Run `voice operator …` with an operator's wallet, against an API on a port of this machine; what it printed."""
    keys = wallets.create("operator", "default", tmp_path)
    settings = api_settings(operators=(keys.hotkey.ss58_address,))
    for name, value in (
        ("BT_WALLET", "operator"),
        ("BT_WALLET_PATH", str(tmp_path)),
        ("VOICE_API_URL", listen(settings)),
        ("VOICE_API_HOTKEY", settings.hotkey),
        ("COLUMNS", "200"),
    ):
        monkeypatch.setenv(name, value)

    async def run(*arguments: str) -> str:
        await asyncio.to_thread(app, ["operator", *arguments], standalone_mode=False)
        return capsys.readouterr().out

    return run


async def park_one(pool: Pool, host: str = "host-1") -> int:
    """Claim the best due evaluation on a host, and let it fail for our reasons, once and for all."""
    queue = EvaluationQueue(pool)
    claim = await queue.claim(QueueName.CPU, "w1", LEASE, host)
    assert claim is not None
    await queue.hand_back(claim, Code.HUB_UNAVAILABLE, "The hub \x1b[2J is away.", None)
    return claim.evaluation_id


async def state(pool: Pool, evaluation: int) -> EvaluationState:
    """Where an evaluation stands."""
    async with pool.connection() as connection:
        return EvaluationState(await connection.fetchval("select state from evaluations where id = $1", evaluation))


async def test_stuck_names_the_reason_and_what_to_do(voice: Voice, pool: Pool, open_round: OpenRound) -> None:
    """Nothing, then one with its code; machines get the same as JSON; what a stranger wrote moves no cursor."""
    assert await voice("stuck") == "Nothing waits for an operator.\n"
    await open_round()
    evaluation = await park_one(pool)
    table = await voice("stuck")
    assert "[2001]" in table and "host-1" in table and "\x1b[2J" not in table
    (row,) = json.loads(await voice("stuck", "--json"))
    assert (row["evaluation_id"], row["code"], row["parked_why"]) == (evaluation, 2001, "budget")


async def test_one_evaluation_is_requeued(voice: Voice, pool: Pool, open_round: OpenRound) -> None:
    """It waits again, and the event says who and why."""
    await open_round()
    evaluation = await park_one(pool)
    assert await voice("requeue", str(evaluation), "--reason", "the hub is back") == f"requeued: evaluations {evaluation}\n"
    assert await state(pool, evaluation) is EvaluationState.QUEUED
    async with pool.connection() as connection:
        event = await connection.fetchrow("select actor, detail from events order by id desc limit 1")
    assert (event["actor"][:1], event["detail"]) == ("5", "the hub is back")


@pytest.mark.parametrize(
    ("by", "found"),
    [
        pytest.param(("--host", "host-1"), True, id="its host"),
        pytest.param(("--host", "host-2"), False, id="another host"),
        pytest.param(("--code", "2001", "--since", "1h"), True, id="its code"),
        pytest.param(("--code", "2001", "--since", "3h", "--until", "1h"), False, id="another time"),
    ],
)
async def test_many_are_requeued_by_what_they_share(
    voice: Voice, pool: Pool, open_round: OpenRound, by: tuple[str, ...], found: bool
) -> None:
    """By host and by code, in a window of time."""
    await open_round()
    evaluation = await park_one(pool)
    told = await voice("requeue", *by, "--reason", "tried again")
    assert told == (f"requeued: evaluations {evaluation}\n" if found else "there is nothing to requeue\n")
    assert await state(pool, evaluation) is (EvaluationState.QUEUED if found else EvaluationState.PARKED)


async def test_park_and_release(voice: Voice, pool: Pool, open_round: OpenRound) -> None:
    """An operator sets aside, and brings back; what is not parked cannot be released."""
    await open_round()
    assert json.loads(await voice("park", "1", "--reason", "a look", "--json")) == {"evaluations": [1], "submissions": []}
    assert await state(pool, 1) is EvaluationState.PARKED
    await voice("release", "1", "--reason", "looked")
    assert await state(pool, 1) is EvaluationState.QUEUED
    with pytest.raises(VoiceError) as refusal:
        await voice("release", "1", "--reason", "again")
    assert refusal.value.code is Code.STATE_CONFLICT


async def test_quarantine_and_back(voice: Voice, pool: Pool, open_round: OpenRound) -> None:
    """The submission is set aside, and stands where it stood again."""
    [submission] = await open_round()
    assert await voice("quarantine", str(submission), "-r", "odd audio") == f"quarantined: submissions {submission}\n"
    assert (await Submissions(pool).get(submission)).state is SubmissionState.QUARANTINED
    await voice("unquarantine", str(submission), "-r", "it is fine")
    assert (await Submissions(pool).get(submission)).state is SubmissionState.QUEUED


async def test_near_copies_wait_for_a_decision(voice: Voice, pool: Pool, open_round: OpenRound) -> None:
    """Listed with the measure that is beyond its threshold, until they are confirmed, once their owners had the time to object."""
    original, copy, other = await open_round(submissions=3)
    assert await voice("near-copies") == "No near-copy waits for an operator.\n"
    async with pool.transaction() as connection:
        orders = [a_near_copy(copy, original, appeal=timedelta(0)), a_near_copy(other, original)]
        await set_aside(connection, "w1", EvaluationId(1), orders)
    assert "0.001250 ≤ 0.05" in await voice("near-copies")
    assert await voice("confirm-copy", str(copy), "-r", "noise") == f"a copy for good: submissions {copy}\n"
    with pytest.raises(VoiceError) as early:
        await voice("confirm-copy", str(other), "-r", "noise")
    assert early.value.code is Code.STATE_CONFLICT
    assert [row["submission_id"] for row in json.loads(await voice("near-copies", "--json"))] == [other]
    assert (await Submissions(pool).get(copy)).state is SubmissionState.COPY


async def test_a_ban_asks_first(voice: Voice, pool: Pool, open_round: OpenRound, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a yes nothing is sent; with it everything of the hotkey is rejected, until it is unbanned."""
    [submission] = await open_round()
    hotkey = (await Submissions(pool).get(submission)).hotkey
    monkeypatch.setattr("sys.stdin", StringIO(""))  # nobody answers
    with pytest.raises(PlatformError, match="no terminal to ask: give --yes"):
        await voice("ban", hotkey, "--reason", "sells others' work")
    assert (await Submissions(pool).get(submission)).state is SubmissionState.QUEUED
    told = await voice("ban", hotkey, "--reason", "sells others' work", "--yes")
    assert told.lstrip() == f"banned {hotkey}: submissions {submission}\n"
    assert (await Submissions(pool).get(submission)).state is SubmissionState.REJECTED
    assert await voice("unban", hotkey, "--reason", "it was a mistake") == f"unbanned {hotkey}\n"


async def test_drain_and_undrain(voice: Voice, pool: Pool) -> None:
    """A drained host is marked in the list of workers."""
    await Workers(pool).heartbeat("w1", "host-1", QueueName.CPU)
    assert await voice("drain", "host-1", "--reason", "new kernel") == "draining host-1\n"
    assert await Workers(pool).host_drained("host-1")
    assert "draining" in await voice("workers")
    await voice("undrain", "host-1", "--reason", "done")
    assert not await Workers(pool).host_drained("host-1")


async def test_workers_are_listed_with_what_they_do(voice: Voice, pool: Pool, open_round: OpenRound) -> None:
    """The evaluation, its stage and how far it is."""
    assert await voice("workers") == "No worker lives.\n"
    await open_round()
    queue = EvaluationQueue(pool)
    claim = await queue.claim(QueueName.CPU, "w1", LEASE, "host-1")
    assert claim is not None
    await queue.renew(claim, LEASE, "speak", 12, 44)
    await Workers(pool).heartbeat("w1", "host-1", QueueName.CPU, claim.evaluation_id)
    await Workers(pool).heartbeat("w2", "host-2", QueueName.GPU)
    table = await voice("workers")
    assert f"evaluation {claim.evaluation_id} speak 12/44" in table and "waits" in table
    assert [(row["name"], row["host"], row["evaluation_id"]) for row in json.loads(await voice("workers", "--json"))] == [
        ("w1", "host-1", claim.evaluation_id),
        ("w2", "host-2", None),
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("requeue", "--reason", "x"), id="requeue what"),
        pytest.param(("requeue", "1", "--host", "h", "--reason", "x"), id="requeue two things"),
        pytest.param(("requeue", "--code", "4711", "--reason", "x"), id="no such code"),
        pytest.param(("requeue", "--host", "h", "--since", "1h", "--until", "2h", "--reason", "x"), id="an empty window"),
        pytest.param(("requeue", "--host", "h", "--since", "yesterday", "--reason", "x"), id="no time"),
        pytest.param(("park", "1", "--reason", ""), id="no reason"),
    ],
)
async def test_a_wrong_order_is_refused_before_it_is_sent(voice: Voice, pool: Pool, arguments: tuple[str, ...]) -> None:
    """With the code for a wrong argument."""
    with pytest.raises(VoiceError) as refusal:
        await voice(*arguments)
    assert refusal.value.code is Code.ARGUMENT_INVALID


async def test_a_stranger_orders_nothing(voice: Voice, pool: Pool, tmp_path: Path) -> None:
    """A hotkey that is not an operator's is refused by name, and nothing is changed."""
    wallets.create("stranger", "default", tmp_path)
    with pytest.raises(VoiceError) as refusal:
        await voice("drain", "host-1", "--reason", "mischief", "-w", "stranger")
    assert refusal.value.code is Code.NOT_ALLOWED
    assert not await Workers(pool).host_drained("host-1")
    assert await Operations(pool).stuck() == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("now", NOW, id="now"),
        pytest.param("90m", NOW - timedelta(minutes=90), id="so long ago"),
        pytest.param("2d", NOW - timedelta(days=2), id="days"),
        pytest.param("2026-11-22T09:30", datetime(2026, 11, 22, 9, 30, tzinfo=UTC), id="UTC where no zone is named"),
        pytest.param("2026-11-22T09:30+02:00", datetime(2026, 11, 22, 7, 30, tzinfo=UTC), id="a zone"),
    ],
)
def test_moments(text: str, expected: datetime) -> None:
    """As operators write them."""
    assert moment(text, NOW) == expected
