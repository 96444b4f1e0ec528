"""`voice miner status` against a real API on a real PostgreSQL."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from neurons.cli.main import app
from scoring.errors import EXPLANATIONS, Code
from scoring.types import Hotkey, SubmissionId
from tests.builders.addresses import ALICE
from voice_api.db.database import Pool
from voice_api.db.evaluations import Verdict
from voice_api.db.processes import Workers
from voice_api.db.queue import EvaluationQueue
from voice_api.db.states import QueueName, VerdictState
from voice_api.db.submissions import Submissions
from voice_api.settings import ApiSettings

OpenRound = Callable[..., Awaitable[list[SubmissionId]]]
Status = Callable[..., Awaitable[str]]
LEASE = timedelta(minutes=1)


@pytest.fixture
async def status(
    listen: Callable[[ApiSettings], str],
    api_settings: Callable[..., ApiSettings],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Status:
    """Run `voice miner status --hotkey …`; what it printed."""
    monkeypatch.setenv("VOICE_API_URL", listen(api_settings()))
    monkeypatch.setenv("COLUMNS", "220")

    async def run(hotkey: str, *arguments: str) -> str:
        await asyncio.to_thread(app, ["miner", "status", "--hotkey", hotkey, *arguments], standalone_mode=False)
        return capsys.readouterr().out

    return run


async def hotkey_of(pool: Pool, submission: SubmissionId) -> Hotkey:
    """Whose it is."""
    return (await Submissions(pool).get(submission)).hotkey


async def test_who_committed_nothing_is_told_so(status: Status) -> None:
    """With the two things to look at."""
    assert await status(ALICE) == (f"No submission of {ALICE} is known: has it been committed, and read by the model queue?\n")
    assert json.loads(await status(ALICE, "--json")) == []


async def test_who_waits_sees_place_and_time(
    status: Status, pool: Pool, open_round: OpenRound, verdict: Callable[..., Verdict]
) -> None:
    """Ten minutes were measured and one worker is idle: the third of the round is the second that waits, and starts in ten minutes."""
    *_, last = await open_round(submissions=3)
    queue = EvaluationQueue(pool)
    claim = await queue.claim(QueueName.CPU, "w1", LEASE)
    assert claim is not None
    async with pool.connection() as connection:
        await connection.execute("update evaluations set claimed_at = now() - interval '10 minutes' where state = 'running'")
    await queue.finish(claim, verdict())
    await Workers(pool).heartbeat("w1", "host-1", QueueName.CPU)
    hotkey = await hotkey_of(pool, last)
    assert "10 min" in await status(hotkey)
    (row,) = json.loads(await status(hotkey, "--json"))
    assert (row["id"], row["state"], row["queue"]["position"], row["queue"]["ahead"]) == (last, "queued", 2, 1)
    assert 590 <= row["queue"]["eta_p50_seconds"] <= row["queue"]["eta_p90_seconds"] <= 610
    assert row["advice"] is None


async def test_who_runs_sees_how_far(status: Status, pool: Pool, open_round: OpenRound) -> None:
    """The stage, and how much of it is done."""
    [submission] = await open_round()
    queue = EvaluationQueue(pool)
    claim = await queue.claim(QueueName.CPU, "w1", LEASE)
    assert claim is not None
    await queue.renew(claim, LEASE, "speak", 12, 44)
    assert "runs: speak 12/44" in await status(await hotkey_of(pool, submission))


async def test_who_was_rejected_sees_code_and_advice(
    status: Status, pool: Pool, open_round: OpenRound, verdict: Callable[..., Verdict]
) -> None:
    """As text and as data; a stranger's words move no cursor."""
    [submission] = await open_round()
    queue = EvaluationQueue(pool)
    claim = await queue.claim(QueueName.CPU, "w1", LEASE)
    assert claim is not None
    rejected = verdict(state=VerdictState.REJECTED, code=Code.FILE_NOT_ALLOWED, reason="a\x1b[2J.pkl", report=None)
    await queue.finish(claim, rejected)
    hotkey = await hotkey_of(pool, submission)
    table = await status(hotkey)
    assert "[1103]" in table and "\x1b[2J" not in table
    (row,) = json.loads(await status(hotkey, "--json"))
    assert (row["code"], row["advice"], row["queue"]) == (1103, EXPLANATIONS[Code.FILE_NOT_ALLOWED].advice, None)


async def test_who_was_tried_again_sees_why(status: Status, pool: Pool, open_round: OpenRound) -> None:
    """Of who waits or runs the last steps are told in words, and all of them as data; of who is done nothing."""
    [submission] = await open_round()
    queue = EvaluationQueue(pool)
    claim = await queue.claim(QueueName.CPU, "w1", LEASE)
    assert claim is not None
    await queue.hand_back(claim, Code.HUB_UNAVAILABLE, "the hub was away", timedelta(0))
    await queue.claim(QueueName.CPU, "w1", LEASE)
    async with pool.connection() as connection:
        await connection.execute("update events set at = '2026-11-22 12:00+00'::timestamptz + id * interval '6 hours'")
    hotkey = await hotkey_of(pool, submission)
    assert (
        f"Submission {submission}, times in UTC: queued 22 Nov 18:00 → queued 23 Nov 00:00 → running 06:00 → "
        f"queued ({Code.HUB_UNAVAILABLE.value} hub unavailable) 12:00 → running on its 2nd attempt 18:00\n"
    ) in await status(hotkey)
    (row,) = json.loads(await status(hotkey, "--json"))
    assert [event["to_state"] for event in row["events"]] == ["queued", "queued", "running", "queued", "running"]
