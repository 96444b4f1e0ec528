"""Sentences spoken by real voices in the real sandbox, fetched from a hub: the sound, whose fault a failure is, and whose turn it is."""

import asyncio
import io
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
import soundfile

from neurons.localnet.hub_server import Control, create_hub
from neurons.localnet.network import COMPETITION
from neurons.localnet.repositories import publish
from scoring.competition import Competition, load
from scoring.errors import Code
from scoring.model.fingerprint import fingerprint
from scoring.progress import NO_PROGRESS
from scoring.types import ContentHash, Hotkey
from tests.builders import espeak_voices
from tests.builders.rules import changed as rules_changed
from tests.builders.speeches import BUDGET, CONTENT, TIMES, a_voice, scored
from tests.builders.tools import build_tools
from tests.builders.workers import a_worker, changed
from tests.integration.hub_thread import serving
from tests.integration.recordings import DESCRIPTION, wav
from voice_api.db.database import Pool
from voice_api.db.evaluations import Verdict
from voice_api.db.rounds import NewRound
from voice_api.db.speeches import ModelVoice, Speech, Speeches
from voice_api.db.states import QueueName, SpeechState, WorkerDuty
from voice_api.db.submissions import NewSubmission
from voice_api.db.validations import Validations
from workers.hub.client import Hub, Timeouts
from workers.jobs.context import WorkerContext
from workers.jobs.drain import Drain
from workers.jobs.speech_job import speak_claimed
from workers.jobs.wakeup import work_one
from workers.sandbox.sandbox import Sandbox

DEMO = load(COMPETITION)
RULES = DEMO.version[0]
TEXT = "Open the gate before the rain comes down the hill."


@dataclass(kw_only=True)
class Bed:
    """A worker, a hub with voices that the test may tell to fail, and the rows between."""

    context: WorkerContext
    pool: Pool
    control: Control
    root: Path
    folders: dict[str, Path]
    commitment: Callable[..., NewSubmission]
    new_round: Callable[..., NewRound]
    verdict: Callable[..., Verdict]
    rounds: int = 2

    async def voice(self, role: str, content: ContentHash | None = None, rules: Competition = RULES) -> ModelVoice:
        """A published model that was judged in a round of its own."""
        self.rounds += 1
        revision = publish(self.root, f"{role}/voice", self.folders[role])
        commitment = self.commitment(hotkey=Hotkey(f"h{self.rounds}"), repo=f"{role}/voice", revision=revision)
        known = content or fingerprint(self.folders[role], NO_PROGRESS).content
        judged = await scored(
            self.pool,
            commitment,
            self.new_round(self.rounds, competition_hash=rules.hash),
            self.verdict(),
            content=known,
            family="espeak",
        )
        return await a_voice(self.pool, judged)

    async def ask(self, voice: ModelVoice, text: str = TEXT, description: str = "") -> UUID:
        """Ask for a sentence."""
        return await Speeches(self.pool).add(text, description, voice, budget=BUDGET, times=TIMES)

    async def work(self, **changes: object) -> str | None:
        """What one look at the sentences came to, by a worker of which something is changed."""
        context = changed(self.context, **changes)
        claim = await context.database.speeches.claim(QueueName.CPU, context.name, context.patience.lease, context.host)
        return None if claim is None else await speak_claimed(context, claim)

    async def spoken(self, voice: ModelVoice, text: str = TEXT, description: str = "") -> bytes:
        """A sentence's FLAC file."""
        asked = await self.ask(voice, text, description)
        assert await self.work() == "spoken"
        return await Speeches(self.pool).audio(asked)

    async def get(self, asked: UUID) -> Speech:
        """A sentence as it stands."""
        return await Speeches(self.pool).get(asked)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[tuple[str, Control, Path]]:
    """A running hub."""
    root = tmp_path / "hub"
    root.mkdir()
    app = create_hub(root)
    with serving(app) as url:
        yield url, app.state.control, root


