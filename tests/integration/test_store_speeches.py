"""Sentences that people ask to hear, on a real PostgreSQL: who may speak, who gets a row, how it ends, and when it is gone."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from scoring.errors import Code, PlatformError
from scoring.types import ContentHash, Hotkey, RoundNumber, SubmissionId
from tests.builders.speeches import BUDGET, TIMES, a_voice, crown, scored
from voice_api.db.database import Pool
from voice_api.db.evaluations import Verdict
from voice_api.db.operations import Operations
from voice_api.db.rounds import NewRound
from voice_api.db.speeches import ModelVoice, SpeechBudget, SpeechClaim, Speeches, SpeechSound
from voice_api.db.states import QueueName, SpeechState
from voice_api.db.submissions import NewSubmission, Submissions
from voice_api.errors import LeaseLost, TooManyRequests

LEASE, EXPIRED = timedelta(minutes=15), timedelta(seconds=-1)
VALIDATOR = Hotkey("v")
SOUND = SpeechSound(audio=b"fLaC", rate=22_050, seconds=1.5, speak_seconds=0.25)
TEXT = "Open the gate before the rain comes."


@pytest.fixture
def speeches(pool: Pool) -> Speeches:
    """The rows under test."""
    return Speeches(pool)


@pytest.fixture
async def submission(
    pool: Pool, new_submission: Callable[..., NewSubmission], new_round: Callable[..., NewRound], verdict: Callable[..., Verdict]
) -> SubmissionId:
    """One that has a score and holds the top."""
    commitment = new_submission(hotkey=Hotkey("h"), repo="miner/voice")
    added = await scored(pool, commitment, new_round(3), verdict())
    await crown(pool, VALIDATOR, commitment, 3)
    return added


@pytest.fixture
async def voice(pool: Pool, submission: SubmissionId) -> ModelVoice:
    """The king's."""
    return await a_voice(pool, submission)


async def ask(speeches: Speeches, voice: ModelVoice, **overrides: object) -> UUID:
    """Ask for a sentence."""
    rest: dict[str, object] = {"budget": BUDGET, "times": TIMES}
    return await speeches.add(TEXT, "", voice, **rest | overrides)  # type: ignore[arg-type]


async def take(speeches: Speeches, lease: timedelta = LEASE) -> SpeechClaim:
    """Claim what must be there."""
    claim = await speeches.claim(QueueName.CPU, "w1", lease)
    assert claim is not None
    return claim


async def test_a_king_is_found_with_what_it_speaks_by(speeches: Speeches, submission: SubmissionId) -> None:
    """Its repository as it was judged, its track, and the round whose rules hold; another validator's ledger knows no king."""
    assert (await speeches.kings(VALIDATOR), await speeches.kings(Hotkey("other"))) == ({"small": submission}, {})
    found = await speeches.voice(submission, crowned=True)
    assert found is not None
    assert found == ModelVoice(
        submission_id=submission,
        hotkey=Hotkey("h"),
        repo="miner/voice",
        revision=found.revision,
        content_hash=ContentHash("11" * 32),
        family="vits",
        track="small",
        round=RoundNumber(3),
        queue=QueueName.CPU,
        crowned=True,
    )


async def test_a_hotkeys_newest_scored_submission_speaks(
    pool: Pool, speeches: Speeches, submission: SubmissionId, new_submission: Callable[..., NewSubmission]
) -> None:
    """One without a score does not speak yet: the one before it does."""
    assert [await speeches.newest_of(Hotkey(name)) for name in ("h", "nobody")] == [submission, None]
    assert [await speeches.newest_of(Hotkey("h"), track) for track in ("small", "described")] == [submission, None]
    (newer,) = await Submissions(pool).add([new_submission(hotkey=Hotkey("h"), commit_block=200)])
    assert await speeches.newest_of(Hotkey("h")) == submission
    assert [await speeches.voice(one, crowned=False) is None for one in (submission, newer)] == [False, True]


