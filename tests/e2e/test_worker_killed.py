"""A worker that is killed in the middle of an evaluation loses nothing."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import bittensor as bt
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
from scoring.synthesis.csm import tiny as tiny_csm
from scoring.synthesis.pocket_tts import tiny as tiny_pocket
from scoring.synthesis.vits import tiny as tiny_vits
from scoring.types import Block, BlockHash, Hotkey, PublicKey, RoundNumber, SubmissionId
from tests.builders import espeak_voices, pocket_voices
from tests.integration import test_family_pins as family_pins
from tests.integration.hub_thread import hub_over
from voice_api.db.database import Pool
from voice_api.db.evaluations import Evaluation
from voice_api.db.rounds import NewRound, RoundEntry, Rounds
from voice_api.db.states import EvaluationState, QueueName
from voice_api.db.submissions import NewSubmission, Submissions

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

HASH = BlockHash("0x" + "5a" * 32)
LEASE_SECONDS = "100"
"""Longer than the longest silence of a healthy worker: to load torch in a guest takes more than a minute on a busy machine."""


def with_card(folder: Path, build: Callable[[Path], object]) -> Path:
    """A random model that speaks for a moment."""
    build(folder)
    (folder / "README.md").write_text(pocket_voices.CARD, encoding="utf-8")
    return folder


FAMILIES: dict[str, Callable[[Path], Path]] = {
    "espeak": lambda folder: espeak_voices.build(folder)["clear"],
    "vits": lambda folder: tiny_vits.build(folder / "vits"),
    "pocket_tts": lambda folder: with_card(folder / "pocket_tts", tiny_pocket.build),
    "csm": lambda folder: with_card(folder / "csm", tiny_csm.build),
}
"""A model of each family; of those made for a GPU, the one that needs neither parts nor packages."""
ADMITTED = load(COMPETITION).at(RoundNumber(0)).track[0].families


@dataclass(frozen=True)
class Bed:
    """Hub, dispatcher and two workers on this test's database."""

    stack: Stack
    hub: Path
    competition: Path


def rules_of(family: str, hub: Path, folder: Path) -> Path:
    """The demo's competition, or one for a family that the demo does not admit; with parts that lie on the hub, if it needs any."""
    if family in ADMITTED:
        return COMPETITION
    rules, pinned = folder / "competition.toml", ""
    if family == "pocket_tts":
        pocket_voices.publish_parts(hub, folder / "parts", "parts/codec", "parts/voices", ["me.wav"])
        with hub_over(hub) as url:
            pinned = str(family_pins.pin(url, folder))
    text = COMPETITION.read_text(encoding="utf-8").replace('["espeak", "vits"]', f'["{family}"]')
    rules.write_text(f"{text}\n{pinned}", encoding="utf-8")
    return rules


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    """Each in turn."""
    return str(request.param)


@pytest.fixture
def bed(family: str, tmp_path: Path, database_url: str, redis_url: str) -> Iterator[Bed]:
    """Real processes, ended with the test."""
    hub, port = tmp_path / "hub", pick_port(None)
    hub.mkdir()
    competition = rules_of(family, hub, tmp_path)
    stack = Stack(tmp_path / "logs")
    shared = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    worker = {
        "HF_ENDPOINT": f"http://127.0.0.1:{port}",
        "VOICE_COMPETITION": str(competition),
        "VOICE_LEASE_SECONDS": LEASE_SECONDS,
    }
    try:
        stack.start("hub", ["dev", "hub", "--root", str(hub), "--port", str(port)], {})
        stack.start("dispatcher", ["dispatcher"], shared | {"VOICE_DISPATCH_SECONDS": "0.5"})
        validator = wallets.create("validator", "default", tmp_path / "wallets")
        for number in (1, 2):
            data = tmp_path / f"worker-{number}"
            own = {"VOICE_DATA": str(data), **worker_identity(data, f"worker-{number}", validator)}
            stack.start(f"worker-{number}", ["worker"], shared | worker | own)
        yield Bed(stack, hub, competition)
    finally:
        stack.stop()