@pytest.fixture
async def bed(
    tmp_path: Path,
    pool: Pool,
    hub: tuple[str, Control, Path],
    new_submission: Callable[..., NewSubmission],
    new_round: Callable[..., NewRound],
    verdict: Callable[..., Verdict],
) -> Bed:
    """A worker that tries once more, at once."""
    url, control, root = hub
    client = Hub(url, tmp_path / "cache", Timeouts(answer=timedelta(seconds=2), download=timedelta(seconds=20)))
    context = a_worker(pool, name="bench", schedule=DEMO, tools=build_tools(tmp_path, hub=client))
    return Bed(
        context=context,
        pool=pool,
        control=control,
        root=root,
        folders=espeak_voices.build(tmp_path / "models"),
        commitment=new_submission,
        new_round=new_round,
        verdict=verdict,
    )


async def test_a_sentence_becomes_a_sound(bed: Bed) -> None:
    """From the hub through the sandbox into the row, with how long each part took; the worker's next look finds nothing."""
    voice = await bed.voice("clear")
    asked = await bed.ask(voice)
    assert await work_one(bed.context, QueueName.CPU) == "spoken"
    found = await bed.get(asked)
    samples, rate = soundfile.read(io.BytesIO(await Speeches(bed.pool).audio(asked)))
    assert (found.state, found.rate, found.code) == (SpeechState.DONE, rate, None)
    assert found.seconds is not None and 1.5 < found.seconds < 6.0
    assert found.seconds == pytest.approx(len(samples) / rate)
    assert abs(samples).max() > 0.05
    assert found.speak_seconds is not None and 0.0 < found.speak_seconds < 10.0
    assert await work_one(bed.context, QueueName.CPU) == "nothing due"


async def test_a_sentence_depends_on_what_was_asked_and_on_nothing_else(bed: Bed) -> None:
    """Not on when, nor on what others asked in between; its words and its description do change it."""
    voice = await bed.voice("clear")
    first = await bed.spoken(voice)
    other = await bed.spoken(voice, "Seven purple elephants never bought an umbrella.")
    described = await bed.spoken(voice, description=DESCRIPTION)
    assert await bed.spoken(voice) == first
    assert len({first, other, described}) == 3


@pytest.mark.parametrize(
    ("role", "code", "why"),
    [
        pytest.param("pickle", Code.FILE_NOT_ALLOWED, "", id="a repository that is not allowed"),
        pytest.param("clear", Code.TAG_MISMATCH, "no longer holds the model that was judged", id="another model than was judged"),
    ],
)
async def test_the_models_fault_is_told_and_not_tried_again(bed: Bed, role: str, code: Code, why: str) -> None:
    """With its code and reason."""
    asked = await bed.ask(await bed.voice(role, content=CONTENT))
    assert (await bed.work(), await bed.work()) == ("refused", None)
    found = await bed.get(asked)
    assert (found.state, found.code, found.attempt) == (SpeechState.FAILED, code, 1) and why in (found.reason or "")


async def test_a_model_that_hangs_ends_in_time(bed: Bed) -> None:
    """After its track's own time for such a sentence, with the code that an evaluation would have; the guest is gone."""
    track = rules_changed(RULES.track[0], limits={"sample_seconds": 1.0, "late_factor": 0.1})
    hasty = RULES.model_copy(update={"track": (track,)})
    schedule = DEMO.model_copy(update={"version": (hasty,)})
    asked = await bed.ask(await bed.voice("hang", rules=hasty), "No.")
    assert await bed.work(schedule=schedule) == "refused"
    assert (await bed.get(asked)).code == Code.SAMPLE_TIMEOUT


async def test_a_hub_that_is_away_is_asked_again(bed: Bed) -> None:
    """It waits again, then fails with our code: no model is at fault."""
    asked = await bed.ask(await bed.voice("clear"))
    bed.control.failures["503"] = -1
    assert await bed.work() == "handed back"
    assert (await bed.get(asked)).state is SpeechState.QUEUED
    assert await bed.work() == "failed"
    found = await bed.get(asked)
    assert (found.state, found.code, found.attempt) == (SpeechState.FAILED, Code.HUB_UNAVAILABLE, 2)


async def test_other_rules_than_the_rounds_are_nobodys_fault_but_ours(bed: Bed) -> None:
    """A worker with another competition file speaks nothing, rather than otherwise than the model is judged."""
    other = RULES.model_copy(update={"cooldown_blocks": RULES.cooldown_blocks + 1})
    asked = await bed.ask(await bed.voice("clear", rules=other))
    assert [await bed.work() for _ in range(2)] == ["handed back", "failed"]
    assert (await bed.get(asked)).code == Code.COMPETITION_MISMATCH


