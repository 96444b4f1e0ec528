"""A miner's recording, from the signed upload to the reasons: real API, real PostgreSQL, real sandbox, real judges."""

import asyncio
import hashlib
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Never, cast
from uuid import UUID

import bittensor as bt
import httpx
import pytest
import uvicorn

from neurons.api_client.client import VoiceApi
from neurons.chain import wallets
from prompts.groups import Group, GroupKind, Prompt
from prompts.voices import parse_description
from scoring.audio.spoken import Spoken
from scoring.competition import load
from scoring.errors import Code, InfrastructureFault
from scoring.progress import NO_PROGRESS
from scoring.report import Factor
from scoring.types import MICRO
from tests.builders.tools import build_tools
from tests.builders.workers import a_worker, changed
from tests.integration.recordings import DESCRIPTION, RATE, TEXT, Miner, spoken, wav
from voice_api.db.database import Pool
from voice_api.db.states import QueueName, ValidationState
from voice_api.settings import ApiSettings
from voice_api.web.app import create_app
from workers.evaluation.tools import LastPanel
from workers.jobs.context import WorkerContext
from workers.jobs.drain import Drain
from workers.jobs.validate_job import validate_claimed
from workers.jobs.wakeup import work_one
from workers.sandbox.sandbox import Sandbox

SCHEDULE = load()


@pytest.fixture(scope="module")
def pcm() -> bytes:
    """The text in a synthetic voice."""
    return spoken(TEXT)


@pytest.fixture(scope="module")
def panel() -> LastPanel:
    """The judges, which take seconds to make."""
    return LastPanel()


@dataclass
class Bed:
    """A worker, and a miner who is registered."""

    context: WorkerContext
    miner: Miner

    @property
    def api(self) -> VoiceApi:
        """As the miner uses it."""
        return self.miner.api

    async def work(self, **changes: object) -> str | None:
        """What one look at the recordings came to, by a worker of which something is changed."""
        context = changed(self.context, **changes)
        claim = await context.database.validations.claim(QueueName.CPU, context.name, context.patience.lease, context.host)
        return None if claim is None else await validate_claimed(context, claim)


@pytest.fixture
async def bed(
    tmp_path: Path,
    pool: Pool,
    panel: LastPanel,
    writer: bt.Wallet,
    api_settings: Callable[..., ApiSettings],
    serve: Callable[[ApiSettings], Awaitable[httpx.ASGITransport]],
) -> AsyncIterator[Bed]:
    """The miner is nobody's writer, only registered; the worker tries once more, at once."""
    settings = api_settings(writers=(), upload_bytes=1 << 20)
    context = a_worker(
        pool,
        name="bench",
        schedule=SCHEDULE,
        tools=build_tools(tmp_path, panel=panel),
    )
    async with Miner(pool, settings, writer, await serve(settings)) as miner:
        yield Bed(context, miner)


async def test_a_recording_is_judged_as_a_models_sample_is(bed: Bed, pcm: bytes, panel: LastPanel) -> None:
    """Number by number what the judges find in the same sound; the upload is forgotten, the reasons stand."""
    asked = await bed.api.validate(wav(pcm), TEXT, DESCRIPTION)
    assert (asked.state, asked.score, asked.sha256) == (ValidationState.QUEUED, None, hashlib.sha256(wav(pcm)).hexdigest())
    assert await work_one(bed.context, QueueName.CPU) == "validated"
    found = await bed.api.validation(asked.id)
    group = Group(
        "g", GroupKind.SINGLE, (Prompt(id="p", text=TEXT, description=DESCRIPTION, voice=parse_description(DESCRIPTION)),)
    )
    rules = SCHEDULE.version[-1].track[0]
    judged = panel(rules.profile).judge(
        [group], {"p": Spoken(prompt_id="p", rate=RATE, pcm=pcm, seconds=0.0)}, rules, NO_PROGRESS
    )
    (sample,) = judged.samples
    assert (found.state, found.score, found.gate, found.metrics) == (ValidationState.DONE, sample.score, None, sample.metrics)
    assert found.utilities == {factor.value: utility for factor, utility in sample.utilities.items()}
    assert sample.score > 100_000 and sample.metrics["wer"] < 0.5
    costs = sorted(factor for factor in Factor if (found.utilities or {}).get(factor, 1.0) < 1.0)
    assert sorted(reason.split()[0] for reason in found.reasons) == costs
    assert await bed.miner.uploads() == [None]


