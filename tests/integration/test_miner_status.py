"""`voice miner status` against a real API on a real PostgreSQL."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import bittensor as bt
import httpx
import pytest

from neurons.cli.main import app
from scoring.errors import EXPLANATIONS, Code
from scoring.ranking.duel import Duel
from scoring.types import Block, BlockHash, EvaluationId, Hotkey, Micro, RoundNumber, SubmissionId, Uid, entrant
from tests.builders.addresses import ALICE, BOB
from tests.builders.ledger import a_ledger_entry
from tests.builders.near_copies import a_near_copy
from tests.builders.ranking import a_record, a_state
from voice_api.db.copies import set_aside
from voice_api.db.database import Pool
from voice_api.db.evaluations import Verdict
from voice_api.db.ledger import Ledger
from voice_api.db.operations import Operations
from voice_api.db.processes import Workers
from voice_api.db.queue import EvaluationQueue
from voice_api.db.registry import RegisteredNeuron, Registry, RegistrySnapshot
from voice_api.db.states import QueueName, VerdictState
from voice_api.db.submissions import NewSubmission, Submissions
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


async def test_who_was_set_aside_as_a_near_copy_reads_why(status: Status, pool: Pool, open_round: OpenRound) -> None:
    """The words with the evidence and what to do, though no code stands beside them; nothing of it once an operator released it."""
    original, copy = await open_round(submissions=2)
    async with pool.transaction() as connection:
        await set_aside(connection, "w1", EvaluationId(1), [a_near_copy(copy, original, reason="near submission 1: tell")])
    hotkey = await hotkey_of(pool, copy)
    table = await status(hotkey)
    assert "quarantined" in table and "near submission 1: tell" in table
    await Operations(pool).unquarantine(copy, actor="o", reason="its own work")
    assert "near submission" not in await status(hotkey)


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


@pytest.fixture
async def stands(pool: Pool, receiver: bt.Wallet, new_submission: Callable[..., NewSubmission]) -> tuple[Hotkey, Hotkey]:
    """The hotkeys of a king and of its challenger, after a round in which both were scored and the duel's evidence was 12 of 620."""
    king, challenger = Hotkey(ALICE), Hotkey(BOB)
    await Submissions(pool).add(
        [new_submission(hotkey=king, commit_block=Block(1)), new_submission(hotkey=challenger, commit_block=Block(2))]
    )
    await Registry(pool).replace(
        RegistrySnapshot(
            netuid=7,
            block=Block(400),
            block_hash=BlockHash("0x00"),
            owner_hotkey=king,
            neurons=tuple(
                RegisteredNeuron(
                    hotkey=hotkey, uid=Uid(uid), coldkey="c", registered_at_block=Block(0), immune_until_block=Block(0)
                )
                for uid, hotkey in enumerate((king, challenger))
            ),
        )
    )
    names = [entrant(king, Block(1)), entrant(challenger, Block(2))]
    duel = Duel(challenger=names[1], king=names[0], opened=RoundNumber(1), margin=Micro(20_000), threshold=620.0)
    step = replace(duel, capital=(10.0, 2.0), groups=32, rounds=1, lead=32 * 50_000, steps=32, total=32 * 30_000)
    records = (a_record(1, 0.6, hotkey=king), a_record(2, 0.65, hotkey=challenger))
    ledger = Ledger(pool, Hotkey(receiver.hotkey.ss58_address))
    await ledger.append(a_ledger_entry(1, state=a_state(round=RoundNumber(1), king=names[0], records=records, duel=step)))
    return king, challenger


