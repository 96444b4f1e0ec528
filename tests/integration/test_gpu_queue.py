"""A track that speaks on cards beside one that does not, from a validator's rounds to its ledger: real PostgreSQL, Redis, RQ, processes.

No machine of these tests has a card: the worker of its queue is told that it has one, and its sandbox says everything at once.
"""

import asyncio
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import bittensor as bt
import pytest
from pydantic import SecretStr

from neurons.localnet.network import worker_identity
from neurons.localnet.repositories import publish
from scoring.competition import load
from scoring.errors import Code, PlatformError
from scoring.model.fingerprint import fingerprint, tag_of
from scoring.progress import NO_PROGRESS
from scoring.synthesis.csm import tiny
from scoring.types import Block, Hotkey, RoundNumber
from tests.builders import espeak_voices
from tests.builders.processes import Processes, Workers
from tests.builders.rules import two_devices
from tests.chaos.stand_ins import sound_of
from tests.integration.event_replay import replayed
from tests.integration.hub_thread import hub_over
from voice_api.db.database import Pool
from voice_api.db.evaluations import Evaluation
from voice_api.db.ledger import LedgerEntry
from voice_api.db.queue import EvaluationQueue
from voice_api.db.states import EvaluationState, QueueName
from voice_api.db.submissions import NewSubmission, Submissions
from workers import main
from workers.evaluation.batches import batches_of
from workers.hub.client import Hub
from workers.settings import WorkerSettings

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed

CPU, GPU = QueueName.CPU, QueueName.GPU
IDS = {"evaluation", "submission", "round", "worker", "job"}
PYTHON = re.compile(r"<\w[\w.]* |<class|\bb'|\w+\(\w+=|PosixPath|datetime\.|Decimal\(")
"""How Python shows an object."""
HOSTS = {"without": CPU, "card-1": GPU, "card-2": GPU}
SAMPLE_SECONDS, BATCH = 0.3, 4
STEPS = """
select v.host, v.to_state from events v join evaluations e on e.id = v.evaluation_id join submissions s on s.id = e.submission_id
where v.kind = 'evaluation' and e.round = $1 and s.hotkey = $2 order by v.id
"""