async def test_a_worker_that_must_stop_gives_it_back(bed: Bed) -> None:
    """Nobody failed, and another worker speaks it."""
    asked = await bed.ask(await bed.voice("hang"))
    drain = Drain(timedelta(0))
    drain.request()
    assert await bed.work(drain=drain) == "handed back"
    assert ((await bed.get(asked)).state, (await bed.get(asked)).attempt) == (SpeechState.QUEUED, 0)


async def test_what_comes_too_late_is_not_written(bed: Bed) -> None:
    """Its time was over while the model spoke: the dispatcher has failed it, and the worker goes on to something else."""
    asked = await bed.ask(await bed.voice("clear"))
    claim = await bed.context.database.speeches.claim(QueueName.CPU, "w", timedelta(minutes=1))
    assert claim is not None
    async with bed.pool.connection() as connection:
        await connection.execute("update speeches set deadline_at = now()")
    assert await Speeches(bed.pool).expire(3) == 1
    assert await speak_claimed(bed.context, claim) == "lease lost"
    assert (await bed.get(asked)).code == Code.SPEECH_LATE


class BrokenSandbox(Sandbox):
    """One with a bug."""

    def hold_card(self, limits: object) -> None:
        """Raises LookupError."""
        raise LookupError(f"a bug met {limits}")


async def test_a_bug_hands_it_back_and_is_loud(bed: Bed, tmp_path: Path) -> None:
    """An unknown failure is ours: the sentence waits again, and the job fails for the log."""
    asked = await bed.ask(await bed.voice("clear"))
    broken = replace(bed.context.judging.tools, sandbox=BrokenSandbox(tmp_path))
    with pytest.raises(LookupError, match="a bug"):
        await bed.work(tools=broken)
    assert (await bed.get(asked)).state is SpeechState.QUEUED


async def test_evaluations_come_first_and_a_request_between_two_of_them(
    bed: Bed, open_round: Callable[..., Awaitable[list[int]]]
) -> None:
    """However many sentences and recordings wait, an evaluation waits for one of them at most; and these take turns."""
    voice = await bed.voice("clear", content=CONTENT)  # refused at once: whose turn it is does not depend on that
    await open_round(9, submissions=3)
    for _ in range(2):
        await bed.ask(voice)
        await Validations(bed.pool).add(Hotkey("h"), "語", DESCRIPTION, "ab" * 32, wav(bytes(100)))
    before: list[str] = []
    for _ in range(7):
        counts = await _counts(bed.pool)
        await work_one(bed.context, QueueName.CPU)
        before.append(next(name for name, count in (await _counts(bed.pool)).items() if count != counts[name]))
        await asyncio.sleep(0)
    assert before == ["evaluations", "speeches", "evaluations", "validations", "evaluations", "speeches", "evaluations"]


@pytest.mark.parametrize(
    ("duty", "taken"),
    [
        pytest.param(WorkerDuty.SPEECH, ["speeches", "speeches"], id="nothing but sentences"),
        pytest.param(WorkerDuty.JUDGING, ["evaluations", "validations", "evaluations", "validations"], id="no sentence"),
    ],
)
async def test_a_worker_may_take_one_kind_only(
    bed: Bed, open_round: Callable[..., Awaitable[list[int]]], duty: WorkerDuty, taken: list[str]
) -> None:
    """So that sentences delay no evaluation, and none of these a sentence; what nobody takes waits."""
    voice = await bed.voice("clear", content=CONTENT)
    await open_round(9, submissions=2)
    for _ in range(2):
        await bed.ask(voice)
        await Validations(bed.pool).add(Hotkey("h"), "語", DESCRIPTION, "ab" * 32, wav(bytes(100)))
    context, found = changed(bed.context, duty=duty), []
    for _ in taken:
        counts = await _counts(bed.pool)
        await work_one(context, QueueName.CPU)
        found.append(next(name for name, count in (await _counts(bed.pool)).items() if count != counts[name]))
    assert found == taken


async def _counts(pool: Pool) -> dict[str, int]:
    """The attempts so far of each kind of work."""
    async with pool.connection() as connection:
        row = await connection.fetchrow(
            """select (select sum(attempt) from evaluations where round = 9)::integer as evaluations,
            (select sum(attempt) from speeches)::integer as speeches, (select sum(attempt) from validations)::integer as validations"""
        )
    return dict(row)