async def test_a_submission_that_is_set_aside_is_silent(pool: Pool, speeches: Speeches, submission: SubmissionId) -> None:
    """King or not."""
    await Operations(pool).quarantine(submission, actor="o", reason="r")
    assert (await speeches.voice(submission, crowned=True), await speeches.newest_of(Hotkey("h"))) == (None, None)


async def test_from_request_to_sound(speeches: Speeches, voice: ModelVoice) -> None:
    """A request is claimed once, and ends with its sound; it says how many are before it while it waits."""
    first, second = await ask(speeches, voice), await ask(speeches, voice)
    assert [(await speeches.get(one)).ahead for one in (first, second)] == [0, 1]
    assert await speeches.due_counts() == {QueueName.CPU: 2, QueueName.GPU: 0}
    assert await speeches.claim(QueueName.GPU, "w1", LEASE) is None
    claim = await take(speeches)
    assert (claim.id, claim.text, claim.round, claim.repo, claim.attempt) == (first, TEXT, RoundNumber(3), "miner/voice", 1)
    assert [(await speeches.get(one)).ahead for one in (first, second)] == [None, 1]
    assert await speeches.counts() == dict.fromkeys(SpeechState, 0) | {SpeechState.QUEUED: 1, SpeechState.RUNNING: 1}
    await speeches.renew(claim, LEASE)
    await speeches.finish(claim, SOUND)
    found = await speeches.get(first)
    assert (found.state, found.rate, found.seconds, found.speak_seconds, found.code) == (
        SpeechState.DONE,
        22_050,
        1.5,
        0.25,
        None,
    )
    assert (await speeches.audio(first), (await speeches.load()).open, (await speeches.load()).lately) == (b"fLaC", 1, 2)
    assert found.claimed_at is not None and found.finished_at is not None
    assert found.created_at <= found.claimed_at <= found.finished_at


async def test_what_is_not_there_is_not_found(speeches: Speeches, voice: ModelVoice) -> None:
    """An id that nobody got, and the sound of a sentence that still waits."""
    waiting = await ask(speeches, voice)
    for asked in (speeches.get(uuid4()), speeches.audio(uuid4()), speeches.audio(waiting)):
        with pytest.raises(PlatformError) as refused:
            await asked
        assert refused.value.code is Code.NOT_FOUND


async def test_the_budget_holds_however_many_ask_at_once(speeches: Speeches, voice: ModelVoice) -> None:
    """Eight may be open, and the ninth is told to wait; of an hour's there may be so many, and the next is told for how long."""
    few = SpeechBudget(open=3, per_hour=60)
    answers = await asyncio.gather(*(ask(speeches, voice, budget=few) for _ in range(6)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, TooManyRequests)]
    assert (len(refused), (await speeches.load()).open) == (3, 3)
    assert {answer.code for answer in refused} == {Code.RATE_LIMITED} and "3 sentences wait" in refused[0].detail
    with pytest.raises(TooManyRequests, match="3 sentences are spoken in an hour") as full:
        await ask(speeches, voice, budget=SpeechBudget(open=9, per_hour=3))
    assert timedelta(minutes=59) < full.value.retry_after <= timedelta(hours=1)


async def test_each_is_claimed_once(speeches: Speeches, voice: ModelVoice) -> None:
    """However many workers ask at the same moment."""
    asked = {await ask(speeches, voice) for _ in range(4)}
    claims = await asyncio.gather(*(speeches.claim(QueueName.CPU, f"w{number}", LEASE) for number in range(8)))
    taken = [claim.id for claim in claims if claim is not None]
    assert (len(taken), set(taken)) == (4, asked)


async def test_a_lost_claim_writes_nothing(speeches: Speeches, voice: ModelVoice) -> None:
    """After its lease ran out the request is due again, and the first worker's result is refused."""
    asked = await ask(speeches, voice)
    lost = await take(speeches, EXPIRED)
    assert await speeches.expire(3) == 1
    claim = await take(speeches)
    assert (claim.id, claim.attempt) == (asked, 2)
    for write in (
        speeches.finish(lost, SOUND),
        speeches.fail(lost, Code.GENERATION_FAILED, ""),
        speeches.renew(lost, LEASE),
        speeches.hand_back(lost, timedelta(0), Code.WORKER_ERROR, ""),
    ):
        with pytest.raises(LeaseLost):
            await write
    await speeches.finish(claim, SOUND)