@dataclass(frozen=True, slots=True)
class Bed:
    """A validator, a hub's folder, and a dispatcher with a worker without a card and two with one."""

    stack: "ValidatorBed"
    hub: Path
    workers: Workers
    new_submission: Callable[..., NewSubmission]

    async def commit(self, hotkey: str, model: Path) -> NewSubmission:
        """Publish a model, and record its commitment in round 1."""
        new = self.new_submission(hotkey=Hotkey(hotkey), commit_block=Block(41))
        tag = tag_of(fingerprint(model, NO_PROGRESS).content, new.public_key)
        new = replace(new, revision=publish(self.hub, str(new.repo), model), tag=tag)
        await Submissions(self.stack.pool).add([new])
        return new

    async def open(self, number: int) -> None:
        """Open a round."""
        self.stack.chain.block = self.stack.schedule.round_blocks * number + 5
        while await self.stack.tick():
            pass

    async def end(self, number: int) -> LedgerEntry:
        """Wait until everybody is judged, and bring the round into the ledger."""
        deadline = time.monotonic() + 90
        while (latest := await self.stack.store.rounds.latest()) is None or latest.pending:
            assert time.monotonic() < deadline, latest
            await asyncio.sleep(0.1)
        while await self.stack.tick():
            pass
        head = await self.stack.store.ledger.head()
        assert head is not None and head.round == number
        return head

    async def steps(self, number: int, hotkey: str) -> list[tuple[QueueName | None, str]]:
        """What the hotkey's evaluation of a round became, and by a worker of which queue."""
        async with self.stack.pool.connection() as connection:
            return [(HOSTS.get(row["host"]), row["to_state"]) for row in await connection.fetch(STEPS, number, hotkey)]

    async def spoke(self) -> Evaluation:
        """The only evaluation, once a worker with a card has said some of it, and not yet all."""
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            (found,) = await EvaluationQueue(self.stack.pool).page()
            if (found.queue, found.stage) == (GPU, "speak") and 0 < (found.done or 0) < (found.total or 0):
                return found
            await asyncio.sleep(0.02)
        raise AssertionError(f"the evaluation stayed {found}")


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A track of espeak, and one of CSM on cards."""
    path = tmp_path / "rules.toml"
    path.write_text(two_devices("espeak", "csm", BATCH), encoding="utf-8")
    return path


@pytest.fixture
def bed(
    stack: "ValidatorBed",
    new_submission: Callable[..., NewSubmission],
    rules: Path,
    tmp_path: Path,
    database_url: str,
    redis_url: str,
) -> Iterator[Bed]:
    """All of it, ended with the test."""
    stack.schedule = load(rules)
    stack.chain.miners = ("h4", "h5")
    (tmp_path / "logs").mkdir()
    (tmp_path / "hub").mkdir()
    shared = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "VOICE_LOG_FORMAT": "json"}
    processes = Processes(tmp_path / "logs")
    with hub_over(tmp_path / "hub") as hub:
        common = shared | {"HF_ENDPOINT": hub, "VOICE_COMPETITION": str(rules), "VOICE_STORE": str(tmp_path / "store")}
        own = {host: common | _worker(tmp_path, host, queue, stack.wallet) for host, queue in HOSTS.items()}
        try:
            processes.start("dispatcher", "neurons.cli", ["dispatcher"], shared | {"VOICE_DISPATCH_SECONDS": "0.2"})
            workers = Workers(processes, own)
            with ExitStack() as ends:
                ends.callback(workers.stop)
                for host in own:
                    workers.start(host)
                yield Bed(stack, tmp_path / "hub", workers, new_submission)
        finally:
            processes.stop()


def _worker(folder: Path, host: str, queue: QueueName, validator: bt.Wallet) -> dict[str, str]:
    return {
        "VOICE_QUEUE": queue.value,
        "VOICE_HOST": host,
        "VOICE_DATA": str(folder / host),
        "CHAOS_LOG": str(folder / "logs" / f"{host}.log"),
        "CHAOS_CLOCK": str(folder / f"{host}.clock"),
        "CHAOS_SAMPLE_SECONDS": str(SAMPLE_SECONDS),
        **worker_identity(folder / host, host, validator),
    }


def a_csm(folder: Path) -> Path:
    """A model for cards."""
    made = tiny.build(folder)
    (made / "README.md").write_text("---\nlicense: apache-2.0\n---\nA random model.\n", encoding="utf-8")
    return made


@pytest.mark.timeout(200)
async def test_each_queue_judges_its_track(bed: Bed, pool: Pool, tmp_path: Path) -> None:
    """A newcomer is read by the worker without a card, which sends it on; from then on only those with one see it."""
    await bed.commit("h4", espeak_voices.build(tmp_path / "models")["clear"])
    await bed.commit("h5", a_csm(tmp_path / "csm"))
    await bed.open(2)
    first = await bed.end(2)
    assert await bed.steps(2, "h4") == [(None, "queued"), (CPU, "running"), (CPU, "scored")]
    read = [(None, "queued"), (CPU, "running"), (CPU, "queued")]
    assert await bed.steps(2, "h5") == [*read, (GPU, "running"), (GPU, "scored")]
    await bed.open(3)
    await bed.end(3)
    assert await bed.steps(3, "h4") == [(None, "queued"), (CPU, "running"), (CPU, "scored")]
    assert await bed.steps(3, "h5") == [(None, "queued"), (GPU, "running"), (GPU, "scored")]
    assert {state.track: [record.entrant for record in state.records] for state in first.state.tracks} == {
        "small": ["h4@41"],
        "large": ["h5@41"],
    }
    assert dict(first.inputs.distrusted) == {}
    assert [result.track for result in await bed.stack.store.rounds.results(RoundNumber(3))] == ["small", "large"]
    assert await replayed(pool) == ()
    lines = lines_of(tmp_path / "logs")
    jobs = [line for line in lines if line["event"] in ("verdict", "moved to another queue")]
    assert [IDS - line.keys() for line in jobs] == [set()] * 5, "each line of a job names it, its worker, and what it is about"
    assert len({line["job"] for line in jobs}) > 1 and len({line["worker"] for line in jobs}) > 1
    assert [line for line in lines if PYTHON.search(json.dumps(line, ensure_ascii=False))] == [], "as machines and people read it"


def lines_of(folder: Path) -> list[dict[str, object]]:
    """All that dispatcher and workers logged in a run: a JSON object a line."""
    return [json.loads(line) for path in folder.glob("*.log") for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.timeout(200)
async def test_who_goes_on_asks_in_the_same_batches(bed: Bed, pool: Pool, tmp_path: Path) -> None:
    """kill -9 after the first batch: the other worker with a card gives every sound as it follows from the round, batch by batch."""
    new = await bed.commit("h5", a_csm(tmp_path / "csm"))
    await bed.open(2)
    running = await bed.spoke()
    async with pool.connection() as connection:
        victim = await connection.fetchval("select host from evaluations where id = $1", running.id)
        bed.workers.kill(victim)
        await connection.execute("update evaluations set lease_until = now() where id = $1", running.id)
    await bed.end(2)
    ended = await EvaluationQueue(pool).get(running.id)
    assert (ended.state, ended.attempt, ended.failures) == (EvaluationState.SCORED, 3, 1)
    track = bed.stack.schedule.at(RoundNumber(2)).named("large")
    (round_,) = await bed.stack.store.rounds.page()
    model = Hub("", tmp_path).folder(str(new.repo), str(new.revision)).name
    asked = [[timed.request for timed in batch] for batch in batches_of("csm", track, round_.block_hash)]
    assert [len(batch) for batch in asked] == [BATCH, 3]
    (result,) = await bed.stack.store.rounds.results(RoundNumber(2))
    assert {sample["prompt"]: sample["pcm_sha256"] for sample in result.samples} == {
        each.prompt_id: hashlib.sha256(sound_of(model, batch, each)).hexdigest() for batch in asked for each in batch
    }


def test_a_worker_without_a_card_does_not_start_in_the_queue_of_cards() -> None:
    """It says so before it asks anything of anybody: its host would fail every model."""
    settings = WorkerSettings(
        database_url=SecretStr("postgresql:///nobody"), redis_url=SecretStr("redis://nobody"), queue=QueueName.GPU
    )
    with pytest.raises(PlatformError, match="the driver shows no card on this host") as refusal:
        main.run(settings, cards_here=lambda: ())
    assert refusal.value.code is Code.SETTING_INVALID
