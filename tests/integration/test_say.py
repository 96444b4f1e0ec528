"""`voice say` from a shell to a sound: the API on a port, the dispatcher, a real worker over Redis, and a real voice in the sandbox."""

import asyncio
import json
import re
import shlex
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import bittensor as bt
import pytest
import soundfile
from pydantic import SecretStr

from neurons.localnet.hub_server import create_hub
from neurons.localnet.network import COMPETITION, worker_identity
from neurons.localnet.repositories import publish
from neurons.localnet.stack import Stack
from neurons.shutdown import Shutdown
from scoring.competition import load
from scoring.errors import Code
from scoring.model.fingerprint import fingerprint
from scoring.progress import NO_PROGRESS
from tests.builders import espeak_voices
from tests.builders.command_line import Ended, voice
from tests.builders.speeches import crown, scored
from tests.integration.hub_thread import serving
from tests.integration.speech_bed import TEXT, speak_next
from voice_api.db.database import Pool
from voice_api.db.evaluations import Verdict
from voice_api.db.rounds import NewRound
from voice_api.db.speeches import Speeches
from voice_api.db.submissions import NewSubmission
from voice_api.dispatch import dispatcher
from voice_api.settings import ApiSettings, DispatcherSettings

DISCLOSURE = "Synthetic, said by nobody."
TUTORIAL = (Path(__file__).resolve().parents[2] / "docs" / "tutorial.md").read_text(encoding="utf-8")
[LINE] = re.findall(r"^voice say (.+)$", TUTORIAL, re.MULTILINE)
"""What the tutorial lets its king say."""


@pytest.fixture
async def say(
    tmp_path: Path, api_settings: Callable[..., ApiSettings], listen: Callable[[ApiSettings], str]
) -> Callable[..., "asyncio.Future[Ended]"]:
    """Run `voice say` against an API on a port."""
    url = listen(api_settings(speech=True, speech_disclosure=DISCLOSURE))

    def run(*arguments: str) -> "asyncio.Future[Ended]":
        command = partial(voice, tmp_path, "say", *arguments, VOICE_API_URL=url)
        return asyncio.get_running_loop().run_in_executor(None, command)

    return run


@pytest.fixture
def worker(tmp_path: Path, database_url: str, redis_url: str, writer: bt.Wallet) -> Iterator[Path]:
    """A worker process that takes sentences alone, and fetches from a hub; the hub's folder."""
    root, stack, data = tmp_path / "hub", Stack(tmp_path / "logs"), tmp_path / "worker"
    root.mkdir()
    with serving(create_hub(root)) as hub:
        environment = {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "HF_ENDPOINT": hub,
            "VOICE_COMPETITION": str(COMPETITION),
            "VOICE_DATA": str(data),
            "VOICE_TAKES": "speech",
            **worker_identity(data, "worker", writer),
        }
        stack.start("worker", ["worker"], environment)
        yield root
        stack.stop()


async def test_a_real_king_is_heard(
    say: Callable[..., "asyncio.Future[Ended]"],
    worker: Path,
    pool: Pool,
    database_url: str,
    redis_url: str,
    api_settings: Callable[..., ApiSettings],
    new_submission: Callable[..., NewSubmission],
    new_round: Callable[..., NewRound],
    verdict: Callable[..., Verdict],
    tmp_path: Path,
) -> None:
    """The tutorial's line: the dispatcher wakes a worker over Redis, which fetches the king and lets it speak."""
    model = espeak_voices.build(tmp_path / "models")["clear"]
    commitment = new_submission(repo="lab/king", revision=publish(worker, "lab/king", model))
    rules = load(COMPETITION).version[0]
    asked_in = new_round(3, competition_hash=rules.hash)
    await scored(pool, commitment, asked_in, verdict(), content=fingerprint(model, NO_PROGRESS).content, family="espeak")
    await crown(pool, api_settings().hotkey, commitment, 3)
    looks = DispatcherSettings(database_url=SecretStr(database_url), redis_url=SecretStr(redis_url), pause=timedelta(seconds=0.1))
    stop = Shutdown()
    waking = asyncio.create_task(dispatcher.run(looks, stop))
    ended = await say(*shlex.split(LINE), "--json")
    stop.request()
    await waking
    assert ended.returncode == 0, ended
    said = json.loads(ended.stdout)
    samples, rate = soundfile.read(tmp_path / "king.wav")
    assert (said["state"], said["voice"]["hotkey"], said["voice"]["king"], said["rate"]) == (
        "done",
        commitment.hotkey,
        True,
        rate,
    )
    assert said["seconds"] == pytest.approx(len(samples) / rate) and abs(samples).max() > 0.05
    assert 0.0 < said["waited_seconds"] < said["first_audio_seconds"] < 60.0
    assert said["out"] == "king.wav"


async def test_people_read_who_spoke_and_how_long_it_took(
    say: Callable[..., "asyncio.Future[Ended]"], pool: Pool, king: NewSubmission
) -> None:
    """And the operator's words; without a file, where the sound is."""
    ended, _ = await asyncio.gather(say(TEXT, "--voice", king.hotkey, "--track", "small"), speak_next(pool))
    who, times, disclosure, place = ended.stdout.splitlines()
    assert who.startswith("the king of small: miner/king@") and times.endswith("spoke 0.1 s), 0.5 s long")
    assert (disclosure, place.rpartition("/")[2]) == (DISCLOSURE, "audio")


async def test_a_failure_is_one_line_with_its_reason(
    say: Callable[..., "asyncio.Future[Ended]"], pool: Pool, king: NewSubmission
) -> None:
    """And a status that scripts see."""
    ended, _ = await asyncio.gather(say(TEXT), speak_next(pool, fails="it hummed"))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert (
        ended.stderr.strip().startswith(f"error {Code.GENERATION_FAILED:d} it hummed (http://")
        and "\n" not in ended.stderr.strip()
    )


async def test_who_does_not_wait_is_told_where_it_will_be(
    say: Callable[..., "asyncio.Future[Ended]"], pool: Pool, king: NewSubmission
) -> None:
    """The sentence is spoken all the same."""
    ended = await say(TEXT, "--wait", "0")
    assert (ended.returncode, ended.stdout.startswith("queued: not spoken yet; ask again at http://")) == (0, True)
    await speak_next(pool)


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        pytest.param(["a" * 301], Code.ARGUMENT_INVALID, "text: String should have at most 300", id="too long"),
        pytest.param(
            [TEXT, "--out", "king.aac"], Code.ARGUMENT_INVALID, "--out ends with one of .flac", id="a format nobody writes"
        ),
        pytest.param([TEXT, "--voice", "nobody"], Code.VOICE_MISSING, "nobody is neither", id="no such voice"),
        pytest.param(["Come on 3/4/2005."], Code.TEXT_INVALID, "3/4/2005", id="two dates"),
    ],
)
async def test_what_cannot_be_said_is_one_line(
    say: Callable[..., "asyncio.Future[Ended]"], pool: Pool, king: NewSubmission, arguments: list[str], code: Code, why: str
) -> None:
    """With its code, before anything is asked, or as the API has it."""
    ended = await say(*arguments)
    assert ended.returncode == 1 and ended.stderr.strip().startswith(f"error {code:d} ") and why in ended.stderr
    assert "\n" not in ended.stderr.strip() and (await Speeches(pool).load()).lately == 0