async def test_who_is_ranked_sees_rank_pay_duel_and_why(status: Status, stands: tuple[Hotkey, Hotkey]) -> None:
    """The king is paid, the challenger is not: both are told why, and how much evidence the duel has of what it needs."""
    king, challenger = stands
    first, second = " ".join((await status(king)).split()), " ".join((await status(challenger)).split())
    assert "rank 1 in small, king, paid 100.00% of the emission" in first
    assert (
        f"duel its place against {challenger}@2: evidence 12 of 620, lead +0.0500 of the challenger's, after 32 groups" in first
    )
    assert "rank 2 in small, not paid why it has not taken the top" in second
    assert f"duel with the king {king}@1: evidence 12 of 620" in second
    (row,) = json.loads(await status(challenger, "--json"))
    assert (row["standing"]["rank"], row["standing"]["share"], row["standing"]["king"]) == (2, 0.0, False)
    assert row["standing"]["reason"].startswith("it has not taken the top")
    assert [(duel["wealth"], duel["threshold"], duel["outcome"]) for duel in row["duels"]] == [(12.0, 620.0, "open")]


async def test_no_heading_breaks_inside_a_word(
    status: Status, stands: tuple[Hotkey, Hotkey], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 100 columns; of what is empty for all there is no column."""
    monkeypatch.setenv("COLUMNS", "100")
    table = (await status(stands[0])).splitlines()
    (heading,) = [line for line in table if "repo@revision" in line]
    assert "submission" in heading and "state" in heading and "place" not in heading
    assert max(len(line) for line in table[:3]) <= 100


async def test_where_a_table_has_no_room_each_stands_in_lines_of_its_own(
    status: Status, pool: Pool, new_submission: Callable[..., NewSubmission], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 40 columns each name stands before its value, and no word of either breaks."""
    await Submissions(pool).add([new_submission(hotkey=ALICE, repo="alice/a-voice-of-some-length")])
    monkeypatch.setenv("COLUMNS", "40")
    told = [line.strip() for line in (await status(ALICE)).splitlines()]
    assert "repo@revision:" in told and any(line.startswith("alice/a-voice-of-some-length@") for line in told)
    assert "state: queued" in told


async def test_each_rounds_score_is_told(
    status: Status, pool: Pool, open_round: OpenRound, verdict: Callable[..., Verdict]
) -> None:
    """With its error, the newest first."""
    [submission] = await open_round()
    queue = EvaluationQueue(pool)
    claim = await queue.claim(QueueName.CPU, "w1", LEASE)
    assert claim is not None
    await queue.finish(claim, verdict())
    hotkey = await hotkey_of(pool, submission)
    assert "rounds 3: 0.7000 ± 0.0500" in " ".join((await status(hotkey)).split())
    (row,) = json.loads(await status(hotkey, "--json"))
    assert [(each["round"], each["score"]) for each in row["rounds"]] == [(3, 700_000)]


async def test_the_newest_submissions_are_shown(status: Status, pool: Pool, new_submission: Callable[..., NewSubmission]) -> None:
    """However many there are: twenty, or as many as are asked for."""
    hotkey = Hotkey(ALICE)
    await Submissions(pool).add([new_submission(hotkey=hotkey, commit_block=Block(10_000 * n)) for n in range(1, 31)])
    blocks = [row["commit_block"] for row in json.loads(await status(hotkey, "--json"))]
    assert blocks == [10_000 * n for n in range(11, 31)]
    assert [row["commit_block"] for row in json.loads(await status(hotkey, "--json", "--limit", "2"))] == [290_000, 300_000]


async def test_words_of_a_stranger_move_no_cursor_and_turn_no_text(
    status: Status, pool: Pool, refused: Callable[..., NewSubmission]
) -> None:
    """As they may stand in rows of an earlier release: on a terminal, in data, and on the miner's page."""
    words = "\x1b[2Jgone \x9b31m \u202edesrever\u2066 \x1b]0;title\x07"
    submission = refused(hotkey=ALICE, commitment=words, reason=words)
    await Submissions(pool).add([submission])
    url = f"{os.environ['VOICE_API_URL']}/miners/{ALICE}"
    page = await asyncio.to_thread(httpx.get, url, headers={"Accept": "text/html"}, trust_env=False)
    for told in (await status(ALICE), await status(ALICE, "--json"), page.text):
        assert "desrever" in told
        assert {character for character in told if not character.isprintable()} <= {"\n"}