async def one_evaluation(pool: Pool, bed: Bed, model: Path, wallet: bt.Wallet) -> SubmissionId:
    """Publish a model, record its commitment, and open a round for it."""
    revision = repositories.publish(bed.hub, "lab/voice", model)
    key = bytes(wallet.hotkey.public_key)
    (submission,) = await Submissions(pool).add(
        [
            NewSubmission(
                hotkey=Hotkey(wallet.hotkey.ss58_address),
                public_key=PublicKey(key.hex()),
                commit_block=Block(1),
                tiebreak=tiebreak(HASH, PublicKey(key.hex())),
                commitment="v1",
                repo="lab/voice",
                revision=revision,
                tag=tag_of(fingerprint(model, NO_PROGRESS).content, PublicKey(key.hex())),
            )
        ]
    )
    competition = load(bed.competition).at(RoundNumber(1))
    await Rounds(pool).open(
        NewRound(
            round=RoundNumber(1),
            start_block=Block(40),
            block_hash=HASH,
            deadline_block=Block(400),
            competition_hash=competition.hash,
        ),
        [RoundEntry(submission, None, QueueName.CPU, 0)],
    )
    return submission


async def evaluation_when(pool: Pool, submission: SubmissionId, *states: EvaluationState) -> Evaluation:
    """The submission's only evaluation, once it is in one of these states (and, when running, has spoken or judged something)."""
    deadline = time.monotonic() + 400
    while time.monotonic() < deadline:
        (found,) = await Submissions(pool).evaluations(submission)
        if found.state in states and (found.state is not EvaluationState.RUNNING or found.stage in ("speak", "judge")):
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"the evaluation stayed {found}")


@asynccontextmanager
async def guests_ended(worker: int):  # type: ignore[no-untyped-def]
    """Every process that the worker had started is gone soon after it."""
    children = psutil.Process(worker).children(recursive=True)
    yield
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []


@pytest.mark.timeout(900)
async def test_the_other_worker_finishes_what_a_killed_one_began_once(bed: Bed, pool: Pool, tmp_path: Path, family: str) -> None:
    """kill -9 in the middle: the lease runs out, the other worker takes over, and there is exactly one verdict with all samples."""
    model = FAMILIES[family](tmp_path / "models")
    submission = await one_evaluation(pool, bed, model, wallets.create("miner", "default", tmp_path / "wallets"))
    running = await evaluation_when(pool, submission, EvaluationState.RUNNING)
    async with pool.connection() as connection:
        victim = await connection.fetchval("select worker from evaluations where id = $1", running.id)
    pid = next(pid for pid in bed.stack.pids.values() if f"-{pid}-" in victim)
    async with guests_ended(pid):
        os.kill(pid, signal.SIGKILL)
    async with pool.connection() as connection:  # nobody has to wait for it
        await connection.execute("update evaluations set lease_until = now() + interval '1 second' where id = $1", running.id)
    ended = await evaluation_when(pool, submission, EvaluationState.SCORED, EvaluationState.REJECTED, EvaluationState.PARKED)
    async with pool.connection() as connection:
        finisher = await connection.fetchval("select worker from evaluations where id = $1", ended.id)
        verdicts = await connection.fetchval(
            "select count(*) from events where evaluation_id = $1 and kind = 'evaluation' and to_state in ('scored', 'rejected', 'parked')",
            ended.id,
        )
        samples = await connection.fetchval("select count(*) from samples where evaluation_id = $1", ended.id)
    quotas = load(bed.competition).at(RoundNumber(1)).track[0].prompts
    expected = quotas.single + 2 * (quotas.counterfactual + quotas.voice)
    assert (ended.state, ended.attempt, ended.failures, verdicts, samples) == (EvaluationState.SCORED, 2, 1, 1, expected)
    assert finisher != victim