@pytest.mark.parametrize(
    ("text", "rate", "gate", "why"),
    [
        pytest.param(
            "Seven purple elephants never bought an umbrella yesterday.", RATE, "wrong_words", "other words", id="other words"
        ),
        pytest.param(
            "Xyzzyq and frobnitz, the żółć of Vlissingen.", RATE, "wrong_words", "other words", id="words that no dictionary has"
        ),
        pytest.param(TEXT, 11_025, "wrong_rate", "the sampling rate is none of those allowed", id="a rate no model may have"),
        pytest.param("No.", RATE, "too_long", "much longer than the text takes", id="a text that is much shorter"),
    ],
)
async def test_a_closed_gate_is_told(bed: Bed, pcm: bytes, text: str, rate: int, gate: str, why: str) -> None:
    """What would be worth nothing in a round is worth nothing here, and says why."""
    asked = await bed.api.validate(wav(pcm, rate), text, DESCRIPTION)
    assert await bed.work() == "validated"
    found = await bed.api.validation(asked.id)
    assert (found.state, found.score, found.gate) == (ValidationState.DONE, 0, gate)
    assert why in found.reasons[0]


@pytest.mark.parametrize(
    ("upload", "text", "code", "why"),
    [
        pytest.param(b"RIFF and no more", TEXT, Code.AUDIO_INVALID, "cannot be decoded", id="no sound"),
        pytest.param(wav(bytes(4_000))[:-100], TEXT, Code.AUDIO_INVALID, "less sound than its header says", id="a torn file"),
        pytest.param(wav(bytes(100)), "Come on 3/4/2005.", Code.TEXT_INVALID, "how to read: 3/4/2005", id="two dates"),
        pytest.param(wav(bytes(100)), "語 語", Code.TEXT_INVALID, "no word that can be read", id="another script"),
    ],
)
async def test_what_cannot_be_judged_ends_with_its_reason(bed: Bed, upload: bytes, text: str, code: Code, why: str) -> None:
    """At once and for good: it is neither a score nor tried again, and the upload is forgotten."""
    asked = await bed.api.validate(upload, text, DESCRIPTION)
    assert await bed.work() == "refused"
    found = await bed.api.validation(asked.id)
    assert (found.state, found.code, found.score, found.attempt) == (ValidationState.FAILED, code, None, 1)
    assert why in (found.reason or "")
    assert (await bed.miner.uploads(), await bed.work()) == ([None], None)


async def test_our_failure_is_tried_again_and_never_a_score(bed: Bed, pcm: bytes) -> None:
    """Judges that are missing put it back; when that happens too often it fails with our code."""
    asked = await bed.api.validate(wav(pcm), TEXT, DESCRIPTION)
    without = replace(bed.context.judging.tools, panel=cast(LastPanel, _no_judges))
    assert await bed.work(tools=without) == "handed back"
    waiting = await bed.api.validation(asked.id)
    assert (waiting.state, waiting.code, await bed.miner.uploads()) == (ValidationState.QUEUED, None, [wav(pcm)])
    assert await bed.work(tools=without) == "failed"
    found = await bed.api.validation(asked.id)
    assert (found.state, found.code, found.score, found.attempt) == (ValidationState.FAILED, Code.JUDGE_UNAVAILABLE, None, 2)


def _no_judges(_profile: object, _on_bytes: object) -> None:
    raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, "there are none today")


class BrokenSandbox(Sandbox):
    """One with a bug."""

    def decode(self, upload: bytes, most_seconds: float) -> Never:
        """Raises LookupError."""
        raise LookupError(f"a bug met {len(upload)} bytes of at most {most_seconds} seconds")


async def test_a_bug_hands_it_back_and_is_loud(bed: Bed, tmp_path: Path, pcm: bytes) -> None:
    """An unknown failure is ours: the recording waits again, and the job fails for the log."""
    asked = await bed.api.validate(wav(pcm), TEXT, DESCRIPTION)
    broken = replace(bed.context.judging.tools, sandbox=BrokenSandbox(tmp_path))
    with pytest.raises(LookupError, match="a bug"):
        await bed.work(tools=broken)
    assert (await bed.api.validation(asked.id)).state is ValidationState.QUEUED


