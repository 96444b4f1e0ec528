"""A real worker that is asked to stop, and one that works off what is due: how each ends, and what becomes of its evaluation."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from neurons.chain import wallets
from neurons.chain.commitment import tiebreak
from neurons.localnet import repositories
from neurons.localnet.network import COMPETITION, worker_identity
from neurons.localnet.services import pick_port
from neurons.localnet.stack import Stack
from scoring.competition import load
from scoring.model.fingerprint import fingerprint, tag_of
from scoring.progress import NO_PROGRESS
from scoring.types import Block, BlockHash, Hotkey, PublicKey, RoundNumber, SubmissionId
from tests.builders import espeak_voices
from voice_api.db.database import Pool
from voice_api.db.evaluations import Evaluation
from voice_api.db.queue import EvaluationQueue
from voice_api.db.rounds import NewRound, RoundEntry, Rounds
from voice_api.db.states import EvaluationState, QueueName
from voice_api.db.submissions import NewSubmission, Submissions
from voice_api.runtime.process_end import die_with_parent

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

HASH = BlockHash("0x" + "5a" * 32)
KEY = PublicKey("00" * 32)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A running hub: its folder, and its URL."""
    root, port, stack = tmp_path / "hub", pick_port(None), Stack(tmp_path / "logs")
    root.mkdir()
    stack.start("hub", ["dev", "hub", "--root", str(root), "--port", str(port)], {})
    yield root, f"http://127.0.0.1:{port}"
    stack.stop()


@pytest.fixture
def start(
    tmp_path: Path, hub: tuple[Path, str], database_url: str, redis_url: str
) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start `voice worker`; wake-ups come from itself in a burst, or from the test."""
    started: list[subprocess.Popen[str]] = []
    validator = wallets.create("validator", "default", tmp_path / "wallets")

    def run(*arguments: str, **more: str) -> "subprocess.Popen[str]":
        environment = {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "HF_ENDPOINT": hub[1],
            "VOICE_COMPETITION": str(COMPETITION),
            "VOICE_DATA": str(tmp_path / "worker"),
            **worker_identity(tmp_path / "worker", "worker", validator),
            **more,
        }
        command = [sys.executable, "-m", "neurons.cli", "worker", *arguments]
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=die_with_parent
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


async def asked(pool: Pool, root: Path, folder: Path) -> SubmissionId:
    """A published and committed model, asked for in a round."""
    model = espeak_voices.build(folder)["clear"]
    new = NewSubmission(
        hotkey=Hotkey("h"),
        public_key=KEY,
        commit_block=Block(1),
        tiebreak=tiebreak(HASH, KEY),
        commitment="v1",
        repo="lab/voice",
        revision=repositories.publish(root, "lab/voice", model),
        tag=tag_of(fingerprint(model, NO_PROGRESS).content, KEY),
    )
    (submission,) = await Submissions(pool).add([new])
    rules = load(COMPETITION).at(RoundNumber(1))
    opened = NewRound(
        round=RoundNumber(1), start_block=Block(40), block_hash=HASH, deadline_block=Block(400), competition_hash=rules.hash
    )
    await Rounds(pool).open(opened, [RoundEntry(submission, None, QueueName.CPU, 0)])
    return submission


async def when(pool: Pool, submission: SubmissionId, is_so: Callable[[Evaluation], bool]) -> Evaluation:
    """The submission's evaluation, once it is so."""
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline:
        (found,) = await Submissions(pool).evaluations(submission)
        if is_so(found):
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"the evaluation stayed {found}")


@pytest.mark.timeout(200)
async def test_what_it_cannot_finish_in_time_goes_back(
    pool: Pool, hub: tuple[Path, str], start: Callable[..., "subprocess.Popen[str]"], tmp_path: Path
) -> None:
    """No patience: due again at once, no failure counted, no guest left, exit status 0; and a burst of the next worker ends it."""
    submission = await asked(pool, hub[0], tmp_path / "models")
    worker = start("--burst", VOICE_DRAIN_SECONDS="0")
    await when(pool, submission, lambda found: found.stage == "speak")
    guests = psutil.Process(worker.pid).children(recursive=True)
    worker.send_signal(signal.SIGTERM)
    output, _ = await asyncio.to_thread(worker.communicate, timeout=60)
    (returned,) = await Submissions(pool).evaluations(submission)
    assert (returned.state, returned.failures, returned.code) == (EvaluationState.QUEUED, 0, None), output
    assert (worker.returncode, "asked to stop" in output) == (0, True), output
    assert psutil.wait_procs(guests, timeout=5)[1] == []

    other = start("--burst")
    output, _ = await asyncio.to_thread(other.communicate, timeout=150)
    (ended,) = await Submissions(pool).evaluations(submission)
    assert (ended.state, ended.attempt, ended.failures) == (EvaluationState.SCORED, 2, 0), output
    assert (other.returncode, "nothing is due" in output) == (0, True), output
    assert await EvaluationQueue(pool).due_counts() == {QueueName.CPU: 0, QueueName.GPU: 0}


@pytest.mark.timeout(200)
async def test_what_it_can_finish_in_time_is_finished(
    pool: Pool, hub: tuple[Path, str], start: Callable[..., "subprocess.Popen[str]"], tmp_path: Path
) -> None:
    """The verdict is written after the signal, and the worker ends by itself."""
    submission = await asked(pool, hub[0], tmp_path / "models")
    worker = start("--burst", VOICE_DRAIN_SECONDS="120")
    await when(pool, submission, lambda found: found.stage == "speak")
    worker.send_signal(signal.SIGTERM)
    output, _ = await asyncio.to_thread(worker.communicate, timeout=150)
    (ended,) = await Submissions(pool).evaluations(submission)
    assert (ended.state, worker.returncode) == (EvaluationState.SCORED, 0), output
    assert "asked to stop: this goes back unless it ends in time" in output