async def test_tried_too_often_it_fails(speeches: Speeches, voice: ModelVoice) -> None:
    """With our own code, once its lease ran out more often than the budget."""
    asked = await ask(speeches, voice)
    for _ in range(2):
        await take(speeches, EXPIRED)
        await speeches.expire(1)
    found = await speeches.get(asked)
    assert (found.state, found.code, await speeches.expire(1)) == (SpeechState.FAILED, Code.LEASE_EXPIRED, 0)


@pytest.mark.parametrize("claimed", [pytest.param(False, id="waiting"), pytest.param(True, id="running")])
async def test_nothing_outlives_its_time(pool: Pool, speeches: Speeches, voice: ModelVoice, claimed: bool) -> None:
    """Whether it waits or a worker is at it: it fails with a code, and the worker's result comes too late."""
    asked = await ask(speeches, voice)
    claim = await take(speeches) if claimed else None
    async with pool.connection() as connection:
        await connection.execute("update speeches set deadline_at = now()")
    assert await speeches.claim(QueueName.CPU, "w2", LEASE) is None
    assert await speeches.expire(3) == 1
    found = await speeches.get(asked)
    assert (found.state, found.code) == (SpeechState.FAILED, Code.SPEECH_LATE)
    if claim is not None:
        with pytest.raises(LeaseLost):
            await speeches.finish(claim, SOUND)


async def test_a_pause_beyond_its_time_is_its_end(speeches: Speeches, voice: ModelVoice) -> None:
    """What is handed back comes again in time, or fails at once with the reason; a worker that stops made no attempt."""
    asked = await ask(speeches, voice)
    stopped = await take(speeches)
    assert await speeches.hand_back(stopped, timedelta(0), Code.WORKER_ERROR, "stops", drained=True) is SpeechState.QUEUED
    again = await take(speeches)
    assert again.attempt == 1
    assert await speeches.hand_back(again, timedelta(minutes=20), Code.HUB_UNAVAILABLE, "away") is SpeechState.FAILED
    found = await speeches.get(asked)
    assert (found.code, found.reason, found.attempt) == (Code.HUB_UNAVAILABLE, "away", 1)


async def test_a_drained_host_speaks_nothing(pool: Pool, speeches: Speeches, voice: ModelVoice) -> None:
    """Until it is drained no longer."""
    await ask(speeches, voice)
    await Operations(pool).drain("host-1", actor="o", reason="r")
    assert await speeches.claim(QueueName.CPU, "w1", LEASE, "host-1") is None
    assert await speeches.claim(QueueName.CPU, "w1", LEASE, "host-2") is not None


async def test_it_is_deleted_when_it_was_kept_long_enough(pool: Pool, speeches: Speeches, voice: ModelVoice) -> None:
    """Text, description and sound; until then it stays, and from then on it is not found though it lies there still."""
    done, waiting = await ask(speeches, voice), await ask(speeches, voice)
    await speeches.finish(await take(speeches), SOUND)
    await speeches.forget()
    assert (await speeches.get(done)).state is SpeechState.DONE
    async with pool.connection() as connection:
        await connection.execute(
            "update speeches set deadline_at = now() - interval '2 s', expires_at = now() where id = $1", done
        )
    for asked in (speeches.get(done), speeches.audio(done)):
        with pytest.raises(PlatformError, match="there is no"):
            await asked
    await speeches.forget()
    async with pool.connection() as connection:
        assert [row["id"] for row in await connection.fetch("select id from speeches")] == [waiting]


async def test_the_dispatcher_hears_of_a_request(pool: Pool, speeches: Speeches, voice: ModelVoice) -> None:
    """At once, under the name that it listens to."""
    heard = asyncio.Event()
    async with pool.connection() as connection:
        await connection.add_listener("evaluations_due", lambda *_: heard.set())
        await ask(speeches, replace(voice, crowned=False))
        await asyncio.wait_for(heard.wait(), 5)
        await connection.reset()