async def test_a_worker_that_lost_its_lease_writes_nothing(bed: Bed, pcm: bytes) -> None:
    """Another one has taken over: what the first one found is dropped."""
    asked = await bed.api.validate(wav(pcm), TEXT, DESCRIPTION)

    async def take_over() -> None:
        async with bed.miner.pool.connection() as connection:
            await connection.execute("update validations set token = gen_random_uuid(), worker = 'other'")

    def slow(_profile: object, on_bytes: Callable[[int, int], None]) -> None:
        asyncio.run_coroutine_threadsafe(take_over(), bed.context.database.loop).result(timeout=10)
        on_bytes(1, 2)

    assert await bed.work(tools=replace(bed.context.judging.tools, panel=cast(LastPanel, slow))) == "lease lost"
    assert (await bed.api.validation(asked.id)).state is ValidationState.RUNNING


async def test_a_worker_that_must_stop_gives_it_back(bed: Bed, pcm: bytes) -> None:
    """Within its patience, which here is none: nobody failed, and another worker judges it at once."""
    asked = await bed.api.validate(wav(pcm), TEXT, DESCRIPTION)
    drain = Drain(timedelta(0))

    def slow(_profile: object, on_bytes: Callable[[int, int], None]) -> None:
        drain.request()
        for done in range(200):
            time.sleep(0.05)
            on_bytes(done, 200)

    stopping = replace(bed.context.judging.tools, panel=cast(LastPanel, slow))
    assert await bed.work(tools=stopping, drain=drain) == "handed back"
    waiting = await bed.api.validation(asked.id)
    assert (waiting.state, waiting.code, waiting.attempt) == (ValidationState.QUEUED, None, 0)
    assert await bed.work() == "validated"


async def test_evaluations_and_recordings_take_turns(bed: Bed, open_round: Callable[..., Awaitable[list[int]]]) -> None:
    """Evaluations begin; then a recording waits for one of them at most, however many are due, and holds up no second one."""
    await open_round(submissions=3)
    for _ in range(2):
        await bed.api.validate(wav(bytes(100)), "Xyzzyq.", DESCRIPTION)
    done = [await work_one(bed.context, QueueName.CPU) for _ in range(5)]
    # The evaluations are of a competition that is not ours: handed back once, then parked.
    assert done == ["handed back", "validated", "parked", "validated", "handed back"]


async def test_the_command_line_sees_it_through(bed: Bed, tmp_path: Path, pcm: bytes) -> None:
    """A miner's shell, an API on a port, a worker: a table of metrics, the reasons, and the address of the result."""
    keys = wallets.create("me", "default", tmp_path / "wallets")
    await bed.miner.register(keys, 11)
    (tmp_path / "clip.wav").write_bytes(wav(pcm))
    async with listening(bed.miner.settings) as url:
        command = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "neurons.cli", "miner", "validate", str(tmp_path / "clip.wav"), "--text", TEXT),
            *("--description", DESCRIPTION),
            env={"PATH": os.defpath, "BT_WALLET_PATH": str(tmp_path / "wallets"), "BT_WALLET": "me", "VOICE_API_URL": url}
            | {"VOICE_API_HOTKEY": bed.miner.settings.hotkey},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        while command.returncode is None and await bed.work() is None:  # noqa: ASYNC110 - another process decides
            await asyncio.sleep(0.1)
        out, err = await asyncio.wait_for(command.communicate(), 60)
    assert (command.returncode, err.strip()) == (0, b"")
    found = await bed.api.validation(UUID(out.decode().rpartition("/")[2].strip()))
    assert found.score is not None and f"score {found.score / MICRO:.4f}, {url}" in out.decode()
    assert all(reason in out.decode() for reason in found.reasons)


@asynccontextmanager
async def listening(settings: ApiSettings) -> AsyncIterator[str]:
    """The API on a port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(create_app(settings), log_config=None, timeout_graceful_shutdown=1))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 - it offers no event
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await serving
